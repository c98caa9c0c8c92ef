//! Signing up, and accepting an invitation.

use super::View;
use super::tickets::sign_in_link;
use browser::Faults;
use browser::field::{Field, form, hidden, hidden_next, summary};
use maud::{Markup, html};

/// Who signs up, as typed in so far.
#[derive(Debug, Default)]
pub struct Person<'a> {
    /// The first name.
    pub name: &'a str,
    /// The surname.
    pub surname: &'a str,
    /// The address.
    pub email: &'a str,
}

impl Person<'_> {
    fn names(&self, view: &View<'_>, faults: &Faults) -> Markup {
        let name = Field {
            name: "name",
            label: view.t.name,
            autocomplete: "given-name",
            value: self.name,
            ..Field::default()
        };
        let surname = Field {
            name: "surname",
            label: view.t.surname,
            autocomplete: "family-name",
            value: self.surname,
            ..Field::default()
        };
        html! { (name.show(view, faults)) (surname.show(view, faults)) }
    }
}

/// The page to sign up.
#[must_use]
pub fn sign_up(view: &View<'_>, person: &Person<'_>, next: Option<&str>, faults: &Faults) -> String {
    let t = view.t;
    let email = Field {
        name: "email",
        label: t.email_address,
        kind: "email",
        autocomplete: "username",
        value: person.email,
        ..Field::default()
    };
    let fields = html! {
        (hidden_next(next))
        (person.names(view, faults))
        (email.show(view, faults))
        (view.new_password(t.password, faults))
    };
    view.page(
        "/sign-up",
        &view.branded(t.sign_up_to),
        &html! {
            (summary(view, faults))
            (form(view, "/sign-up", &fields, t.sign_up))
            (sign_in_link(view, next))
        },
    )
}

/// The page behind the link of an invitation, or for its code if there is no link.
#[must_use]
pub fn accept_invitation(view: &View<'_>, token: Option<&str>, person: &Person<'_>, faults: &Faults) -> String {
    let t = view.t;
    let email = Field {
        name: "email",
        label: t.email_address,
        kind: "email",
        autocomplete: "username",
        value: person.email,
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
            None => { (email.show(view, faults)) (code.show(view, faults)) },
        }
        (person.names(view, faults))
        (view.new_password(t.password, faults))
    };
    view.page(
        "/invitation",
        &view.branded(t.invitation_title),
        &html! {
            (summary(view, faults))
            (form(view, "/invitation", &fields, t.sign_up))
        },
    )
}
