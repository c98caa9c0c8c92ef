//! The audit log.

use super::table::{in_utc, table, time};
use crate::{ROOT, query};
use browser::field::summary;
use browser::{Faults, Frame};
use maud::{Markup, html};

/// What was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFilter<'a> {
    /// Whom it is about.
    pub user_id: &'a str,
    /// The administrator who did it.
    pub administrator_id: &'a str,
    /// What happened.
    pub action: &'a str,
    /// What came of it.
    pub result: &'a str,
    /// From when on.
    pub since: &'a str,
    /// Until when.
    pub until: &'a str,
}

impl<'a> AuditFilter<'a> {
    /// Its fields, by the names that form and API have for them.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, &'a str); 6] {
        [
            ("user_id", self.user_id),
            ("administrator_id", self.administrator_id),
            ("action", self.action),
            ("result", self.result),
            ("since", self.since),
            ("until", self.until),
        ]
    }
}

/// A row.
#[derive(Debug)]
pub struct AuditRow<'a> {
    /// When it happened.
    pub time: &'a str,
    /// What.
    pub action: &'a str,
    /// What came of it.
    pub result: &'a str,
    /// Whom it is about.
    pub user_id: Option<String>,
    /// Who did it.
    pub actor: &'a str,
    /// Which user that is.
    pub actor_id: Option<String>,
    /// The network.
    pub network: &'a str,
    /// The device.
    pub device: Option<String>,
    /// The request.
    pub request_id: &'a str,
}

/// The page. `next` is the cursor of what is older, and `is_later` tells whether this is not the first page.
#[must_use]
pub fn audit(
    frame: &Frame<'_>,
    filter: AuditFilter<'_>,
    rows: &[AuditRow<'_>],
    next: Option<&str>,
    is_later: bool,
    faults: &Faults,
) -> String {
    let link = |cursor| {
        let mut fields = filter.fields().to_vec();
        fields.push(("cursor", cursor));
        format!("{ROOT}/audit{}", query(&fields))
    };
    let columns = ["Time", "What", "Result", "Whom", "Who", "Device", "Network", "Request id"];
    let content = html! {
        (summary(frame, faults))
        (form(filter, faults))
        @if rows.is_empty() {
            @if faults.is_empty() { p { "Nothing is found." } }
        } @else {
            (table("Audit log", &columns, &html! { @for row in rows { tr {
                td { (time(row.time)) }
                th scope="row" { (row.action) }
                td { (row.result) }
                td { (person(row.user_id.as_deref())) }
                td { (row.actor) " " (person(row.actor_id.as_deref())) }
                td { (row.device.as_deref().unwrap_or_default()) }
                td { (row.network) }
                td { code { (row.request_id) } }
            } } }))
            (in_utc())
        }
        p.pages {
            @if is_later { a href=(link("")) { "Newest" } " " }
            @if let Some(next) = next { a.button href=(link(next)) { "Older" } }
        }
    };
    frame.page("/audit", "Audit", false, &content)
}

fn person(id: Option<&str>) -> Markup {
    html! { @if let Some(id) = id { a href={ (ROOT) "/people/" (id) } { (id) } } }
}

fn form(filter: AuditFilter<'_>, faults: &Faults) -> Markup {
    let input = |name: &str, label: &str, kind: &str, value: &str| {
        let fault = faults.of(name);
        html! {
            div.field {
                label for=(name) { (label) }
                input id=(name) name=(name) type=(kind) autocomplete="off" value=(value)
                    inputmode=[name.ends_with("_id").then_some("numeric")]
                    aria-invalid=[fault.map(|_| "true")] aria-describedby=[fault.map(|_| format!("{name}-fault"))];
                @if let Some(fault) = fault { p.fault id={ (name) "-fault" } { (fault) } }
            }
        }
    };
    html! {
        form.filter role="search" method="get" action={ (ROOT) "/audit" } {
            (input("user_id", "Whom: id of a user", "text", filter.user_id))
            (input("administrator_id", "Who: id of an administrator", "text", filter.administrator_id))
            (input("action", "What, such as login", "text", filter.action))
            (input("result", "Result, such as success", "text", filter.result))
            (input("since", "From, in UTC", "datetime-local", filter.since))
            (input("until", "Until, in UTC", "datetime-local", filter.until))
            button type="submit" { "Filter" }
        }
    }
}
