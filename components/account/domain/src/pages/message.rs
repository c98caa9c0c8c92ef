//! Pages that only say something.

use super::View;
use maud::html;

/// A page with a text, and a link to go on.
#[must_use]
pub fn message(view: &View<'_>, path: &str, title: &str, text: &str, link: Option<(&str, &str)>) -> String {
    view.page(
        path,
        title,
        &html! {
            p { (text) }
            @if let Some((href, name)) = link { p { a.button href=(href) { (name) } } }
        },
    )
}

/// A page for something that did not work, with the id by which an operator finds it in the log.
#[must_use]
pub fn problem(view: &View<'_>, title: &str, text: &str, request_id: &str) -> String {
    view.page(
        "/problem",
        title,
        &html! {
            p role="alert" { (text) }
            p.hint { (view.t.request_id) ": " code { (request_id) } }
            p { a href=(crate::ROOT) { (view.t.to_account) } }
        },
    )
}
