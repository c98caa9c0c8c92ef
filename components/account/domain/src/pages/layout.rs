//! What all pages have: texts, and the frame with the way through the account.

use crate::ROOT;
use crate::texts::{Texts, fill};
use browser::{Assets, Frame, Section, Words};
use maud::Markup;
use std::ops::Deref;

/// What a page is shown with.
#[derive(Debug)]
pub struct View<'a> {
    /// The texts.
    pub t: &'a Texts,
    frame: Frame<'a>,
}

/// The parts of an account: path below the root and name.
fn sections(t: &Texts) -> [(&'static str, &'static str); 9] {
    [
        ("", t.overview),
        ("/profile", t.profile),
        ("/email", t.email_address),
        ("/password", t.password),
        ("/second-factor", t.second_factor),
        ("/passkeys", t.passkeys),
        ("/sessions", t.sessions),
        ("/activity", t.activity),
        ("/data", t.data),
    ]
}

impl<'a> View<'a> {
    /// A view with these texts for somebody who is signed in, or for nobody.
    #[must_use]
    pub fn new(
        t: &'a Texts,
        brand: &'a str,
        form_token: String,
        is_signed_in: bool,
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
        let sections =
            if is_signed_in { sections(t).map(|(path, name)| Section { path, name }).to_vec() } else { Vec::new() };
        let frame = Frame { root: ROOT, language: t.language, brand, words, form_token, sections, assets, notice };
        Self { t, frame }
    }

    /// A page with this title, at this path below the root.
    #[must_use]
    pub fn page(&self, path: &str, title: &str, content: &Markup) -> String {
        self.frame.page(path, title, has_passkeys(path), content)
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
