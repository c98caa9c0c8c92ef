//! Plots as SVG, made by the server. An SVG has shapes alone and stretches; the words and numbers around it are HTML, so that they are
//! readable at every width. Nothing is said by colour alone: each plot shows one thing, has its numbers beside it, and a table
//! beneath. Colours come from classes, since the policy of the pages forbids styles in line.

use maud::{Markup, html};

/// How high a plot is, in its own units; it is as wide as it has values.
const HEIGHT: u32 = 100;
/// How much of its place a column fills, in hundredths.
const FILLED: u32 = 80;

/// How often something happened, by intervals.
#[derive(Debug)]
pub(crate) struct Timeline<'a> {
    /// What the table beneath is found by, when the page is updated.
    pub(crate) id: &'a str,
    /// What is counted.
    pub(crate) title: &'a str,
    /// What an interval is: `per minute`.
    pub(crate) unit: &'a str,
    /// The counts, the oldest first. The last interval is not over yet.
    pub(crate) values: &'a [u64],
    /// How long an interval is, in seconds.
    pub(crate) step_seconds: u64,
}

impl Timeline<'_> {
    /// The plot with its numbers and its table.
    pub(crate) fn draw(&self) -> Markup {
        let Some((now, over)) = self.values.split_last() else {
            return html! { figure.plot { figcaption { (self.title) } p.hint { "Nothing is known yet." } } };
        };
        let total = self.values.iter().fold(0u64, |sum, value| sum.saturating_add(*value));
        let highest = self.values.iter().copied().max().unwrap_or_default();
        let length = period(self.step_seconds.saturating_mul(self.values.len() as u64));
        let summary = format!(
            "{} {}, last {length}: {} in all, at most {}",
            self.title,
            self.unit,
            number(total),
            number(highest)
        );
        html! {
            figure.plot {
                figcaption {
                    strong { (self.title) } " " span.hint { (self.unit) ", last " (length) }
                    span.plot-numbers {
                        "now " strong { (number(*now)) } ", before that " strong { (number(over.last().copied().unwrap_or_default())) }
                        ", " (number(total)) " in all"
                    }
                }
                @if total == 0 { p.plot-none { "None in the last " (length) "." } }
                @else {
                    div.plot-frame {
                        span.plot-highest { (number(ceiling(highest))) }
                        (columns(self.values, &summary))
                    }
                    div.plot-axis { span { (length) " ago" } span { "now" } }
                }
                details id={ "table-" (self.id) } {
                    summary { "Table" span.unseen { ": " (self.title) " " (self.unit) } }
                    table {
                        thead { tr { th scope="col" { "Ago" } th.number scope="col" { (self.title) } } }
                        tbody {
                            @for (back, value) in self.values.iter().rev().enumerate() {
                                tr {
                                    th scope="row" { @if back == 0 { "now" } @else { (period(self.step_seconds.saturating_mul(back as u64))) } }
                                    td.number { (number(*value)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Columns alone, with the words that stand for them.
pub(crate) fn columns(values: &[u64], summary: &str) -> Markup {
    let top = ceiling(values.iter().copied().max().unwrap_or_default());
    let last = values.len().saturating_sub(1);
    let width = values.len().max(1);
    html! {
        svg.spark role="img" aria-label=(summary) viewBox={ "0 0 " (width * 100) " " (HEIGHT) } preserveAspectRatio="none" {
            @for (index, value) in values.iter().enumerate() {
                @let height = part(*value, top, HEIGHT);
                @if height > 0 {
                    rect.column.open[index == last] x=(index * 100) y=(HEIGHT - height) width=(FILLED) height=(height) {}
                }
            }
            // What is zero has a line all the same.
            rect.base x="0" y=(HEIGHT - 1) width=(width * 100) height="1" {}
        }
    }
}

/// A bar that shows a part of a whole; what it stands for is beside it in numbers.
pub(crate) fn bar(value: u64, whole: u64) -> Markup {
    html! {
        svg.bar aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none" {
            rect.rest x="0" y="0" width="100" height="10" {}
            rect.column x="0" y="0" width=(part(value, whole, 100)) height="10" {}
        }
    }
}

/// A bar with a mark where an even share ends.
pub(crate) fn share(value: u64, whole: u64, among: usize) -> Markup {
    let even = 100 / u32::try_from(among.max(1)).unwrap_or(u32::MAX);
    html! {
        svg.bar aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none" {
            rect.rest x="0" y="0" width="100" height="10" {}
            rect.column x="0" y="2" width=(part(value, whole, 100)) height="6" {}
            rect.even x=(even.min(99)) y="0" width="1" height="10" {}
        }
    }
}

/// How large a part is of `size`: at least 1 if there is anything, so that it is seen, and `size` at most.
fn part(value: u64, whole: u64, size: u32) -> u32 {
    if value == 0 || whole == 0 {
        return 0;
    }
    let part = u128::from(value.min(whole)) * u128::from(size) / u128::from(whole);
    u32::try_from(part).unwrap_or(size).clamp(1, size)
}

/// The round number that is not below this one, up to which a plot is drawn: 1, 2 or 5 and zeros.
pub(crate) fn ceiling(value: u64) -> u64 {
    let mut power = 1u64;
    loop {
        for step in [1, 2, 5] {
            match power.checked_mul(step) {
                Some(round) if round >= value => return round,
                Some(_) => {}
                None => return u64::MAX,
            }
        }
        match power.checked_mul(10) {
            Some(next) => power = next,
            None => return u64::MAX,
        }
    }
}

/// A number with its digits in groups of three.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            // A narrow space that does not break.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A length of time in the largest unit that it is at least one of.
pub(crate) fn period(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count}\u{a0}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(values: &[u64]) -> String {
        Timeline { id: "x", title: "Sign-ins", unit: "per minute", values, step_seconds: 60 }.draw().into_string()
    }

    #[test]
    fn without_data_a_plot_says_so() {
        let plot = timeline(&[]);
        assert!(plot.contains("Nothing is known yet.") && !plot.contains("<svg"), "{plot}");
    }

    #[test]
    fn zeros_are_said_in_words() {
        let plot = timeline(&[0; 60]);
        assert!(plot.contains("None in the last 60\u{a0}min.") && !plot.contains("<svg"), "{plot}");
    }

    #[test]
    fn one_value_is_a_column_that_is_not_over() {
        let plot = timeline(&[7]);
        assert!(plot.contains(r#"<rect class="column open" x="0" y="30" width="80" height="70">"#), "{plot}");
        assert!(plot.contains("now <strong>7</strong>") && plot.contains(">10</span>"), "{plot}");
    }

    #[test]
    fn the_largest_numbers_stay_within_the_plot() {
        let plot = timeline(&[u64::MAX, 1, 0]);
        assert!(plot.contains(r#"y="0" width="80" height="100""#), "{plot}");
        // What is next to nothing beside it is seen all the same, and zero is not.
        assert!(plot.contains(r#"x="100" y="99" width="80" height="1""#), "{plot}");
        assert_eq!(plot.matches(r#"class="column"#).count(), 2);
        assert!(plot.contains("18\u{202f}446\u{202f}744\u{202f}073\u{202f}709\u{202f}551\u{202f}615 in all"), "{plot}");
    }

    #[test]
    fn what_a_plot_is_about_is_escaped() {
        let plot = Timeline { id: "x", title: "<b>", unit: "\"", values: &[1], step_seconds: 1 }.draw().into_string();
        assert!(!plot.contains("<b>") && plot.contains("&lt;b&gt;"), "{plot}");
    }

    #[test]
    fn the_table_has_every_value() {
        let plot = timeline(&(0..60).collect::<Vec<_>>());
        assert_eq!(plot.matches("<tr>").count(), 61);
        assert!(plot.contains("<th scope=\"row\">now</th><td class=\"number\">59</td>"), "{plot}");
    }

    #[test]
    fn a_bar_is_a_part_of_its_whole() {
        assert_eq!([part(0, 10, 100), part(5, 10, 100), part(20, 10, 100), part(5, 0, 100)], [0, 50, 100, 0]);
        assert!(share(1, 3, 3).into_string().contains(r#"x="33""#));
        assert!(share(0, 0, 0).into_string().contains(r#"x="99""#));
        assert!(bar(1, 1).into_string().contains(r#"width="100" height="10""#));
    }

    #[test]
    fn numbers_and_times_are_short() {
        assert_eq!([0, 1, 2, 3, 6, 12, 999].map(ceiling), [1, 1, 2, 5, 10, 20, 1000]);
        assert_eq!(ceiling(u64::MAX), u64::MAX);
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!([5, 120, 7_200, 200_000].map(period), ["5\u{a0}s", "2\u{a0}min", "2\u{a0}h", "2\u{a0}days"]);
    }
}
