//! Tables, which scroll by themselves where the page is narrow.

use maud::{Markup, html};

/// A table with this name, these columns and these rows.
pub(super) fn table(name: &str, columns: &[&str], rows: &Markup) -> Markup {
    html! {
        div.scroll role="region" aria-label=(name) tabindex="0" {
            table {
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// A time: to the second, in UTC.
pub(super) fn time(at: &str) -> Markup {
    html! { time datetime=(at) { (crate::when(at)) } }
}

/// The note below tables with times.
pub(super) fn in_utc() -> Markup {
    html! { p.hint { "Times are in UTC." } }
}
