//! /auth-ms/.well-known: what others need to verify an access token (RFC 7517, OpenID Connect Discovery 1.0).

use super::Call;
use crate::keys::token_verifier;
use api::auth::operation::{ShowKeys, ShowMetadata};
use api::auth::{KeySet, Metadata};
use service_kit::{HandlerResult, Response, set_header};

/// How long a copy may be used: a key is published for longer than that before it signs.
const CACHED: &str = "public, max-age=300";
/// The claims of access tokens (RFC 9068, 2.2), and those of this application.
const CLAIMS: [&str; 16] = [
    "iss",
    "aud",
    "sub",
    "client_id",
    "exp",
    "iat",
    "nbf",
    "jti",
    "sid",
    "role",
    "roles",
    "metadata",
    "email_verified",
    "auth_time",
    "amr",
    "acr",
];

/// GET `/jwks.json`: the public keys.
pub(super) fn show_keys(call: &Call<'_, ShowKeys>) -> HandlerResult {
    Ok(for_everybody(call.ok(&KeySet(token_verifier()?.keys().to_jwks()))))
}

/// GET `/openid-configuration`: where the keys are, and what tokens are like.
pub(super) fn show_metadata(call: &Call<'_, ShowMetadata>) -> HandlerResult {
    let verifier = token_verifier()?;
    let issuer = verifier.expected().issuer;
    Ok(for_everybody(call.ok(&Metadata {
        issuer: issuer.to_owned(),
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        response_types_supported: [],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: verifier.keys().algorithms().into_iter().collect(),
        claims_supported: CLAIMS.to_vec(),
    })))
}

/// It is public, and a copy in a cache is for every page.
fn for_everybody(mut response: Response) -> Response {
    set_header(&mut response, "cache-control", CACHED);
    set_header(&mut response, "access-control-allow-origin", "*");
    response
}
