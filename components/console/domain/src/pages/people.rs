//! The list of people.

use super::table::{in_utc, table, time};
use crate::{ROOT, query};
use browser::field::summary;
use browser::{Faults, Frame};
use maud::{Markup, html};

/// In which orders there is a list: what the API calls it and what people do.
const ORDERS: [(&str, &str); 6] = [
    ("-created", "newest first"),
    ("created", "oldest first"),
    ("name", "by first name"),
    ("surname", "by last name"),
    ("email", "by address"),
    ("-email", "by address, backwards"),
];

/// What was asked for, and what there is.
#[derive(Debug, Default)]
pub struct People<'a> {
    /// The part of name or address that was searched for.
    pub search: &'a str,
    /// The role.
    pub role: &'a str,
    /// The order.
    pub sort: &'a str,
    /// The people.
    pub rows: Vec<PersonRow<'a>>,
    /// The cursor of the next page.
    pub next: Option<&'a str>,
    /// Whether this is not the first page.
    pub is_later: bool,
}

/// Somebody in the list.
#[derive(Debug)]
pub struct PersonRow<'a> {
    /// The id.
    pub id: String,
    /// The name, first and last.
    pub name: String,
    /// The address.
    pub email: &'a str,
    /// Whether it is confirmed.
    pub is_verified: bool,
    /// The roles.
    pub roles: Vec<&'a str>,
    /// When they signed up.
    pub created: &'a str,
}

/// The page.
#[must_use]
pub fn people(frame: &Frame<'_>, shown: &People<'_>, faults: &Faults) -> String {
    let link = |cursor: &str| {
        let asked = [("search", shown.search), ("role", shown.role), ("sort", shown.sort), ("cursor", cursor)];
        format!("{ROOT}/people{}", query(&asked))
    };
    let content = html! {
        (summary(frame, faults))
        (filter(shown, faults))
        @if shown.rows.is_empty() {
            @if faults.is_empty() { p { "Nobody is found. Search for a shorter part, or for all." } }
        } @else {
            (table("People", &["Name", "Address", "Roles", "Signed up"], &html! { @for row in &shown.rows { tr {
                th scope="row" { a href={ (ROOT) "/people/" (row.id) } { (row.name) } }
                td { (row.email) @if !row.is_verified { " " span.badge.odd { "not confirmed" } } }
                td { @for role in &row.roles { span.badge { (role) } " " } }
                td { (time(row.created)) }
            } } }))
            (in_utc())
        }
        p.pages {
            @if shown.is_later { a href=(link("")) { "First page" } " " }
            @if let Some(next) = shown.next { a.button href=(link(next)) { "Next page" } }
        }
    };
    frame.page("/people", "People", false, &content)
}

fn filter(shown: &People<'_>, faults: &Faults) -> Markup {
    let fault = faults.of("search");
    html! {
        form.filter role="search" method="get" action={ (ROOT) "/people" } {
            div.field {
                label for="search" { "Part of name or address" }
                input id="search" name="search" type="search" autocomplete="off" value=(shown.search) minlength="3" maxlength="100"
                    aria-invalid=[fault.map(|_| "true")] aria-describedby=[fault.map(|_| "search-fault")];
                @if let Some(fault) = fault { p.fault id="search-fault" { (fault) } }
            }
            div.field {
                label for="role" { "Role" }
                input id="role" name="role" type="text" autocomplete="off" value=(shown.role);
            }
            div.field {
                label for="sort" { "Order" }
                select id="sort" name="sort" { @for (sort, name) in ORDERS {
                    option value=(sort) selected[sort == shown.sort] { (name) }
                } }
            }
            button type="submit" { "Search" }
        }
    }
}
