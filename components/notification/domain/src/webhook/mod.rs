//! Webhooks: the endpoints that get events, the signature by which they know them, and what their answers mean.
//!
//! Signed by the scheme of [Standard Webhooks](https://www.standardwebhooks.com), so that an endpoint verifies it with one of
//! the libraries that there are.

mod endpoint;
mod result;
mod signature;

pub use endpoint::{Endpoint, EndpointError, endpoints};
pub use result::webhook_result;
