//! What the description of auth repeats, and its introduction.

use crate::description::Info;
use crate::description::preamble::{
    ATTEMPTS, BODIES, CREDENTIALS, LISTS, PAGES, PROBLEMS, QUERIES, REQUEST_IDS, SESSION_TOKENS, VERIFIED_TOKENS,
};
use serde_json::{Value, json};

pub(super) const PASSWORD: &str = "correct horse battery";
pub(super) const DEVICE_TOKEN: &str =
    "dt1.BwcHBwcHBwcHBwcHBwcHBw.1803182295.60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";
pub(super) const CHALLENGE: &str = "VGhpcyBpcyBub3QgYSBjaGFsbGVuZ2UgYnV0IGFuIGU";
pub(super) const REFRESH_TOKEN: &str =
    "bx4tPEtaRpeId2ZVRDMiEQAAAAAAAAAAtb1T2mB3XNYLY-wdPhYxj4OPZ1vbJMj9vB8jp_nl7lsvEvZ-v-pXcbrM52McdGyz";
pub(super) const ACCESS_TOKEN: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImI3ZEtEMi1EbE1BcGtHbGp6LVJKd0RkTmN5eHd5RkJwU21oejJ\
    jUkJuYXciLCJ0eXAiOiJhdCtqd3QifQ.eyJleHAiOjE3OTU0MDYyOTUsIm5iZiI6MTc5NTQwNTM5NSwiaWF0IjoxNzk1NDA1Mzk1LCJpc3MiOiJjb25j\
    aWVyZ2UiLCJhdWQiOiJjb25jaWVyZ2UiLCJzdWIiOiI3IiwianRpIjoiMTEwMmE3NTEtYzljNS00YTg2LWIwYTYtMWMwZDRhMGM1ZDUxIiwicm9sZSI6\
    InVzZXIiLCJzaWQiOiI2ZjFlMmQzYy00YjVhLTQ2OTctODg3Ny02NjU1NDQzMzIyMTEifQ.c2lnbmF0dXJlLW9mLWFuLWV4YW1wbGU";
pub(super) const NO_KEY: &str = "This operation returns tokens, which are not stored, so its response cannot be repeated. \
    Remove idempotency-key.";
pub(super) const ADMINISTRATORS: &str = "Only an administrator may access the sessions of others.";

type Links = &'static [(&'static str, &'static str)];
pub(super) const REFRESH_TOKEN_OF_BODY: Links = &[("refresh_token", "$response.body#/refresh_token")];
pub(super) const SAME_REFRESH_TOKEN: Links = &[("refresh_token", "$request.body#/refresh_token")];
pub(super) const ACCESS_TOKEN_OF_BODY: Links = &[("token", "$response.body#/access_token")];

pub(crate) fn info() -> Info {
    Info {
        name: "auth",
        summary: "Sign-in",
        description: vec![
            "Sign-in: from an email and a password to tokens. This service has no database; it asks users. A login publishes \
             `user_login_event`.",
            PROBLEMS,
            REQUEST_IDS,
            BODIES,
            QUERIES,
            LISTS,
            VERIFIED_TOKENS,
            SESSION_TOKENS,
            "**Refresh tokens.** Valid once: each refresh returns the next. Using one twice ends its whole session. A session \
             lives 14 days unused and 90 days in all. A new password, a new role and the deletion of the user end all sessions.",
            ATTEMPTS,
            "**Idempotency.** Login and refresh return tokens, which are not stored, so their responses cannot be repeated: a \
             request with `idempotency-key` is refused with 400 `invalid-header`. All other operations are safe to repeat and ignore \
             the header.",
            PAGES,
            CREDENTIALS,
        ],
        tags: &[
            ("auth", "From a password to tokens."),
            ("sessions", "One's own sessions; for administrators anybody's."),
            ("provider", "OAuth 2.1 and OpenID Connect, for other applications, with `oauth_provider=on`."),
            ("keys", "Public keys."),
            ("probes", "Liveness and readiness."),
            ("internal", "Each for one calling service, with its credential."),
        ],
    }
}

pub(super) fn tokens() -> Value {
    json!({"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 900, "refresh_token": REFRESH_TOKEN})
}

pub(super) fn login_tokens() -> Value {
    let mut tokens = tokens();
    tokens["device_token"] = DEVICE_TOKEN.into();
    tokens
}

pub(super) fn tokens_and_codes() -> Value {
    let mut tokens = login_tokens();
    tokens["recovery_codes"] = crate::users::second_factor_docs::codes()["recovery_codes"].clone();
    tokens
}

pub(super) fn session() -> Value {
    json!({"id": "6f1e2d3c-4b5a-4697-8877-665544332211", "created_at": "2026-05-04T09:30:00Z",
        "used_at": "2026-05-04T09:45:00Z", "ends_at": "2026-08-02T09:30:00Z",
        "user_agent": "curl/8.14.1", "network": "203.0.113.0/24", "application": null, "current": true})
}

pub(super) fn active() -> Value {
    json!({"active": true, "sub": "7", "role": "user", "roles": ["billing"], "sid": "6f1e2d3c-4b5a-4697-8877-665544332211",
        "auth_time": 1_795_405_395, "amr": ["pwd"], "acr": "urn:concierge:aal:1",
        "jti": "1102a751-c9c5-4a86-b0a6-1c0d4a0c5d51", "iat": 1_795_405_395, "exp": 1_795_406_295, "token_type": "Bearer"})
}

pub(super) fn keys() -> Value {
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "F8t5-ytBIPKx7GXkGY1uCLKOgT_rAeSkAIObheGAgM4",
        "kid": "b7dKD2-DlMApkGljz-RJwDdNcyxwyFBpSmhz2cRBnaw", "use": "sig", "alg": "EdDSA"}]})
}

pub(super) fn metadata() -> Value {
    let issuer = "https://concierge.example.org/auth-ms";
    json!({"issuer": issuer, "jwks_uri": format!("{issuer}/.well-known/jwks.json"), "response_types_supported": [],
        "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["EdDSA"],
        "claims_supported": ["iss", "aud", "sub", "client_id", "exp", "iat", "nbf", "jti", "sid", "role", "roles", "metadata", "email_verified"]})
}

pub(super) fn readiness(users: &str, latency_ms: u32) -> Value {
    json!({"status": users, "checks": {"configuration": {"status": "ok", "latency_ms": 0},
        "users": {"status": users, "latency_ms": latency_ms}}})
}

/// Some of the metrics.
pub(super) const METRICS: &str = "# HELP concierge_access_token_keys Public keys with which access tokens are verified; more than \
    one of an algorithm while keys are rotated\n# TYPE concierge_access_token_keys gauge\n\
    concierge_access_token_keys{algorithm=\"EdDSA\"} 1.0\n# EOF\n";
