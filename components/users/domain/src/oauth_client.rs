//! Clients of the OAuth 2.1 and OpenID Connect provider: what may be registered, and how they authenticate.

use crate::fields::Fields;
use crate::session::{digest, fault, lifetime};
use api::users::{
    AuthenticateOauthClientRequest, IssueOauthCodeRequest, NewOauthClientRequest, OauthClientChange,
    RotateOauthTokenRequest, SpendOauthCodeRequest,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::PersonName;
use problem::{Kind, Problem};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use subtle::ConstantTimeEq;

/// How many clients there may be.
pub const MAX_OAUTH_CLIENTS: i64 = 200;
/// The random bytes of a secret.
pub const CLIENT_SECRET_BYTES: usize = 32;
/// For how many seconds a code is valid.
pub const OAUTH_CODE_SECONDS: i32 = 60;
/// How many redirect URIs a client has at most, of each kind, and how long each is in bytes.
const MAX_URIS: usize = 20;
const MAX_URI_BYTES: usize = 512;
/// How many scopes, and how long each is in bytes.
const MAX_SCOPES: usize = 32;
const MAX_SCOPE_BYTES: usize = 64;

/// The longest other text, in characters.
const MAX_TEXT: usize = 2048;

const GRANTS: [&str; 3] = ["authorization_code", "client_credentials", "refresh_token"];
const BAD_URI: &str = "A redirect URI is https, or http on this machine, without user, fragment, * and backslash.";
const BAD_SCOPE: &str = "A scope has 1 to 64 visible ASCII characters, without quotation marks and backslashes.";
const BAD_GRANT: &str =
    "A grant is authorization_code, refresh_token or client_credentials; the last is for confidential clients.";

/// What is registered of a client. In a change, what stays as it is is not there.
#[derive(Debug, PartialEq, Eq)]
pub struct ClientFields {
    /// The name.
    pub name: Option<String>,
    /// Where people may be sent back to.
    pub redirect_uris: Option<Vec<String>>,
    /// Where they may be sent after a logout.
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// What it may ask for.
    pub scopes: Option<Vec<String>>,
    /// How it may get tokens.
    pub grants: Option<Vec<String>>,
}

impl ClientFields {
    /// Validates all fields of a registration.
    ///
    /// # Errors
    /// A problem that lists every fault.
    pub fn of_new(request: &NewOauthClientRequest) -> Result<Self, Problem> {
        let default = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let scopes = request.scopes.clone().unwrap_or_else(|| default(&["openid", "profile", "email"]));
        let grants = request.grants.clone().unwrap_or_else(|| default(&["authorization_code", "refresh_token"]));
        Self::validate(
            Some(&request.name),
            Some(&request.redirect_uris),
            Some(&request.post_logout_redirect_uris),
            Some(&scopes),
            Some(&grants),
            request.confidential,
        )
    }

    /// Validates those of a change of a client, which is confidential or not.
    ///
    /// # Errors
    /// A problem that lists every fault.
    pub fn of_change(change: &OauthClientChange, confidential: bool) -> Result<Self, Problem> {
        Self::validate(
            change.name.as_deref(),
            change.redirect_uris.as_deref(),
            change.post_logout_redirect_uris.as_deref(),
            change.scopes.as_deref(),
            change.grants.as_deref(),
            confidential,
        )
    }

    fn validate(
        name: Option<&str>,
        redirect_uris: Option<&[String]>,
        post_logout_redirect_uris: Option<&[String]>,
        scopes: Option<&[String]>,
        grants: Option<&[String]>,
        confidential: bool,
    ) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        let name = name.map(|name| match PersonName::parse(name) {
            Ok(name) => name.as_str().to_owned(),
            Err(error) => {
                fields.fault("name", Kind::InvalidName, &error.to_string());
                String::new()
            }
        });
        let mut uris = |field, uris: Option<&[String]>| {
            let uris = uris?;
            if uris.len() > MAX_URIS || !uris.iter().all(|uri| is_redirect_uri(uri)) {
                fields.fault(field, Kind::InvalidValue, BAD_URI);
            }
            Some(uris.to_vec())
        };
        let redirect_uris = uris("redirect_uris", redirect_uris);
        let post_logout_redirect_uris = uris("post_logout_redirect_uris", post_logout_redirect_uris);
        let distinct =
            |texts: &[String]| texts.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        let scopes = scopes.map(|scopes| {
            if scopes.len() > MAX_SCOPES || !scopes.iter().all(|scope| is_scope(scope)) {
                fields.fault("scopes", Kind::InvalidValue, BAD_SCOPE);
            }
            distinct(scopes)
        });
        let grants = grants.map(|grants| {
            let is_known =
                |grant: &String| GRANTS.contains(&grant.as_str()) && (confidential || grant != "client_credentials");
            if grants.len() > GRANTS.len() || !grants.iter().all(is_known) {
                fields.fault("grants", Kind::InvalidValue, BAD_GRANT);
            }
            distinct(grants)
        });
        fields.finish(Some(Self { name, redirect_uris, post_logout_redirect_uris, scopes, grants }))
    }
}

/// Whether a text may be registered as a redirect URI. Everything in it is compared as it stands later, so it has one spelling, and
/// can stand in a header and in a policy.
fn is_redirect_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let is_plain = uri.len() <= MAX_URI_BYTES
        && uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"#*\\\"<>^`{|}".contains(&byte));
    let (host, port) = match authority.strip_prefix("[::1]") {
        Some(port) => ("[::1]", port),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| {
            port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0') && port.parse::<u16>().is_ok()
        });
    let is_name = |host: &str| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
    };
    let is_host = match scheme {
        "https" => host == "[::1]" || is_name(host),
        "http" => matches!(host, "127.0.0.1" | "[::1]" | "localhost"),
        _ => false,
    };
    is_plain && is_port && is_host
}

/// Whether a text is a scope (RFC 6749, 3.3).
fn is_scope(scope: &str) -> bool {
    (1..=MAX_SCOPE_BYTES).contains(&scope.len())
        && scope.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

/// A new secret of a client, of random bytes, and the digest by which it is kept. It needs no salt and no slow hash: nobody guesses 256
/// random bits.
#[must_use]
pub fn client_secret(random: [u8; CLIENT_SECRET_BYTES]) -> (String, String) {
    let secret = URL_SAFE_NO_PAD.encode(random);
    let digest = hex::encode(Sha256::digest(secret.as_bytes()));
    (secret, digest)
}

/// Whether a client with this digest of its secret, if it has one, is the one that shows this digest, if it shows one.
#[must_use]
pub fn authenticates(kept: Option<&str>, shown: Option<&str>) -> bool {
    match (kept, shown) {
        (Some(kept), Some(shown)) => kept.as_bytes().ct_eq(shown.as_bytes()).into(),
        (None, None) => true,
        _ => false,
    }
}

/// Validates the digest of a secret that auth sends.
///
/// # Errors
/// `invalid-value`.
pub fn shown_secret(request: &AuthenticateOauthClientRequest) -> Result<Option<String>, Problem> {
    request.secret_digest.clone().map(|shown| digest("secret_digest", shown)).transpose()
}

/// Validates a code that auth wants to be kept.
///
/// # Errors
/// `invalid-value`.
pub fn validate_code(request: &IssueOauthCodeRequest) -> Result<(), Problem> {
    digest("code", request.code.clone())?;
    plain("redirect_uri", &request.redirect_uri)?;
    challenge(&request.code_challenge)?;
    plain("nonce", request.nonce.as_deref().unwrap_or_default())?;
    for (name, seconds) in [("max_age", request.max_age), ("ask_max_age", request.ask_max_age)] {
        if seconds.is_some_and(|seconds| seconds < 0) {
            return Err(fault(name, "This must be a number of seconds."));
        }
    }
    match request.scopes.len() <= MAX_SCOPES && request.scopes.iter().all(|scope| is_scope(scope)) {
        true => Ok(()),
        false => Err(fault("scopes", BAD_SCOPE)),
    }
}

/// Validates a code that a client shows.
///
/// # Errors
/// `invalid-value`.
pub fn validate_shown_code(request: &SpendOauthCodeRequest) -> Result<(), Problem> {
    digest("code", request.code.clone())?;
    plain("redirect_uri", &request.redirect_uri)?;
    challenge(&request.code_challenge)?;
    digest("refresh_digest", request.refresh_digest.clone())?;
    lifetime("idle_seconds", request.idle_seconds)?;
    lifetime("online_seconds", request.online_seconds)?;
    lifetime("absolute_seconds", request.absolute_seconds).map(drop)
}

/// Validates a refresh token that a client shows.
///
/// # Errors
/// `invalid-value`.
pub fn validate_shown_token(request: &RotateOauthTokenRequest) -> Result<(), Problem> {
    digest("refresh_digest", request.refresh_digest.clone())?;
    digest("next_digest", request.next_digest.clone())?;
    lifetime("idle_seconds", request.idle_seconds)?;
    if !(0..i64::MAX).contains(&request.generation) {
        return Err(fault("generation", "A generation is 0 or more."));
    }
    match (0..=300).contains(&request.leeway_seconds) {
        true => Ok(()),
        false => Err(fault("leeway_seconds", "A leeway is 0 to 300 seconds.")),
    }
}

fn plain(field: &str, text: &str) -> Result<(), Problem> {
    match text.chars().count() <= MAX_TEXT && !text.contains('\0') {
        true => Ok(()),
        false => Err(fault(field, "This text is too long, or has a character that no text has.")),
    }
}

fn challenge(text: &str) -> Result<(), Problem> {
    match text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        true => Ok(()),
        false => Err(fault("code_challenge", "A challenge is a SHA-256 digest in base64url.")),
    }
}

/// The problem for an id under which no client is registered.
#[must_use]
pub fn client_not_found() -> Problem {
    Problem::of(Kind::ClientNotFound)
}

/// The problem while there is no provider.
#[must_use]
pub fn no_provider() -> Problem {
    Problem::new(Kind::NotConfigured, "There is no OpenID Connect provider here. Set oauth_provider to on.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn new(change: serde_json::Value) -> Result<ClientFields, Problem> {
        let mut body = json!({"name": "Calendar", "confidential": false, "redirect_uris": ["https://app.example/cb"]});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        ClientFields::of_new(&serde_json::from_value(body).unwrap())
    }

    #[test]
    fn a_redirect_uri_is_https_or_on_this_machine() {
        for good in [
            "https://app.example/cb",
            "https://app.example",
            "https://app.example:8443/cb?x=1&y=%20",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:7777/cb",
            "http://[::1]:1/",
            "http://localhost:3000/cb",
        ] {
            assert!(is_redirect_uri(good), "{good}");
        }
        for bad in [
            "",
            "app.example/cb",
            "http://app.example/cb",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example/",
            "https://app.example/cb#x",
            "https://app.example/#",
            "https://*.example/cb",
            "https://app.example/*",
            "https://user@app.example/",
            "https://app.example\\@evil.example/",
            "https://app.example:0/",
            "https://app.example:080/",
            "https://app.example:70000/",
            "https://app.example:/",
            "https://app.example:+1/",
            "https:///cb",
            "https://app.example/a b",
            "https://app.example/\u{e9}",
            "https://app;script-src.example/",
            "javascript://app.example/%0aalert(1)",
            "javascript:alert(1)",
            "data:text/html,x",
            "custom://cb",
            "HTTPS://app.example/",
            "https://[::2]/",
            &format!("https://app.example/{}", "x".repeat(500)),
        ] {
            assert!(!is_redirect_uri(bad), "{bad}");
        }
    }

    #[test]
    fn all_faults_are_named_at_once() {
        let faulty = new(json!({"name": "", "redirect_uris": ["x"], "scopes": ["a b"], "grants": ["password"]}));
        let problem = faulty.unwrap_err();
        assert_eq!((problem.kind(), problem.errors().len()), (Kind::ValidationFailed, 4));
    }

    #[test]
    fn what_is_not_said_is_the_usual() {
        let client = new(json!({})).unwrap();
        assert_eq!(client.scopes.unwrap(), ["email", "openid", "profile"]);
        assert_eq!(client.grants.unwrap(), ["authorization_code", "refresh_token"]);
        let change = serde_json::from_value(json!({"name": "Other"})).unwrap();
        let change = ClientFields::of_change(&change, false).unwrap();
        assert_eq!((change.name.as_deref(), change.scopes, change.grants), (Some("Other"), None, None));
    }

    #[test]
    fn only_a_confidential_client_acts_for_itself() {
        let grants = json!({"grants": ["client_credentials"]});
        assert_eq!(new(grants.clone()).unwrap_err().kind(), Kind::InvalidValue);
        let confidential = json!({"grants": ["client_credentials"], "confidential": true});
        assert!(new(confidential).is_ok());
    }

    #[test]
    fn a_client_authenticates_by_its_secret_or_has_none() {
        let (secret, digest) = client_secret([7; 32]);
        assert_eq!((secret.len(), digest.len()), (43, 64));
        let (_, other) = client_secret([8; 32]);
        assert!(authenticates(Some(&digest), Some(&digest)) && authenticates(None, None));
        for (kept, shown) in [(Some(&digest), Some(&other)), (Some(&digest), None), (None, Some(&digest))] {
            assert!(!authenticates(kept.map(String::as_str), shown.map(String::as_str)));
        }
    }
}
