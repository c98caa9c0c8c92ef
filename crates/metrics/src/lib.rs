//! Metrics in the text format of OpenMetrics 1.0: which there are, and how they are written.
//!
//! Spindle counts for itself, with the same catalogue and format. A component remembers nothing between two calls, so it counts nothing by itself: its metrics are what PostgreSQL, the broker
//! and its own variables say when they are asked.

mod catalogue;
mod exposition;

pub use catalogue::{Kind, Metric, RUNTIME, SERVICES, auth, notification, spindle, users};
pub use exposition::{Exposition, Histogram, MEDIA_TYPE, number};
