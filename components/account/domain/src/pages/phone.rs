//! Confirming a phone number.

use super::View;
use crate::texts::fill;
use browser::Faults;
use browser::field::{Field, form};
use maud::{Markup, html};

/// The part of the profile that confirms a number which is not confirmed yet.
pub(super) fn confirmation(view: &View<'_>, phone: &str, faults: &Faults) -> Markup {
    let t = view.t;
    let code = Field {
        name: "code",
        label: t.code,
        autocomplete: "one-time-code",
        hint: Some(t.phone_code_hint),
        ..Field::default()
    };
    html! {
        h2 { (t.phone_code_title) }
        p { (fill(t.phone_code_about, &[("phone", phone)])) }
        (form(view, "/profile/phone/code", &html! {}, t.phone_code_send))
        (form(view, "/profile/phone", &code.show(view, faults), t.confirm))
    }
}
