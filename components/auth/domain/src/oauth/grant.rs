//! What a client asks for at the token endpoint (OAuth 2.1, 3.2), and how it authenticates.

use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The lengths of a verifier of PKCE (RFC 7636, 4.1).
const VERIFIER_LENGTHS: std::ops::RangeInclusive<usize> = 43..=128;
/// The longest value of a parameter, in bytes.
const MAX_VALUE: usize = 2048;

/// A failure, as clients are told it (RFC 6749, 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OauthFailure {
    /// Its name.
    pub error: &'static str,
    /// What a developer reads.
    pub description: &'static str,
}

impl OauthFailure {
    /// A failure with this name.
    #[must_use]
    pub fn new(error: &'static str, description: &'static str) -> Self {
        Self { error, description }
    }

    /// The client is not the one that it says; which part is wrong is not said.
    #[must_use]
    pub fn invalid_client() -> Self {
        Self::new("invalid_client", "The client cannot be authenticated.")
    }

    /// The code or the token is not good; why is not said.
    #[must_use]
    pub fn invalid_grant() -> Self {
        Self::new("invalid_grant", "The grant is not valid, or not any more.")
    }
}

/// The parameters of a form, each once. Unknown ones are ignored.
pub type Parameters = BTreeMap<String, String>;

/// Reads a form.
///
/// # Errors
/// `invalid_request`, if a parameter is there twice, is too long or has a NUL.
pub fn parameters(encoded: &[u8]) -> Result<Parameters, OauthFailure> {
    let mut parameters = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(encoded).filter(|(_, value)| !value.is_empty()) {
        let is_odd = value.len() > MAX_VALUE || value.contains('\0');
        if parameters.insert(name.into_owned(), value.into_owned()).is_some() || is_odd {
            let description = "A parameter is there twice, is too long, or has a character that none has.";
            return Err(OauthFailure::new("invalid_request", description));
        }
    }
    Ok(parameters)
}

/// A client that says who it is, and perhaps shows a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct ClientSecret {
    /// The client.
    pub id: Uuid,
    /// The digest of the secret.
    pub digest: Option<String>,
    /// Whether it came in the header `authorization`.
    pub is_basic: bool,
}

/// Who a request says it is from: by the header `authorization`, or by the form, and not by both (RFC 6749, 2.3).
///
/// # Errors
/// `invalid_client` or `invalid_request`.
pub fn client_of(authorization: Option<&str>, form: &Parameters) -> Result<ClientSecret, OauthFailure> {
    let id_of = |text: &str| Uuid::try_parse(text).map_err(|_| OauthFailure::invalid_client());
    let Some(header) = authorization else {
        let id = form.get("client_id").ok_or_else(OauthFailure::invalid_client)?;
        let digest = form.get("client_secret").map(|secret| secret_digest(secret));
        return Ok(ClientSecret { id: id_of(id)?, digest, is_basic: false });
    };
    if form.contains_key("client_secret") {
        return Err(OauthFailure::new("invalid_request", "The client authenticates in two ways."));
    }
    let decoded = |text: &str| {
        url::form_urlencoded::parse(format!("v={text}").as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    let (id, secret) = header
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, credentials)| String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok())
        .and_then(|text| text.split_once(':').and_then(|(id, secret)| Some((decoded(id)?, decoded(secret)?))))
        .ok_or_else(OauthFailure::invalid_client)?;
    let id = id_of(&id)?;
    if form.get("client_id").is_some_and(|other| id_of(other) != Ok(id)) {
        return Err(OauthFailure::new("invalid_request", "The client is two."));
    }
    Ok(ClientSecret { id, digest: Some(secret_digest(&secret)), is_basic: true })
}

/// The digest by which a secret of a client is kept.
#[must_use]
pub fn secret_digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// A code that a client shows, or is given.
pub struct Code {
    /// What the client gets.
    pub text: String,
    /// Its digest.
    pub digest: String,
}

impl Code {
    /// A new code, of random bytes.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        Self::shown(&URL_SAFE_NO_PAD.encode(random))
    }

    /// A code that a client shows.
    #[must_use]
    pub fn shown(text: &str) -> Self {
        Self { digest: secret_digest(text), text: text.to_owned() }
    }
}

/// The challenge that a verifier of PKCE has; `None` if it is none.
#[must_use]
pub fn s256(verifier: &str) -> Option<String> {
    let is_verifier = VERIFIER_LENGTHS.contains(&verifier.len())
        && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    is_verifier.then(|| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())))
}

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum GrantRequest {
    /// Tokens for a code.
    Code {
        /// The digest of the code.
        digest: String,
        /// Where it was sent.
        redirect_uri: String,
        /// The challenge that the verifier has.
        challenge: String,
    },
    /// Tokens for a refresh token.
    Refresh {
        /// The token.
        token: String,
        /// What of the scopes is asked for; all without it.
        scopes: Option<Vec<String>>,
    },
    /// A token for the client itself.
    Client {
        /// What of its scopes is asked for; all without it.
        scopes: Option<Vec<String>>,
    },
}

impl GrantRequest {
    /// Reads a form, for a client that may use these grants.
    ///
    /// # Errors
    /// As RFC 6749, 5.2, calls it.
    pub fn read(form: &Parameters, grants: &[String]) -> Result<Self, OauthFailure> {
        let required = |name: &str, description| {
            form.get(name).cloned().ok_or_else(|| OauthFailure::new("invalid_request", description))
        };
        let grant = required("grant_type", "grant_type is required.")?;
        if !["authorization_code", "refresh_token", "client_credentials"].contains(&grant.as_str()) {
            let description = "The grant is authorization_code, refresh_token or client_credentials.";
            return Err(OauthFailure::new("unsupported_grant_type", description));
        }
        if !grants.contains(&grant) {
            return Err(OauthFailure::new("unauthorized_client", "The client may not use this grant."));
        }
        let scopes = form
            .get("scope")
            .map(|text| text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect::<Vec<_>>());
        match grant.as_str() {
            "authorization_code" => {
                let code = required("code", "code is required.")?;
                let redirect_uri =
                    required("redirect_uri", "redirect_uri is required, as in the authorization request.")?;
                let verifier = required("code_verifier", "code_verifier is required.")?;
                // One that is none has no challenge, and what it is shown with is spent all the same.
                let challenge = s256(&verifier).unwrap_or_else(|| "-".repeat(43));
                Ok(Self::Code { digest: Code::shown(&code).digest, redirect_uri, challenge })
            }
            "refresh_token" => {
                Ok(Self::Refresh { token: required("refresh_token", "refresh_token is required.")?, scopes })
            }
            _ => Ok(Self::Client { scopes }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6f1e2d3c-4b5a-4697-8877-665544332211";

    fn form(text: &str) -> Parameters {
        parameters(text.as_bytes()).unwrap()
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn a_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let challenge = s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        for none in ["", &"a".repeat(42), &"a".repeat(129), &format!("{} ", "a".repeat(43))] {
            assert_eq!(s256(none), None);
        }
    }

    #[test]
    fn a_client_authenticates_in_one_way() {
        let shown = |header: Option<&str>, text: &str| client_of(header, &form(text));
        let digest = Some(secret_digest("s ecret"));
        let id = Uuid::try_parse(ID).unwrap();
        let by_form = shown(None, &format!("client_id={ID}&client_secret=s+ecret")).unwrap();
        assert_eq!(by_form, ClientSecret { id, digest: digest.clone(), is_basic: false });
        let by_header = shown(Some(&basic(&format!("{ID}:s+ecret"))), "").unwrap();
        assert_eq!(by_header, ClientSecret { id, digest, is_basic: true });
        assert_eq!(shown(None, &format!("client_id={ID}")).unwrap().digest, None);
        for (header, text) in [
            (None, String::new()),
            (None, "client_id=x".into()),
            (Some("Bearer x".to_owned()), format!("client_id={ID}")),
            (Some(basic(ID)), String::new()),
            (Some("Basic ***".into()), String::new()),
        ] {
            assert_eq!(shown(header.as_deref(), &text).unwrap_err().error, "invalid_client");
        }
        let header = basic(&format!("{ID}:s"));
        for text in [format!("client_secret=s&client_id={ID}"), format!("client_id={}", ID.replace('6', "7"))] {
            assert_eq!(shown(Some(&header), &text).unwrap_err().error, "invalid_request");
        }
    }

    #[test]
    fn a_grant_is_read_or_named_as_the_standard_names_it() {
        let all = ["authorization_code", "refresh_token", "client_credentials"].map(str::to_owned);
        let error = |text: &str, grants: &[String]| GrantRequest::read(&form(text), grants).unwrap_err().error;
        assert_eq!(error("", &all), "invalid_request");
        assert_eq!(error("grant_type=password", &all), "unsupported_grant_type");
        assert_eq!(error("grant_type=client_credentials", &all[..2]), "unauthorized_client");
        assert_eq!(error("grant_type=authorization_code&code=c&redirect_uri=x", &all), "invalid_request");
        assert_eq!(error("grant_type=refresh_token", &all), "invalid_request");
        let client = GrantRequest::read(&form("grant_type=client_credentials&scope=a++b&other=x"), &all).unwrap();
        assert_eq!(client, GrantRequest::Client { scopes: Some(vec!["a".into(), "b".into()]) });
        assert!(parameters(b"a=1&a=2").is_err() && parameters(b"a=%00").is_err());
    }
}
