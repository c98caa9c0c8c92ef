//! Traces by OpenTelemetry: what Spin records, by the same names, sent to a collector by OTLP over HTTP.
//!
//! Without a collector's address there is nothing of it: no span is made, and nothing is allocated. Spans of a trace that is
//! not recorded are not made either. What is recorded waits in a bounded queue for a thread of its own, which sends it; a
//! collector that is away or hangs costs spans and nothing else.

mod collector;
mod names;
mod span;
mod start;

pub(crate) use names::{AmqpMessage, HttpRequest, MqttServer, Redis, Sql};
pub(crate) use span::Trace;
pub(crate) use start::start;
