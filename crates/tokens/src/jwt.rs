//! Signing and checking a JWT of a type, by the keys that there are.

use crate::error::TokenError;
use crate::keys::{PublicKey, Secret};
use crate::{PublicKeys, SigningKey};
use chrono::{DateTime, TimeDelta, Utc};
use jwt_compact::alg::{Ed25519, Es256};
use jwt_compact::{AlgorithmExt, Claims, Header, TimeOptions, UntrustedToken};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};

/// The longest token that is looked at, in bytes: ours have about 500.
const MAX_BYTES: usize = 4096;
/// How far two clocks may be apart, in seconds.
const LEEWAY_SECONDS: i64 = 5;

/// What else a header may have that matters here.
#[derive(Clone, Deserialize)]
struct Extensions {
    /// Whether it names extensions that have to be understood (RFC 7515, 4.1.11). None is.
    #[serde(default, deserialize_with = "is_present")]
    crit: bool,
}

fn is_present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

/// Signs a token of this type, issued and good from `issued_at` until `expires_at`, in seconds since 1970.
pub(crate) fn sign<T: Serialize>(
    kind: &str,
    custom: T,
    (issued_at, expires_at): (i64, i64),
    has_begin: bool,
    key: &SigningKey,
) -> Result<String, TokenError> {
    let header = Header::empty().with_key_id(key.kid.clone()).with_token_type(kind);
    let mut payload = Claims::new(custom);
    payload.issued_at = Some(timestamp(issued_at)?);
    payload.not_before = payload.issued_at.filter(|_| has_begin);
    payload.expiration = Some(timestamp(expires_at)?);
    match &key.secret {
        Secret::Ed25519(secret) => Ed25519.token(&header, &payload, secret.as_ref()),
        Secret::P256(secret) => Es256.token(&header, &payload, secret),
    }
    .map_err(|_| TokenError::Malformed)
}

/// Checks the type of a token, and its signature by an accepted key.
pub(crate) fn verify<T: DeserializeOwned>(token: &str, kind: &str, keys: &PublicKeys) -> Result<Claims<T>, TokenError> {
    if token.len() > MAX_BYTES {
        return Err(TokenError::Malformed);
    }
    let untrusted = UntrustedToken::<Extensions>::try_from(token).map_err(|_| TokenError::Malformed)?;
    if untrusted.header().token_type.as_deref() != Some(kind) {
        return Err(TokenError::Algorithm);
    }
    if untrusted.header().other_fields.crit {
        return Err(TokenError::Critical);
    }
    let kid = untrusted.header().key_id.as_deref().ok_or(TokenError::UnknownKey)?;
    let key = keys.find(kid).ok_or(TokenError::UnknownKey)?;
    if untrusted.algorithm() != key.algorithm() {
        return Err(TokenError::Algorithm);
    }
    let token = match key {
        PublicKey::Ed25519(key) => Ed25519.validator::<T>(key).validate(&untrusted),
        PublicKey::P256(key) => Es256.validator::<T>(key).validate(&untrusted),
    }
    .map_err(|_| TokenError::Signature)?;
    Ok(token.into_parts().1)
}

/// Checks the times of a token at the time `now`, in seconds since 1970.
pub(crate) fn check_times<T>(claims: &Claims<T>, now: i64) -> Result<(), TokenError> {
    let now = timestamp(now)?;
    let clock = TimeOptions::new(TimeDelta::seconds(LEEWAY_SECONDS), || now);
    claims.validate_expiration(&clock).map_err(|_| TokenError::Expired)?;
    claims.validate_maturity(&clock).map_err(|_| TokenError::NotYetValid)?;
    Ok(())
}

/// When a token was issued and until when it is good, in seconds since 1970.
pub(crate) fn times<T>(claims: &Claims<T>) -> Result<(i64, i64), TokenError> {
    let issued_at = claims.issued_at.ok_or(TokenError::Malformed)?;
    let expires_at = claims.expiration.ok_or(TokenError::Malformed)?;
    Ok((issued_at.timestamp(), expires_at.timestamp()))
}

fn timestamp(seconds: i64) -> Result<DateTime<Utc>, TokenError> {
    DateTime::from_timestamp(seconds, 0).ok_or(TokenError::Malformed)
}
