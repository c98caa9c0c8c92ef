//! Fields of forms: each with a label, and what is wrong with it tied to it, so that a screen reader says both.

use crate::{Faults, Frame};
use maud::{Markup, html};

/// A field with a line of text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Field<'a> {
    /// The name under which it is sent; its id too.
    pub name: &'a str,
    /// What people read beside it.
    pub label: &'a str,
    /// The `type` of the input; a text without.
    pub kind: &'a str,
    /// What browsers and password managers may fill in (`autocomplete`).
    pub autocomplete: &'a str,
    /// The value.
    pub value: &'a str,
    /// What helps with it.
    pub hint: Option<&'a str>,
    /// Whether it may be left out.
    pub is_optional: bool,
}

impl Field<'_> {
    /// A password, old or new. Its value is never sent back.
    #[must_use]
    pub fn password<'a>(name: &'a str, label: &'a str, autocomplete: &'a str) -> Field<'a> {
        Field { name, label, kind: "password", autocomplete, ..Field::default() }
    }

    /// The field with its label, its hint and its fault.
    #[must_use]
    pub fn show(&self, frame: &Frame<'_>, faults: &Faults) -> Markup {
        let fault = faults.of(self.name);
        let described_by = match (self.hint, fault) {
            (None, None) => None,
            (Some(_), None) => Some(format!("{}-hint", self.name)),
            (None, Some(_)) => Some(format!("{}-fault", self.name)),
            (Some(_), Some(_)) => Some(format!("{0}-fault {0}-hint", self.name)),
        };
        let is_code = self.autocomplete == "one-time-code";
        html! {
            div.field {
                label for=(self.name) { (self.label) @if self.is_optional { " " span.optional { (frame.words.optional) } } }
                @if let Some(hint) = self.hint { p.hint id={ (self.name) "-hint" } { (hint) } }
                @if let Some(fault) = fault { p.fault id={ (self.name) "-fault" } { (fault) } }
                input id=(self.name) name=(self.name)
                    type=(if self.kind.is_empty() { "text" } else { self.kind })
                    autocomplete=(self.autocomplete) value=[(!self.value.is_empty()).then_some(self.value)]
                    inputmode=[is_code.then_some("numeric")] spellcheck=[is_code.then_some("false")]
                    required[!self.is_optional]
                    aria-invalid=[fault.map(|_| "true")] aria-describedby=[described_by];
            }
        }
    }
}

/// What is wrong, at the top of the page and with the focus, with links to the fields.
#[must_use]
pub fn summary(frame: &Frame<'_>, faults: &Faults) -> Markup {
    html! {
        @if !faults.is_empty() {
            div.summary role="alert" tabindex="-1" autofocus {
                h2 { (frame.words.problem) }
                ul {
                    @for (field, text) in faults.iter() {
                        li { @match field {
                            Some(field) => a href={ "#" (field) } { (text) },
                            None => (text),
                        } }
                    }
                }
            }
        }
    }
}

/// A form that is sent to a path below the root.
#[must_use]
pub fn form(frame: &Frame<'_>, action: &str, fields: &Markup, button: &str) -> Markup {
    html! {
        form method="post" action={ (frame.root) (action) } {
            (frame.token())
            (fields)
            button type="submit" { (button) }
        }
    }
}

/// A hidden value.
#[must_use]
pub fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// Where to go at the end.
#[must_use]
pub fn hidden_next(next: Option<&str>) -> Markup {
    html! { @if let Some(next) = next { (hidden("next", next)) } }
}

/// The same form with a button that warns by its colour.
#[must_use]
pub fn danger(frame: &Frame<'_>, action: &str, fields: &Markup, button: &str) -> Markup {
    html! {
        form method="post" action={ (frame.root) (action) } {
            (frame.token())
            (fields)
            button.danger type="submit" { (button) }
        }
    }
}

/// A form that a script fills in with what a passkey answers, and shows only where there are passkeys.
#[must_use]
pub fn passkey_form(frame: &Frame<'_>, is_new: bool, action: &str, fields: &Markup, button: &str) -> Markup {
    html! {
        form hidden method="post" action={ (frame.root) (action) }
            data-passkey=(if is_new { "create" } else { "get" }) data-options={ (frame.root) (action) "/options" } {
            (frame.token())
            (hidden("credential", ""))
            (fields)
            button.secondary[!is_new] type="submit" { (button) }
            p.fault role="alert" hidden { (frame.words.no_passkey) }
        }
    }
}
