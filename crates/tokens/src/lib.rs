//! Access tokens: JSON Web Tokens signed with Ed25519 (RFC 7519, RFC 8037).
//!
//! auth signs them with one private key; every other service verifies them with public keys alone, and never calls
//! auth. The algorithm is fixed: what a token says about its own algorithm is compared, never obeyed (RFC 8725, 3.1). A
//! token names its key by `kid`, so several keys can be accepted at the same time, and one can be rotated without
//! signing anybody out.

#[cfg(feature = "access")]
mod access;
mod keys;

#[cfg(feature = "access")]
pub use access::{AccessClaims, Audience, TokenError, sign, verify};
pub use keys::{KeyError, PublicKeys, SigningKey};
