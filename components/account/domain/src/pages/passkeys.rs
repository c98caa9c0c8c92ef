//! Passkeys.

use super::View;
use crate::texts::fill;
use browser::field::{Field, danger, form, hidden, passkey_form, summary};
use browser::{Faults, fill_time};
use maud::html;

/// A passkey.
#[derive(Debug)]
pub struct Passkey {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The day on which it was added.
    pub added: String,
    /// When it was last used.
    pub used: Option<String>,
}

/// The list, with a way to another one. With a name, the script begins to add one of this name by itself.
#[must_use]
pub fn passkeys(view: &View<'_>, passkeys: &[Passkey], begins: Option<&str>, faults: &Faults) -> String {
    let t = view.t;
    let name = Field {
        name: "name",
        label: t.passkey_name,
        autocomplete: "off",
        hint: Some(t.passkey_name_hint),
        value: begins.unwrap_or_default(),
        ..Field::default()
    };
    view.page("/passkeys", t.passkeys, &html! {
        (summary(view, faults))
        p { (t.passkeys_long) }
        @if passkeys.is_empty() { p { (t.passkeys_none) } }
        ul.items { @for passkey in passkeys {
            li {
                h2 { (passkey.name) }
                p.hint {
                    (fill_time(t.added_on, &passkey.added)) ". "
                    @match &passkey.used {
                        Some(used) => (fill_time(t.used_on, used)),
                        None => (t.never_used),
                    }
                }
                details {
                    summary { (t.change) }
                    @let field = format!("name-{}", passkey.id);
                    (form(view, "/passkeys/rename", &html! {
                        (hidden("id", &passkey.id))
                        div.field {
                            label for=(field) { (t.passkey_name) }
                            input id=(field) name="name" type="text" value=(passkey.name) autocomplete="off" required;
                        }
                    }, t.save))
                    (danger(view, "/passkeys/remove", &hidden("id", &passkey.id), &fill(t.passkey_remove, &[("name", &passkey.name)])))
                }
            }
        } }
        h2 { (t.passkey_add) }
        @let fields = html! { (name.show(view, faults)) @if begins.is_some() { span hidden data-begins {} } };
        (passkey_form(view, true, "/passkeys/add", &fields, t.passkey_add))
        noscript { p { (t.passkey_script) } }
    })
}
