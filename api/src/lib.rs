//! The HTTP API, said once.
//!
//! A module for each service has its **operations**: where each is, who may call it, what it takes and gives, which problems
//! it can end in, and what a reader needs to know. Components find the operation of a request in the table of their service
//! and get the request as what the operation says it is; they repeat none of it. The **wire types** are here, too: whoever sends
//! a body and whoever reads it use the same type. With the feature `openapi`, which components are built without, the OpenAPI
//! files in `openapi/` are made from all of this (`cargo xtask openapi`).

mod access;
pub mod auth;
#[cfg(feature = "openapi")]
pub mod description;
mod health;
pub mod notification;
#[cfg(feature = "openapi")]
pub mod openapi;
mod operation;
mod page;
pub mod passkey;
mod route;
#[cfg(feature = "openapi")]
mod schema;
mod segments;
pub mod users;
mod wire;

pub use access::{
    Access, AccessToken, ByAuth, ByOperator, ByOperatorOrAccessToken, ByScheduler, ByScraper, ClientToken, Internal,
    Public, Service,
};
pub use health::{Check, Health, HealthStatus};
pub use operation::{Body, Operation};
pub use page::{List, Page};
pub use route::{ANY_QUERY, Found, NO_QUERY, Parameter, Route, find};
pub use segments::{PathParameter, PathParameters};
