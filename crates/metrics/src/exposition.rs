//! The text that a scrape gets.

use crate::catalogue::{Kind, Metric};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::fmt;

/// The media type of [`Exposition::into_text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How often a value was how large.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// For each upper bound, in rising order, how many values were above the bound before and not above this one. The last bound
    /// is infinite.
    pub buckets: Vec<(f64, u64)>,
    /// The sum of all values.
    pub sum: f64,
}

/// A number as metrics have it. Above 2^53 it is rounded.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
pub fn number(value: u64) -> f64 {
    value as f64
}

#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    Histogram(Histogram),
}

/// The values of a metric's labels, and the value that they have.
type Sample = (Vec<String>, Value);

/// What a service has to tell. Metrics without a value are left out: nothing is better than a wrong number.
#[derive(Debug, Default)]
pub struct Exposition(Vec<(&'static Metric, Vec<Sample>)>);

impl Exposition {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value; `labels` are the values of the metric's labels, in its order.
    #[must_use]
    pub fn with(mut self, metric: &'static Metric, labels: &[&str], value: f64) -> Self {
        self.add(metric, labels, Value::Number(value));
        self
    }

    /// Adds what is known of a value.
    #[must_use]
    pub fn with_known(self, metric: &'static Metric, labels: &[&str], value: Option<f64>) -> Self {
        match value {
            Some(value) => self.with(metric, labels, value),
            None => self,
        }
    }

    /// Adds facts.
    #[must_use]
    pub fn with_facts(self, metric: &'static Metric, labels: &[&str]) -> Self {
        self.with(metric, labels, 1.0)
    }

    /// Adds a histogram.
    #[must_use]
    pub fn with_histogram(mut self, metric: &'static Metric, labels: &[&str], histogram: Histogram) -> Self {
        self.add(metric, labels, Value::Histogram(histogram));
        self
    }

    fn add(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        debug_assert_eq!(labels.len(), metric.labels.len(), "{}", metric.name);
        let sample = (labels.iter().map(|&label| label.to_owned()).collect(), value);
        match self.0.iter_mut().find(|(known, _)| std::ptr::eq(*known, metric)) {
            Some((_, samples)) => samples.push(sample),
            None => self.0.push((metric, vec![sample])),
        }
    }

    /// The text, which ends in `# EOF`.
    #[must_use]
    pub fn into_text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut text, &registry);
        text
    }
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (metric, samples) in &self.0 {
            write(metric, samples, &mut encoder)?;
        }
        Ok(())
    }
}

fn write(metric: &Metric, samples: &[Sample], encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    use prometheus_client::metrics::MetricType;
    let kind = match metric.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
        Kind::Info => MetricType::Info,
    };
    let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
    for (labels, value) in samples {
        let labels: Vec<(&str, &str)> = metric.labels.iter().copied().zip(labels.iter().map(String::as_str)).collect();
        if metric.kind == Kind::Info {
            family.encode_info(&labels)?;
            continue;
        }
        let mut one = family.encode_family(&labels)?;
        match (value, metric.kind) {
            (Value::Number(value), Kind::Counter) => ConstCounter::new(*value).encode(one)?,
            (Value::Number(value), _) => ConstGauge::new(*value).encode(one)?,
            (Value::Histogram(histogram), _) => {
                let count = histogram.buckets.iter().map(|(_, count)| count).sum();
                one.encode_histogram::<NoLabelSet>(histogram.sum, count, &histogram.buckets, None)?;
            }
        }
    }
    Ok(())
}

/// The numbers of a histogram that somebody else counts: a field for each bucket and one for the sum.
impl Histogram {
    /// Reads it from fields of which `bucket` gives the number of the one below this bound.
    #[must_use]
    pub fn new(bounds: &[f64], counts: &BTreeMap<usize, u64>, sum: f64) -> Self {
        let bounds = bounds.iter().copied().chain([f64::INFINITY]);
        let buckets = bounds.enumerate().map(|(n, bound)| (bound, counts.get(&n).copied().unwrap_or(0))).collect();
        Self { buckets, sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{notification, users};

    #[test]
    fn a_scrape_gets_text_as_open_metrics_has_it() {
        let counts = BTreeMap::from([(0, 3), (1, 1), (2, 2)]);
        let text = Exposition::new()
            .with_facts(&users::BUILD, &["0.1.0"])
            .with(&users::AUDIT_EVENTS, &["login", "success"], 12.0)
            .with(&users::AUDIT_EVENTS, &["login", "invalid-credentials"], 3.0)
            .with(&users::OUTBOX_OLDEST, &[], 1.5)
            .with_known(&users::USERS, &[], None)
            .with_histogram(
                &notification::SEND_SECONDS,
                &["mailpit", "sent"],
                Histogram::new(&[0.1, 0.5], &counts, 4.25),
            )
            .into_text();
        let expected = "\
# HELP concierge_users_build The version of the service
# TYPE concierge_users_build info
concierge_users_build_info{version=\"0.1.0\"} 1
# HELP concierge_audit_events Rows of the audit log by what was tried and what came of it, ten seconds after they were written
# TYPE concierge_audit_events counter
concierge_audit_events_total{action=\"login\",result=\"success\"} 12.0
concierge_audit_events_total{action=\"login\",result=\"invalid-credentials\"} 3.0
# HELP concierge_outbox_oldest_age_seconds For how long the oldest event has been in the outbox; 0 if there is none
# TYPE concierge_outbox_oldest_age_seconds gauge
concierge_outbox_oldest_age_seconds 1.5
# HELP concierge_send_duration_seconds How long providers took to take a message (sent), or to fail for now (temporary) or for good (permanent)
# TYPE concierge_send_duration_seconds histogram
concierge_send_duration_seconds_sum{provider=\"mailpit\",result=\"sent\"} 4.25
concierge_send_duration_seconds_count{provider=\"mailpit\",result=\"sent\"} 6
concierge_send_duration_seconds_bucket{le=\"0.1\",provider=\"mailpit\",result=\"sent\"} 3
concierge_send_duration_seconds_bucket{le=\"0.5\",provider=\"mailpit\",result=\"sent\"} 4
concierge_send_duration_seconds_bucket{le=\"+Inf\",provider=\"mailpit\",result=\"sent\"} 6
# EOF
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_a_label_may_not_have_is_escaped() {
        let text = Exposition::new().with(&users::AUDIT_EVENTS, &["a\"b", "c\nd"], 1.0).into_text();
        assert!(text.contains(r#"action="a\"b",result="c\nd""#), "{text}");
    }
}
