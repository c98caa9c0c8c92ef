//! Metrics of the runtime itself, in the format of OpenMetrics, at `/metrics` on a listener of their own.
//!
//! What the app counts is in `counters`; here it is read, once for each scrape. Labels are ids of components and queues, which the
//! manifest says, and words of fixed lists, so whatever clients send makes no more time series.

mod exposition;
mod listener;

pub(crate) use exposition::Sources;
pub(crate) use listener::{listen, serve};
