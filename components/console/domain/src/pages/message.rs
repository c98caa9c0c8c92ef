//! Pages that only say something.

use crate::{Admission, ROOT};
use browser::Frame;
use maud::html;

/// A page with a text, and a link to go on.
#[must_use]
pub fn message(frame: &Frame<'_>, title: &str, text: &str, link: Option<(&str, &str)>) -> String {
    let content = html! {
        p { (text) }
        @if let Some((href, name)) = link { p { a.button href=(href) { (name) } } }
    };
    frame.page("/message", title, false, &content)
}

/// A page for something that did not work, with the id by which an operator finds it in the log.
#[must_use]
pub fn problem(frame: &Frame<'_>, title: &str, text: &str, request_id: &str) -> String {
    let content = html! {
        p role="alert" { (text) }
        p.hint { "Request id: " code { (request_id) } }
        p { a href=(ROOT) { "To the console" } }
    };
    frame.page("/problem", title, false, &content)
}

/// The page of somebody who is not let in, which says what would change that.
#[must_use]
pub fn not_admitted(frame: &Frame<'_>, admission: Admission) -> String {
    let content = html! {
        @if admission == Admission::OneFactor {
            p role="alert" { "The console needs more than a password, and your sign-in used one factor alone." }
            p { "Add an authenticator app or a passkey to your account. Then sign in here again." }
            ul.links {
                li { a href="/account/second-factor" { "Add an authenticator app" } }
                li { a href="/account/passkeys" { "Add a passkey" } }
                li { a href={ (ROOT) "/sign-in" } { "Sign in again" } }
            }
        } @else {
            p role="alert" { "The console is for administrators, and this account is none." }
            p { "If it should be, ask an administrator to give you the role admin. Otherwise sign in with another account." }
            ul.links {
                li { a href={ (ROOT) "/sign-in" } { "Sign in with another account" } }
                li { a href="/account" { "To your account" } }
            }
        }
    };
    let title = if admission == Admission::OneFactor { "A second factor is needed" } else { "You are not let in" };
    frame.page("/not-admitted", title, false, &content)
}
