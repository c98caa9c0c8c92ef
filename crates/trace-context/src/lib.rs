//! Which trace something belongs to: the header `traceparent` of W3C Trace Context, and the request id beside it.
//!
//! A service handles one request at a time in an instance of its own, or several messages side by side. What is under way
//! is in a [`scope`], and whatever runs in it finds its [`Correlation`] by [`current`]: log lines, calls of other
//! services, events. So nobody has to hand it through.

mod correlation;
mod traceparent;

pub use correlation::{Correlation, current, scope, scope_sync};
pub use traceparent::TraceContext;
