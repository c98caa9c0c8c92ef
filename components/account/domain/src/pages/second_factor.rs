//! The second factor: an authenticator app, and recovery codes.

use super::View;
use crate::ROOT;
use crate::texts::{Texts, fill};
use browser::Faults;
use browser::field::{Field, danger, form, summary};
use maud::{Markup, PreEscaped, html};

/// An authenticator app that is being added.
#[derive(Debug)]
pub struct App<'a> {
    /// The secret, to be typed in.
    pub secret: &'a str,
    /// The QR code, as users has made it; it is shown once.
    pub qr_code: Option<&'a str>,
}

/// What there is, and what can be done about it.
#[must_use]
pub fn second_factor(view: &View<'_>, has_app: bool, codes_left: u64, faults: &Faults) -> String {
    let t = view.t;
    view.page(
        "/second-factor",
        t.second_factor,
        &html! {
            (summary(view, faults))
            @if has_app {
                p { span.badge { (t.app_on) } }
                h2 { (t.recovery_codes) }
                p { (fill(t.codes_left, &[("number", &codes_left.to_string())])) }
                (form(view, "/second-factor/codes", &html! {}, t.codes_new))
                h2 { (t.app_remove) }
                p { (t.app_remove_about) }
                (danger(view, "/second-factor/remove", &html! {}, t.app_remove))
            } @else {
                p { (t.app_about) }
                (form(view, "/second-factor/add", &html! {}, t.app_add))
            }
        },
    )
}

/// The secret and its QR code, and the field for a code of the app. `action` is where the code goes.
#[must_use]
pub fn enrolment(view: &View<'_>, path: &str, action: &str, app: Option<&App<'_>>, faults: &Faults) -> String {
    let t = view.t;
    let code = Field {
        name: "code",
        label: t.code,
        autocomplete: "one-time-code",
        hint: Some(t.app_code_hint),
        ..Field::default()
    };
    view.page(
        path,
        t.app_add,
        &html! {
            (summary(view, faults))
            @match app {
                Some(app) => {
                    ol {
                        li { (t.app_step_scan) }
                        li { (t.app_step_code) }
                    }
                    @if let Some(qr_code) = app.qr_code { (picture(qr_code, t.qr_code)) }
                    p { (t.app_secret) br; code.secret { (in_groups(app.secret)) } }
                    (copy(".secret", t))
                    (form(view, action, &code.show(view, faults), t.confirm))
                }
                None => {
                    p { (t.app_required) }
                    (form(view, path, &html! {}, t.app_add))
                }
            }
            p { a href={ (ROOT) "/second-factor" } { (t.start_again) } }
        },
    )
}

/// Recovery codes, which are shown once.
#[must_use]
pub fn codes(view: &View<'_>, path: &str, codes: &[String], next: &str) -> String {
    let t = view.t;
    view.page(
        path,
        t.recovery_codes,
        &html! {
            p { (t.codes_about) }
            ol.codes { @for code in codes { li { code { (code) } } } }
            (copy(".codes code", t))
            p { a.button href=(next) { (t.codes_kept) } }
        },
    )
}

/// A button that copies what these elements say, one below the other. It is there where there are scripts.
fn copy(elements: &str, t: &Texts) -> Markup {
    html! {
        p { button.secondary type="button" hidden data-copy=(elements) data-done=(t.copied) { (t.copy) } " " span role="status" {} }
    }
}

/// An SVG without its XML declaration, which HTML does not know.
fn picture(svg: &str, name: &str) -> Markup {
    let start = svg.find("<svg").unwrap_or(svg.len());
    html! { div.qr role="img" aria-label=(name) { (PreEscaped(&svg[start..])) } }
}

/// Groups of four, which are easier to type.
fn in_groups(secret: &str) -> String {
    let characters: Vec<_> = secret.chars().collect();
    characters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_in_groups_of_four() {
        assert_eq!(in_groups("ABCDEFGHIJ"), "ABCD EFGH IJ");
    }

    #[test]
    fn a_picture_has_no_declaration() {
        let shown = picture("<?xml version=\"1.0\"?><svg></svg>", "QR").into_string();
        assert_eq!(shown, "<div class=\"qr\" role=\"img\" aria-label=\"QR\"><svg></svg></div>");
        assert!(!picture("<b>", "QR").into_string().contains("<b>"));
    }
}
