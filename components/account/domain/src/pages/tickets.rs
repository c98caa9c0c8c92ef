//! What links and codes of mails are for: an address to confirm, a new password, a change to be confirmed or taken back.

use super::View;
use super::layout::whose;
use crate::ROOT;
use crate::return_to::with_next;
use crate::texts::fill;
use browser::Faults;
use browser::field::{Field, form, hidden, hidden_next, summary};
use maud::{Markup, html};

/// The page for the code that confirms an address, with a way to another mail. Whoever is not signed in can be at once.
#[must_use]
pub fn verify(view: &View<'_>, email: &str, next: Option<&str>, asks_password: bool, faults: &Faults) -> String {
    let t = view.t;
    let address = Field {
        name: "email",
        label: t.email_address,
        kind: "email",
        autocomplete: "username",
        value: email,
        ..Field::default()
    };
    let code = Field {
        name: "code",
        label: t.code,
        autocomplete: "one-time-code",
        hint: Some(t.mail_code_hint),
        ..Field::default()
    };
    let intro = if email.is_empty() { t.verify_intro.to_owned() } else { fill(t.verify_sent, &[("email", email)]) };
    view.page("/verify", t.verify_title, &html! {
        (summary(view, faults))
        p { (intro) }
        (form(view, "/verify", &html! {
            (address.show(view, faults))
            (code.show(view, faults))
            @if asks_password { (password(view)) }
        }, t.confirm))
        h2 { (t.no_mail_title) }
        p { (t.no_mail) }
        @if email.is_empty() {
            (form(view, "/verify/mail", &html! { (Field { name: "again", ..address }.show(view, faults)) }, t.send_again))
        } @else {
            (form(view, "/verify/mail", &hidden("again", email), t.send_again))
        }
        (sign_in_link(view, next))
    })
}

/// The field of a password that signs in at once.
fn password(view: &View<'_>) -> Markup {
    let t = view.t;
    let field = Field::password("password", t.password, "current-password");
    Field { hint: Some(t.verify_password_hint), is_optional: true, ..field }.show(view, &Faults::default())
}

/// The page behind the link that confirms an address; where the sign-up was begun, with the password that signs in at once.
#[must_use]
pub fn verify_link(view: &View<'_>, token: &str, email: Option<&str>) -> String {
    let t = view.t;
    let fields = html! {
        (hidden("token", token))
        @if let Some(email) = email { (whose(email)) (password(view)) }
    };
    view.page("/verify", t.verify_title, &html! { p { (t.verify_button) } (form(view, "/verify", &fields, t.confirm)) })
}

/// The page behind a link: programs that scan mail open links, so it takes a button to do what the link is for.
#[must_use]
pub fn confirm_link(view: &View<'_>, path: &str, title: &str, text: &str, token: &str, button: &str) -> String {
    view.page(
        path,
        title,
        &html! {
            p { (text) }
            (form(view, path, &hidden("token", token), button))
        },
    )
}

/// The page to ask for a mail that sets a new password.
#[must_use]
pub fn recover(view: &View<'_>, email: &str, next: Option<&str>, faults: &Faults) -> String {
    ask_for_mail(view, ("/recover", view.t.recover_title), view.t.recover_intro, (email, next), faults)
}

/// The way to the sign-in, and on.
pub(super) fn sign_in_link(view: &View<'_>, next: Option<&str>) -> Markup {
    html! { ul.links { li { a href=(with_next(&format!("{ROOT}/sign-in"), next)) { (view.t.sign_in_link) } } } }
}

/// A page, by path and title, that asks for the address that a mail is to go to; with where to go at the end.
pub(super) fn ask_for_mail(
    view: &View<'_>,
    (path, title): (&str, &str),
    intro: &str,
    (email, next): (&str, Option<&str>),
    faults: &Faults,
) -> String {
    let t = view.t;
    let address = Field {
        name: "email",
        label: t.email_address,
        kind: "email",
        autocomplete: "username",
        value: email,
        ..Field::default()
    };
    view.page(
        path,
        title,
        &html! {
            (summary(view, faults))
            p { (intro) }
            (form(view, path, &html! { (hidden_next(next)) (address.show(view, faults)) }, t.recover_send))
            (sign_in_link(view, next))
        },
    )
}

/// The page for a new password: by the link of a mail, or by the code.
#[must_use]
pub fn new_password(view: &View<'_>, token: Option<&str>, email: &str, faults: &Faults) -> String {
    let t = view.t;
    let address = Field {
        name: "email",
        label: t.email_address,
        kind: "email",
        autocomplete: "username",
        value: email,
        ..Field::default()
    };
    let code = Field {
        name: "code",
        label: t.code,
        autocomplete: "one-time-code",
        hint: Some(t.mail_code_hint),
        ..Field::default()
    };
    let fields = html! {
        @match token {
            Some(token) => (hidden("token", token)),
            None => { (address.show(view, faults)) (code.show(view, faults)) },
        }
        (view.new_password(t.new_password, faults))
    };
    view.page(
        "/recover/password",
        t.new_password_title,
        &html! {
            (summary(view, faults))
            @if token.is_none() { p { (t.recover_sent) } }
            (form(view, "/recover/password", &fields, t.save))
            ul.links { li { a href={ (ROOT) "/recover" } { (t.recover_again) } } }
        },
    )
}
