//! Times of services, as pages have them.

use maud::{Markup, html};

/// A time, to the minute and in UTC; the script of the page puts it into the reader's zone.
#[must_use]
pub fn time(at: &str) -> Markup {
    html! { time datetime=(at) { (when(at)) } }
}

/// A text in which `{time}` is a time.
#[must_use]
pub fn fill_time(text: &str, at: &str) -> Markup {
    let (before, after) = text.split_once("{time}").unwrap_or((text, ""));
    html! { (before) (time(at)) (after) }
}

fn when(at: &str) -> String {
    match (at.get(..10), at.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day}, {minute} UTC"),
        _ => at.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_to_the_minute_and_says_its_zone() {
        let at = "2026-05-04T09:30:02.123456Z";
        let shown = format!("<time datetime=\"{at}\">2026-05-04, 09:30 UTC</time>");
        assert_eq!(time(at).into_string(), shown);
        assert_eq!(fill_time("Added on {time}, we think", at).into_string(), format!("Added on {shown}, we think"));
    }

    #[test]
    fn what_is_no_time_is_shown_as_it_is() {
        assert_eq!(time("<soon>").into_string(), "<time datetime=\"&lt;soon&gt;\">&lt;soon&gt;</time>");
        assert_eq!(when("ééééééééééé"), "ééééééééééé");
    }
}
