//! /auth-ms/.well-known: what others need to verify an access token (RFC 7517, OpenID Connect Discovery 1.0).

use super::Call;
use crate::keys::token_verifier;
use crate::oauth;
use api::auth::operation::{ShowKeys, ShowMetadata, ShowServerMetadata};
use api::auth::{KeySet, Metadata, ProviderMetadata};
use auth_domain::oauth::{OFFLINE_ACCESS, OPENID};
use problem::Problem;
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

/// The claims that only clients of the provider get.
const PROVIDER_CLAIMS: [&str; 11] = [
    "nonce",
    "at_hash",
    "scope",
    "name",
    "given_name",
    "family_name",
    "locale",
    "zoneinfo",
    "email",
    "phone_number",
    "phone_number_verified",
];
/// How clients authenticate.
const CLIENT_METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];

/// GET `/jwks.json`: the public keys.
pub(super) fn show_keys(call: &Call<'_, ShowKeys>) -> HandlerResult {
    Ok(for_everybody(call.ok(&KeySet(token_verifier()?.keys().to_jwks()))))
}

/// GET `/openid-configuration`: where the keys are, and what tokens are like.
pub(super) fn show_metadata(call: &Call<'_, ShowMetadata>) -> HandlerResult {
    Ok(for_everybody(call.ok(&metadata()?)))
}

/// GET `/oauth-authorization-server`: the same.
pub(super) fn show_server_metadata(call: &Call<'_, ShowServerMetadata>) -> HandlerResult {
    oauth::require()?;
    Ok(for_everybody(call.ok(&metadata()?)))
}

fn metadata() -> Result<Metadata, Problem> {
    let (verifier, is_provider) = (token_verifier()?, oauth::is_on()?);
    let issuer = verifier.expected().issuer;
    let mut claims = CLAIMS.to_vec();
    if is_provider {
        claims.extend(PROVIDER_CLAIMS);
    }
    Ok(Metadata {
        issuer: issuer.to_owned(),
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        response_types_supported: if is_provider { vec!["code"] } else { Vec::new() },
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: verifier.keys().algorithms().into_iter().collect(),
        claims_supported: claims,
        provider: is_provider.then(|| provider(issuer)),
    })
}

/// What there is of the OpenID Connect provider.
fn provider(issuer: &str) -> ProviderMetadata {
    let endpoint = |name: &str| format!("{issuer}/oauth/{name}");
    ProviderMetadata {
        authorization_endpoint: endpoint("authorize"),
        token_endpoint: endpoint("token"),
        userinfo_endpoint: endpoint("userinfo"),
        revocation_endpoint: endpoint("revoke"),
        end_session_endpoint: endpoint("logout"),
        scopes_supported: [OPENID, "profile", "email", "phone", OFFLINE_ACCESS],
        response_modes_supported: ["query"],
        grant_types_supported: ["authorization_code", "refresh_token", "client_credentials"],
        code_challenge_methods_supported: ["S256"],
        token_endpoint_auth_methods_supported: CLIENT_METHODS,
        revocation_endpoint_auth_methods_supported: CLIENT_METHODS,
        acr_values_supported: ["urn:concierge:aal:1", "urn:concierge:aal:2"],
        prompt_values_supported: ["none", "login", "consent", "select_account"],
        authorization_response_iss_parameter_supported: true,
        request_parameter_supported: false,
        request_uri_parameter_supported: false,
        claims_parameter_supported: false,
    }
}

/// It is public, and a copy in a cache is for every page.
fn for_everybody(mut response: Response) -> Response {
    set_header(&mut response, "cache-control", CACHED);
    set_header(&mut response, "access-control-allow-origin", "*");
    response
}
