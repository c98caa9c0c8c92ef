//! What all pages have: texts, and the frame with the way through the account.

use crate::ROOT;
use crate::texts::{Texts, fill};
use browser::field::Field;
use browser::{Assets, Faults, Frame, Section, Words};
use maud::{Markup, html};
use std::ops::Deref;

/// What a page is shown with.
#[derive(Debug)]
pub struct View<'a> {
    /// The texts.
    pub t: &'a Texts,
    frame: Frame<'a>,
    has_applications: bool,
}

/// The page of connected applications.
pub(super) const APPLICATIONS: &str = "/applications";

/// The parts of an account: path below the root and name.
fn sections(t: &Texts) -> [(&'static str, &'static str); 10] {
    [
        ("", t.overview),
        ("/profile", t.profile),
        ("/email", t.email_address),
        ("/password", t.password),
        ("/second-factor", t.second_factor),
        ("/passkeys", t.passkeys),
        ("/sessions", t.sessions),
        (APPLICATIONS, t.applications),
        ("/activity", t.activity),
        ("/data", t.data),
    ]
}

impl<'a> View<'a> {
    /// A view with these texts for somebody who is signed in, or for nobody; with other applications that sign people in here, or without.
    #[must_use]
    pub fn new(
        t: &'a Texts,
        brand: &'a str,
        form_token: String,
        is_signed_in: bool,
        has_applications: bool,
        assets: Assets,
        notice: Option<&'a str>,
    ) -> Self {
        let words = Words {
            skip: t.skip,
            sign_out: t.sign_out,
            navigation: t.account,
            optional: t.optional,
            problem: t.there_is_a_problem,
            no_passkey: t.fault_passkey_browser,
        };
        let is_there = |(path, _): &(&str, &str)| is_signed_in && (has_applications || *path != APPLICATIONS);
        let sections = sections(t).into_iter().filter(is_there).map(|(path, name)| Section { path, name }).collect();
        let frame = Frame { root: ROOT, language: t.language, brand, words, form_token, sections, assets, notice };
        Self { t, frame, has_applications }
    }

    /// The same without ways to elsewhere.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.frame.sections.clear();
        self
    }

    /// Whether there is anything at a path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.has_applications || path != APPLICATIONS
    }

    /// A page with this title, at this path below the root.
    #[must_use]
    pub fn page(&self, path: &str, title: &str, content: &Markup) -> String {
        self.frame.page(path, title, has_passkeys(path), content)
    }

    /// The field of a new password; with scripts, what it is like is said beneath while it is typed in.
    pub(super) fn new_password(&self, label: &str, faults: &Faults) -> Markup {
        let t = self.t;
        let field = Field { hint: Some(t.password_hint), ..Field::password("password", label, "new-password") };
        html! {
            (field.show(&self.frame, faults))
            p.hint role="status" data-advice-on=(field.name) data-known=(t.advice_known) data-repeated=(t.advice_repeated)
                data-brief=(t.advice_short) data-good=(t.advice_good) {}
        }
    }

    /// A text with the brand filled in.
    pub(super) fn branded(&self, text: &str) -> String {
        fill(text, &[("brand", self.brand)])
    }
}

/// Forms and fields are shown with the frame.
impl<'a> Deref for View<'a> {
    type Target = Frame<'a>;

    fn deref(&self) -> &Frame<'a> {
        &self.frame
    }
}

fn has_passkeys(path: &str) -> bool {
    matches!(path, "/passkeys" | "/sign-in" | "/confirm")
}

/// Says to password managers whose password is asked for.
pub(super) fn whose(email: &str) -> Markup {
    html! { input type="text" name="username" autocomplete="username" value=(email) hidden; }
}
