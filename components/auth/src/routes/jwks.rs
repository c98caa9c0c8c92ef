//! GET /auth-ms/.well-known/jwks.json: the public keys, with which anybody can verify an access token (RFC 7517).

use super::Call;
use crate::keys::token_verifier;
use api::auth::KeySet;
use api::auth::operation::ShowKeys;
use service_kit::{HandlerResult, set_header};

/// How long a copy of the keys may be used: a key is published for longer than that before it signs.
const CACHED: &str = "public, max-age=300";

/// Shows the public keys.
pub(super) fn show_keys(call: &Call<'_, ShowKeys>) -> HandlerResult {
    let mut response = call.ok(&KeySet(token_verifier()?.keys().to_jwks()));
    set_header(&mut response, "cache-control", CACHED);
    // They are public, and a copy in a cache is for every page.
    set_header(&mut response, "access-control-allow-origin", "*");
    Ok(response)
}
