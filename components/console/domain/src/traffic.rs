//! Requests by service, out of the metrics of the runtime (OpenMetrics text).
//!
//! The runtime counts from its start, and the console remembers nothing. So the page itself keeps what was counted when it was made, in
//! the address that its script fetches next ([decision 0028]), and what is between the two makes the rates.
//!
//! [decision 0028]: ../../../../docs/decisions/0028-the-page-remembers-counts.md

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The most services that a page remembers, and the longest name of one.
const MOST_SERVICES: usize = 20;
const LONGEST_NAME: usize = 40;
/// A sample that is older says nothing about now, in milliseconds.
const OLDEST: u64 = 60_000;

/// What was counted of one service since the start of the runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were answered, or whose client has gone.
    pub requests: u64,
    /// Those that were answered with 5xx.
    pub failures: u64,
    /// Those that are under way.
    pub in_flight: u64,
}

/// What was counted of all services at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// By service.
    pub services: BTreeMap<String, Counts>,
}

impl Traffic {
    /// Reads the metrics of the runtime; nothing if there are none of requests among them.
    #[must_use]
    pub fn of_metrics(text: &str, at: u64) -> Option<Self> {
        let mut services: BTreeMap<String, Counts> = BTreeMap::new();
        for line in text.lines().filter(|line| line.starts_with("spindle_requests_")) {
            let Some((name, rest)) = line.split_once('{') else { continue };
            let Some((labels, value)) = rest.rsplit_once("} ") else { continue };
            let (Some(service), Some(value)) = (label(labels, "component"), count(value)) else { continue };
            if !is_name(service) || (services.len() >= MOST_SERVICES && !services.contains_key(service)) {
                continue;
            }
            let counts = services.entry(service.to_owned()).or_default();
            match name {
                "spindle_requests_total" => {
                    counts.requests = counts.requests.saturating_add(value);
                    if label(labels, "class") == Some("5xx") {
                        counts.failures = counts.failures.saturating_add(value);
                    }
                }
                "spindle_requests_in_flight" => counts.in_flight = value,
                _ => {}
            }
        }
        (!services.is_empty()).then_some(Self { at, services })
    }

    /// What the page remembers, as the value of a query parameter.
    #[must_use]
    pub fn to_query(&self) -> String {
        let mut text = self.at.to_string();
        for (name, counts) in &self.services {
            // Writing to a string does not fail.
            let _ = write!(text, ".{name}:{}:{}", counts.requests, counts.failures);
        }
        text
    }

    /// Reads it. Nothing is believed but that it is the reader's own page; what cannot be read is nothing.
    #[must_use]
    pub fn of_query(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let at = parts.next()?.parse().ok()?;
        let mut services = BTreeMap::new();
        for part in parts.take(MOST_SERVICES) {
            let mut fields = part.split(':');
            let name = fields.next().filter(|name| is_name(name))?;
            let (requests, failures) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            services.insert(name.to_owned(), Counts { requests, failures, in_flight: 0 });
        }
        Some(Self { at, services })
    }

    /// Requests and failures in tenths a second since an earlier sample; nothing if it is of an earlier run, or too old.
    #[must_use]
    pub fn rates(&self, service: &str, before: &Self) -> Option<[u64; 2]> {
        let milliseconds = self.at.checked_sub(before.at).filter(|time| (1..=OLDEST).contains(time))?;
        let (now, then) = (self.services.get(service)?, before.services.get(service).copied().unwrap_or_default());
        let rate = |now: u64, then: u64| {
            let tenths =
                (u128::from(now.checked_sub(then)?) * 10_000 + u128::from(milliseconds) / 2) / u128::from(milliseconds);
            u64::try_from(tenths).ok()
        };
        Some([rate(now.requests, then.requests)?, rate(now.failures, then.failures)?])
    }
}

/// The value of a label.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    labels.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
}

/// A count, which the format writes as a whole number or with a fraction of zero.
fn count(text: &str) -> Option<u64> {
    let text = text.trim();
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# TYPE spindle_requests counter
spindle_requests_total{component=\"users\",source=\"client\",method=\"GET\",class=\"2xx\"} 12.0
spindle_requests_total{component=\"users\",source=\"component\",method=\"POST\",class=\"5xx\"} 3.0
spindle_requests_in_flight{component=\"users\"} 2.0
spindle_requests_refused_total{reason=\"bodies\"} 4.0
spindle_requests_total{component=\"<b>\",source=\"client\",method=\"GET\",class=\"2xx\"} 1.0
# EOF
";

    fn traffic(at: u64, requests: u64, failures: u64) -> Traffic {
        let counts = Counts { requests, failures, in_flight: 0 };
        Traffic { at, services: BTreeMap::from([("users".to_owned(), counts)]) }
    }

    #[test]
    fn requests_are_added_up_by_service_and_what_is_no_name_is_none() {
        let read = Traffic::of_metrics(TEXT, 5).unwrap();
        let expected = Counts { requests: 15, failures: 3, in_flight: 2 };
        assert_eq!(read.services, BTreeMap::from([("users".to_owned(), expected)]));
        assert_eq!(Traffic::of_metrics("# EOF\n", 5), None);
    }

    #[test]
    fn a_page_remembers_what_it_has_shown_and_believes_no_nonsense() {
        let shown = traffic(1_700_000_000_000, 15, 3);
        assert_eq!(Traffic::of_query(&shown.to_query()), Some(shown));
        for nonsense in ["", "x", "1.users", "1.users:1", "1.users:1:x", "1.<b>:1:1", "1..", "-1.users:1:1"] {
            assert_eq!(Traffic::of_query(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn rates_are_of_what_came_between_two_samples_of_one_run() {
        let now = traffic(12_000, 45, 4);
        assert_eq!(now.rates("users", &traffic(10_000, 15, 3)), Some([150, 5]));
        assert_eq!(now.rates("auth", &traffic(10_000, 15, 3)), None);
        // After a restart, or long ago, or at the same moment.
        assert_eq!(now.rates("users", &traffic(10_000, 46, 0)), None);
        assert_eq!(traffic(80_000, 45, 4).rates("users", &traffic(10_000, 15, 3)), None);
        assert_eq!(now.rates("users", &now), None);
    }
}
