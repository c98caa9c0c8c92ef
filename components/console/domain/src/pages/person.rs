//! One person, and the pages that ask whether an action is meant.

use super::table::{in_utc, table, time};
use crate::{Action, ROOT, State, query};
use browser::field::{Field, danger, form, hidden, summary};
use browser::{Faults, Frame};
use maud::{Markup, html};

/// What there is to know of somebody.
#[derive(Debug, Default)]
pub struct Person<'a> {
    /// The id.
    pub id: &'a str,
    /// The name, first and last.
    pub name: String,
    /// The address.
    pub email: &'a str,
    /// Whether it is confirmed.
    pub is_verified: bool,
    /// The phone number, or nothing.
    pub phone: &'a str,
    /// The language, or nothing.
    pub locale: &'a str,
    /// The time zone, or nothing.
    pub zoneinfo: &'a str,
    /// The roles.
    pub roles: Vec<&'a str>,
    /// When they signed up.
    pub created: &'a str,
    /// When they last changed.
    pub updated: &'a str,
    /// Since when they are suspended.
    pub suspended: Option<&'a str>,
    /// Whether too many sign-ins have failed, so that the account is open to known devices alone.
    pub is_locked: bool,
    /// Whether a new password has to be chosen before the next sign-in.
    pub is_password_required: bool,
    /// Since when there is an authenticator app.
    pub app: Option<&'a str>,
    /// How many recovery codes are left.
    pub recovery_codes: u64,
    /// The passkeys.
    pub passkeys: Vec<Passkey<'a>>,
    /// The sessions.
    pub devices: Vec<Device<'a>>,
    /// What happened lately.
    pub activity: Vec<Activity<'a>>,
}

impl Person<'_> {
    fn state(&self) -> State {
        State {
            is_suspended: self.suspended.is_some(),
            is_locked: self.is_locked,
            is_password_required: self.is_password_required,
            has_factors: self.app.is_some() || self.recovery_codes > 0 || !self.passkeys.is_empty(),
        }
    }
}

/// A passkey.
#[derive(Debug)]
pub struct Passkey<'a> {
    /// Its name.
    pub name: &'a str,
    /// When it was added.
    pub added: &'a str,
    /// When it was last used.
    pub used: Option<&'a str>,
}

/// Where somebody is signed in.
#[derive(Debug)]
pub struct Device<'a> {
    /// What it is.
    pub name: Option<String>,
    /// The network that the sign-in came from.
    pub network: &'a str,
    /// When the session began.
    pub began: &'a str,
    /// When it was last used.
    pub used: &'a str,
}

/// Something that happened.
#[derive(Debug)]
pub struct Activity<'a> {
    /// When.
    pub time: &'a str,
    /// What.
    pub action: &'a str,
    /// What came of it.
    pub result: &'a str,
    /// Who did it.
    pub actor: &'a str,
    /// The device.
    pub device: Option<String>,
    /// The network.
    pub network: &'a str,
}

/// The page of somebody.
#[must_use]
pub fn person(frame: &Frame<'_>, person: &Person<'_>) -> String {
    let content = html! {
        p {
            (person.email) " "
            @if person.is_verified { span.badge { "confirmed" } } @else { span.badge.odd { "not confirmed" } }
            (badges(person))
        }
        (profile(person))
        h2 { "Sign-in" }
        (obstacles(person))
        (factors(person))
        h2 { "Devices" }
        (devices(person))
        h2 { "Recent activity" }
        (activity(person))
        p { a href={ (ROOT) "/audit" (query(&[("user_id", person.id)])) } { "All of it, in the audit log" } }
        h2 { "Actions" }
        ul.items { @for action in Action::ALL.into_iter().filter(|action| action.applies(person.state())) { li {
            h3 { a href={ (ROOT) "/people/" (person.id) "/" (action.name()) } { (action.title()) } }
            p.hint { (action.about()) }
        } } }
    };
    frame.page("/people", &person.name, false, &content)
}

/// What is out of the ordinary, and the roles.
fn badges(person: &Person<'_>) -> Markup {
    let odd = [
        (person.suspended.is_some(), "suspended"),
        (person.is_locked, "locked"),
        (person.is_password_required, "new password required"),
    ];
    html! {
        @for (_, name) in odd.into_iter().filter(|(holds, _)| *holds) { " " span.badge.odd { (name) } }
        @for role in &person.roles { " " span.badge { (role) } }
    }
}

/// What keeps somebody out, each with the action that ends it.
fn obstacles(person: &Person<'_>) -> Markup {
    let state = person.state();
    let each = [
        (state.is_suspended, "Suspended: nobody signs in.", Action::Lift),
        (
            state.is_locked,
            "Locked after too many failed sign-ins: only devices that were used before get in.",
            Action::Unlock,
        ),
        (
            state.is_password_required,
            "A new password is required: the old one opens nothing. The user chooses one by mail.",
            Action::AcceptPassword,
        ),
    ];
    html! {
        @if each.iter().any(|(holds, ..)| *holds) { div.odd-box.obstacles { ul {
            @for (_, text, action) in each.into_iter().filter(|(holds, ..)| *holds) { li {
                (text) " " a href={ (ROOT) "/people/" (person.id) "/" (action.name()) } { (action.title()) }
            } }
        } } }
    }
}

fn profile(person: &Person<'_>) -> Markup {
    let texts = [("Phone", person.phone), ("Language", person.locale), ("Time zone", person.zoneinfo)];
    let times = [
        ("Signed up", Some(person.created)),
        ("Last changed", Some(person.updated)),
        ("Suspended since", person.suspended),
    ];
    html! {
        dl.facts {
            dt { "Id" } dd { (person.id) }
            @for (name, text) in texts { @if !text.is_empty() { dt { (name) } dd { (text) } } }
            @for (name, at) in times { @if let Some(at) = at { dt { (name) } dd { (time(at)) } } }
        }
        (in_utc())
    }
}

fn factors(person: &Person<'_>) -> Markup {
    html! {
        @if person.app.is_none() && person.passkeys.is_empty() { p { "With the password alone." } }
        ul {
            @if let Some(since) = person.app {
                li { "Authenticator app since " (time(since)) ", " (person.recovery_codes) " recovery codes left" }
            }
            @for passkey in &person.passkeys { li {
                "Passkey " b { (passkey.name) } ", added " (time(passkey.added))
                @if let Some(used) = passkey.used { ", last used " (time(used)) } @else { ", never used" }
            } }
        }
    }
}

fn devices(person: &Person<'_>) -> Markup {
    html! {
        @if person.devices.is_empty() { p { "Signed in nowhere." } } @else {
            (table("Devices", &["Device", "Network", "Signed in", "Last used"], &html! { @for device in &person.devices { tr {
                th scope="row" { (device.name.as_deref().unwrap_or("unknown")) }
                td { (device.network) }
                td { (time(device.began)) }
                td { (time(device.used)) }
            } } }))
        }
    }
}

fn activity(person: &Person<'_>) -> Markup {
    html! {
        @if person.activity.is_empty() { p { "Nothing is recorded." } } @else {
            (table("Recent activity", &["Time", "What", "Result", "By", "Device", "Network"], &html! {
                @for row in &person.activity { tr {
                    td { (time(row.time)) }
                    th scope="row" { (row.action) }
                    td { (row.result) }
                    td { (row.actor) }
                    td { (row.device.as_deref().unwrap_or_default()) }
                    td { (row.network) }
                } }
            }))
        }
    }
}

/// The page that asks whether an action is meant. `version` is what the person was when it was shown.
#[must_use]
pub fn confirm_action(
    frame: &Frame<'_>,
    action: Action,
    person: &Person<'_>,
    version: &str,
    roles: &str,
    faults: &Faults,
) -> String {
    let page = format!("/people/{}", person.id);
    let path = format!("{page}/{}", action.name());
    let roles = Field {
        name: "roles",
        label: "Roles",
        autocomplete: "off",
        value: roles,
        hint: Some("Separated by commas, such as admin, support. Empty for none."),
        is_optional: true,
        ..Field::default()
    };
    let fields = html! {
        (hidden("version", version))
        @if action == Action::Roles { (roles.show(frame, faults)) }
    };
    let content = html! {
        (summary(frame, faults))
        p { b { (person.name) } ", " (person.email)
            (badges(person))
        }
        p { (action.about()) }
        @if action.is_dangerous() { (danger(frame, &path, &fields, action.title())) }
        @else { (form(frame, &path, &fields, action.title())) }
        p { a href={ (ROOT) (page) } { "Back, and change nothing" } }
    };
    frame.page("/people", &format!("{}?", action.title()), false, &content)
}
