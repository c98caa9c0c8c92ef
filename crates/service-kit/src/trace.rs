//! Traces: the context that calls of the own services carry, and spans of what only a component knows about.
//!
//! The runtime records what it sees: requests, statements, commands. What a component does by itself, as hashing, is a line of
//! the log that is a trace in OTLP's JSON, so that a collector that reads the log has the span (`docs/logging.md`). There
//! are such lines only in traces that are recorded.

use crate::{log, random};
use serde_json::{Value, json};
use std::future::Future;
use std::time::{SystemTime, UNIX_EPOCH};
use trace_context::{Correlation, TraceContext, current};

/// The header for the trace's context (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";

/// A new trace, which nobody records unless the runtime does: its id is for the log.
pub(crate) fn begin() -> TraceContext {
    // The highest bit keeps both from being zero.
    let (trace, span) = (u128::from_le_bytes(random::bytes()), u64::from_le_bytes(random::bytes()));
    TraceContext::new(trace | 1 << 127, span | 1 << 63, false).expect("neither is zero")
}

/// The value of [`TRACEPARENT`] for a call of an own service: what is under way. Others are not told it.
#[must_use]
pub fn traceparent() -> Option<String> {
    Some(current()?.trace.as_str().to_owned())
}

/// What a span is about, by the numbers that OTLP has for it.
#[derive(Clone, Copy, Debug)]
pub enum SpanKind {
    /// Work inside of a service.
    Internal = 1,
    /// A call of somebody else.
    Client = 3,
    /// The processing of a message.
    Consumer = 5,
}

/// What a span is called, and what else it says.
#[derive(Debug)]
pub struct Span<'a> {
    /// The service: `auth`.
    pub service: &'a str,
    /// What is done. Few different ones, and nothing personal.
    pub name: &'a str,
    /// What it is about.
    pub kind: SpanKind,
    /// Its attributes, by OpenTelemetry's names.
    pub attributes: &'a [(&'a str, &'a str)],
}

impl Span<'_> {
    /// Does `work`, which never waits, in this span of what is under way.
    pub fn record<T>(&self, work: impl FnOnce() -> T) -> T {
        let Some(open) = current().and_then(Open::new) else { return work() };
        let done = trace_context::scope_sync(open.inside.clone(), work);
        open.end(self, None);
        done
    }

    /// Does `work` in this span of what is under way. `failed` says whether what came of it is a failure.
    pub async fn trace<F: Future>(
        &self,
        work: F,
        failed: impl FnOnce(&F::Output) -> Option<&'static str>,
    ) -> F::Output {
        let Some(open) = current().and_then(Open::new) else { return work.await };
        let done = trace_context::scope(open.inside.clone(), work).await;
        open.end(self, failed(&done));
        done
    }

    fn to_otlp(&self, open: &Open, end: SystemTime, failure: Option<&str>) -> Value {
        let attributes: Vec<_> = self.attributes.iter().map(|(name, value)| attribute(name, value)).collect();
        let status = failure.map_or_else(|| json!({}), |message| json!({"code": 2, "message": message}));
        json!([{
            "resource": {"attributes": [attribute("service.name", self.service)]},
            "scopeSpans": [{
                "scope": {"name": "concierge"},
                "spans": [{
                    "traceId": open.inside.trace.trace_id(),
                    "spanId": open.inside.trace.span_id(),
                    "parentSpanId": open.parent,
                    "name": self.name,
                    "kind": self.kind as i32,
                    "startTimeUnixNano": nanoseconds(open.start),
                    "endTimeUnixNano": nanoseconds(end),
                    "attributes": attributes,
                    "status": status,
                }],
            }],
        }])
    }
}

/// A span that has begun.
struct Open {
    parent: String,
    inside: Correlation,
    start: SystemTime,
}

impl Open {
    /// A span of a trace that is recorded.
    fn new(outside: Correlation) -> Option<Self> {
        if !outside.trace.is_sampled() {
            return None;
        }
        let parent = outside.trace.span_id().to_owned();
        let trace = outside.trace.with_span(u64::from_le_bytes(random::bytes()) | 1 << 63)?;
        Some(Self { parent, inside: Correlation { trace, ..outside }, start: SystemTime::now() })
    }

    fn end(self, span: &Span<'_>, failure: Option<&str>) {
        log::span(span.name, &span.to_otlp(&self, SystemTime::now(), failure));
    }
}

fn attribute(name: &str, value: &str) -> Value {
    json!({"key": name, "value": {"stringValue": value}})
}

/// OTLP's JSON writes 64-bit numbers as text.
fn nanoseconds(time: SystemTime) -> String {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span<'_> =
        Span { service: "auth", name: "hash password", kind: SpanKind::Internal, attributes: &[("a", "b")] };

    fn in_trace<T>(is_sampled: bool, work: impl FnOnce() -> T) -> T {
        let trace = TraceContext::new(7, 8, is_sampled).unwrap();
        trace_context::scope_sync(Correlation { trace, request_id: None }, work)
    }

    #[test]
    fn what_happens_in_a_span_is_its_child() {
        let spans = in_trace(true, || SPAN.record(|| (current().unwrap(), SPAN.record(|| current().unwrap()))));
        assert_eq!(spans.0.trace.trace_id(), "00000000000000000000000000000007");
        assert_ne!(spans.0.trace.span_id(), "0000000000000008");
        assert_ne!(spans.0.trace.span_id(), spans.1.trace.span_id());
        let unrecorded = in_trace(false, || SPAN.record(|| current().unwrap()));
        assert_eq!(unrecorded.trace.span_id(), "0000000000000008");
        assert_eq!(SPAN.record(current), None);
    }

    #[test]
    fn a_span_is_written_as_otlp() {
        let open = in_trace(true, || Open::new(current().unwrap()).unwrap());
        let otlp = SPAN.to_otlp(&open, SystemTime::now(), Some("refused"));
        let span = &otlp[0]["scopeSpans"][0]["spans"][0];
        assert_eq!(span["traceId"], "00000000000000000000000000000007");
        assert_eq!((&span["parentSpanId"], &span["kind"]), (&json!("0000000000000008"), &json!(1)));
        assert_eq!(span["attributes"], json!([{"key": "a", "value": {"stringValue": "b"}}]));
        assert_eq!(span["status"], json!({"code": 2, "message": "refused"}));
        let at = |name: &str| span[name].as_str().unwrap().parse::<u128>().unwrap();
        assert!(at("startTimeUnixNano") <= at("endTimeUnixNano"));
    }

    #[test]
    fn a_new_trace_is_valid_and_not_recorded() {
        let (first, second) = (begin(), begin());
        assert_ne!(first.trace_id(), second.trace_id());
        assert!(!first.is_sampled());
    }
}
