//! Requests by service, on the overview.

use super::table::table;
use crate::plot::number;
use crate::traffic::Traffic;
use maud::{Markup, html};

/// What is known of requests.
#[derive(Debug)]
pub enum Requests {
    /// Nobody counts them, or nobody has said where.
    NotCounted,
    /// Whoever counts them does not answer.
    Away,
    /// What was counted, and what the page has shown before.
    Counted {
        /// Now.
        now: Traffic,
        /// Before that.
        before: Option<Traffic>,
    },
}

impl Requests {
    /// What the page remembers of this.
    pub(super) fn remembered(&self) -> Option<String> {
        match self {
            Self::Counted { now, .. } => Some(now.to_query()),
            Self::NotCounted | Self::Away => None,
        }
    }
}

/// The table, or why there is none.
pub(super) fn requests(requests: &Requests) -> Markup {
    match requests {
        Requests::NotCounted => html! {
            p.hint {
                "Requests are not counted here. Start Spindle with --metrics-listen and set console_metrics_url to that address; on \
                 Kubernetes look at the gateway's or Spin's own metrics."
            }
        },
        Requests::Away => html! {
            p.hint { "No numbers of requests: the address in console_metrics_url does not answer, or shows no metrics of Spindle." }
        },
        Requests::Counted { now, before } => counted(now, before.as_ref()),
    }
}

fn counted(now: &Traffic, before: Option<&Traffic>) -> Markup {
    let unknown = html! { span.unknown title="known after the next refresh" { "–" } };
    let rows = html! {
        @for (service, counts) in &now.services {
            @let rates = before.and_then(|before| now.rates(service, before));
            tr {
                th scope="row" { (service) }
                @match rates {
                    Some([requests, failures]) => {
                        td.number { (tenths(requests)) }
                        td.number { @if failures > 0 { strong { (tenths(failures)) } } @else { "0" } }
                    }
                    None => { td.number { (unknown) } td.number { (unknown) } }
                }
                td.number { (number(counts.in_flight)) }
                td.number { (number(counts.requests)) }
                td.number { (number(counts.failures)) }
            }
        }
    };
    html! {
        (table("Requests", &["Service", "Per second", "Failures per second", "Under way", "Since the start", "Failures since the start"], &rows))
        p.hint {
            "Of clients and of other services; spindle is what the runtime answers by itself. A failure is an answer of 5xx. Per second: \
             since the last refresh."
        }
    }
}

/// A number of tenths.
fn tenths(value: u64) -> String {
    match value % 10 {
        0 => number(value / 10),
        tenth => format!("{}.{tenth}", number(value / 10)),
    }
}
