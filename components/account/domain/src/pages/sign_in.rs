//! Signing in.

use super::View;
use super::tickets::ask_for_mail;
use crate::ROOT;
use crate::return_to::with_next;
use browser::Faults;
use browser::field::{Field, form, hidden_next, passkey_form, summary};
use maud::html;

/// What the page of a sign-in shows.
#[derive(Debug, Default)]
pub struct SignIn<'a> {
    /// The address that was typed in.
    pub email: &'a str,
    /// Where to go afterwards.
    pub next: Option<&'a str>,
    /// Whether people may sign in by mail.
    pub has_mail: bool,
    /// Whether people may sign up.
    pub has_sign_up: bool,
}

/// The page with the password.
#[must_use]
pub fn sign_in(view: &View<'_>, shown: &SignIn<'_>, faults: &Faults) -> String {
    let t = view.t;
    let email = Field {
        name: "email",
        label: t.email_address,
        kind: "email",
        autocomplete: "username webauthn",
        value: shown.email,
        ..Field::default()
    };
    let password = Field::password("password", t.password, "current-password");
    let next = hidden_next(shown.next);
    let to = |path: &str| with_next(&format!("{ROOT}{path}"), shown.next);
    view.page("/sign-in", &view.branded(t.sign_in_to), &html! {
        (summary(view, faults))
        (form(view, "/sign-in", &html! { (next) (email.show(view, faults)) (password.show(view, faults)) }, t.sign_in))
        (passkey_form(view, false, "/sign-in/passkey", &next, t.sign_in_passkey))
        ul.links {
            @if shown.has_mail { li { a href=(to("/sign-in/mail")) { (t.sign_in_mail) } } }
            li { a href=(to("/recover")) { (t.forgotten) } }
            @if shown.has_sign_up { li { a href=(to("/sign-up")) { (t.sign_up_link) } } }
        }
    })
}

/// The page with the code of an authenticator app.
#[must_use]
pub fn code(view: &View<'_>, faults: &Faults) -> String {
    let t = view.t;
    let code = Field {
        name: "code",
        label: t.code,
        autocomplete: "one-time-code",
        hint: Some(t.code_hint),
        ..Field::default()
    };
    view.page(
        "/sign-in/code",
        t.code_title,
        &html! {
            (summary(view, faults))
            (form(view, "/sign-in/code", &code.show(view, faults), t.sign_in))
            p { a href={ (ROOT) "/sign-in" } { (t.start_again) } }
        },
    )
}

/// The page to ask for a mail that signs in.
#[must_use]
pub fn mail(view: &View<'_>, email: &str, next: Option<&str>, faults: &Faults) -> String {
    ask_for_mail(view, ("/sign-in/mail", view.t.sign_in_mail), view.t.sign_in_mail_about, (email, next), faults)
}

/// The page for the code of such a mail.
#[must_use]
pub fn mail_code(view: &View<'_>, faults: &Faults) -> String {
    let t = view.t;
    let code = Field {
        name: "code",
        label: t.code,
        autocomplete: "one-time-code",
        hint: Some(t.mail_code_hint),
        ..Field::default()
    };
    view.page(
        "/sign-in/mail/code",
        t.sign_in_mail,
        &html! {
            (summary(view, faults))
            p { (t.sign_in_mail_sent) }
            (form(view, "/sign-in/mail/code", &code.show(view, faults), t.sign_in))
            ul.links { li { a href={ (ROOT) "/sign-in/mail" } { (t.recover_again) } } }
        },
    )
}
