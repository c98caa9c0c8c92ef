//! GET /auth-ms/.well-known/jwks.json: the public keys, by which anybody can check an access token (RFC 7517).

use crate::keys::good_tokens;
use service_kit::{Outcome, Request, StatusCode, json};

/// How long a copy of the keys may be used: a key is published for longer than that before it signs.
const CACHED: &str = "public, max-age=300";

/// Shows the public keys.
pub(super) fn show_keys(request: &Request) -> Outcome {
    request.query(&[])?;
    let mut response = json(StatusCode::OK, &good_tokens()?.keys().to_jwks());
    if let Ok(value) = CACHED.parse() {
        response.headers_mut().insert("cache-control", value);
    }
    Ok(response)
}
