//! Access tokens: JSON Web Tokens (RFC 7519, RFC 9068), signed with Ed25519 (RFC 8037) or ECDSA P-256 (RFC 7518, 3.4).
//!
//! auth signs them with one private key; every other service verifies them with public keys alone, and never calls
//! auth. Each key has one algorithm: what a token says about its own algorithm is compared, never obeyed (RFC 8725, 3.1).
//! A token names its key by `kid`, so several keys can be accepted at the same time, and one can be rotated without
//! signing anybody out.

#[cfg(feature = "access")]
mod access;
#[cfg(feature = "access")]
mod client;
#[cfg(feature = "access")]
mod error;
#[cfg(feature = "access")]
mod jwt;
mod keys;

#[cfg(feature = "access")]
pub use access::{AccessClaims, Audience, sign, verify};
#[cfg(feature = "access")]
pub use client::{
    ClientClaims, IdClaims, IdHint, read_id_token, sign_client_token, sign_id_token, verify_client_token,
};
#[cfg(feature = "access")]
pub use error::TokenError;
pub use keys::{KeyError, P256_PREFIX, PublicKeys, SigningKey};
