//! Signing in, and the password once more.

use crate::ROOT;
use browser::field::{Field, form, hidden, passkey_form, summary};
use browser::{Faults, Frame};
use maud::{Markup, html};

fn next_field(next: Option<&str>) -> Markup {
    html! { @if let Some(next) = next { (hidden("next", next)) } }
}

/// The page with the password.
#[must_use]
pub fn sign_in(frame: &Frame<'_>, email: &str, next: Option<&str>, faults: &Faults) -> String {
    let address = Field {
        name: "email",
        label: "Email address",
        kind: "email",
        autocomplete: "username webauthn",
        value: email,
        ..Field::default()
    };
    let password = Field::password("password", "Password", "current-password");
    let next = next_field(next);
    let content = html! {
        (summary(frame, faults))
        p { "For administrators, with a second factor." }
        (form(frame, "/sign-in", &html! { (next) (address.show(frame, faults)) (password.show(frame, faults)) }, "Sign in"))
        (passkey_form(frame, false, "/sign-in/passkey", &next, "Sign in with a passkey"))
        ul.links { li { a href="/account/recover" { "Forgotten your password?" } } }
    };
    frame.page("/sign-in", &format!("Sign in to {}", frame.brand), true, &content)
}

/// The page with the code of an authenticator app.
#[must_use]
pub fn code(frame: &Frame<'_>, faults: &Faults) -> String {
    let code = Field {
        name: "code",
        label: "Code",
        autocomplete: "one-time-code",
        hint: Some("The six digits that your app shows, or a recovery code."),
        ..Field::default()
    };
    let content = html! {
        (summary(frame, faults))
        (form(frame, "/sign-in/code", &code.show(frame, faults), "Sign in"))
        p { a href={ (ROOT) "/sign-in" } { "Start again" } }
    };
    frame.page("/sign-in/code", "Enter your code", false, &content)
}

/// The page that asks for the password before something that needs a recent sign-in.
#[must_use]
pub fn confirm(frame: &Frame<'_>, email: &str, next: &str, faults: &Faults) -> String {
    let password = Field::password("current_password", "Your password", "current-password");
    let fields = html! {
        input type="text" name="username" autocomplete="username" value=(email) hidden;
        (hidden("next", next))
        (password.show(frame, faults))
    };
    let content = html! {
        (summary(frame, faults))
        p { "This needs a sign-in within the last ten minutes." }
        (form(frame, "/confirm", &fields, "Continue"))
        (passkey_form(frame, false, "/sign-in/passkey", &hidden("next", next), "Use a passkey"))
        p { a href=(next) { "Back" } }
    };
    frame.page("/confirm", "Confirm that it is you", true, &content)
}
