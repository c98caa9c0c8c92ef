//! What a client asks for at the authorization endpoint (OAuth 2.1, 4.1.1; OpenID Connect Core 1.0, 3.1.2.1).
//!
//! It is read in two steps. As long as it is not known where people may be sent back to, a fault is shown to whoever is there, and nobody is
//! sent anywhere. After that, a fault is told to the client, by a redirection.

use super::grant::OauthFailure;
use super::redirect::{is_registered, with_parameters};
use super::{OFFLINE_ACCESS, OPENID};
use api::users::OauthClient;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The parameters that mean something here. Others are ignored (RFC 6749, 3.1).
const KNOWN: [&str; 20] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "login_hint",
    "ui_locales",
    "display",
    "acr_values",
    "id_token_hint",
    "request",
    "request_uri",
    "registration",
    "claims",
];
/// The longest value of a parameter, in bytes, and that of a nonce, which becomes part of tokens.
const MAX_VALUE: usize = 2048;
const MAX_NONCE: usize = 255;
/// The length of a challenge: a SHA-256 digest in base64url.
const CHALLENGE_LENGTH: usize = 43;
/// A session that began so many seconds ago has just begun, for `prompt=login`.
const JUST_NOW: i32 = 120;

/// An authorization request that names a client, and where people are to be sent back to.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// The client.
    pub client_id: Uuid,
    /// Where people are to be sent back to. Nobody is, before [`Self::validate`] has compared it.
    pub redirect_uri: String,
    parameters: BTreeMap<String, String>,
    is_repeated: bool,
}

/// Why nobody can be sent back to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRedirect {
    /// The request names no client.
    Client,
    /// It does not say where to send people back to, or that is not registered.
    RedirectUri,
}

/// Whether the user may, or must, be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Nobody may be shown anything.
    None,
    /// As usual.
    Usual,
    /// The user has to consent, even to what they have consented to before. That says too as whom, so it is also how one chooses an
    /// account.
    Consent,
}

/// A valid request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What the client asks for.
    pub scopes: Vec<String>,
    /// The challenge of PKCE.
    pub code_challenge: String,
    /// The nonce for the ID token.
    pub nonce: Option<String>,
    /// Whether the user may, or must, be asked.
    pub prompt: Prompt,
    /// How many seconds ago the user may have authenticated.
    pub max_age: Option<i32>,
    /// Whom the client expects.
    pub login_hint: Option<String>,
    /// An ID token of whom it expects.
    pub id_token_hint: Option<String>,
}

impl AuthorizationRequest {
    /// Reads a query or a form.
    ///
    /// # Errors
    /// If it does not name a client and a redirect URI, each once.
    pub fn read(encoded: &[u8]) -> Result<Self, NoRedirect> {
        let mut parameters = BTreeMap::new();
        let mut repeated = Vec::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            // An empty parameter is treated as if it were not there (RFC 6749, 3.1).
            if !KNOWN.contains(&name.as_ref()) || value.is_empty() {
                continue;
            }
            if parameters.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                repeated.push(name.into_owned());
            }
        }
        let once = |name: &str| parameters.get(name).filter(|_| !repeated.iter().any(|other| other == name));
        let client_id = once("client_id").and_then(|id| Uuid::try_parse(id).ok()).ok_or(NoRedirect::Client)?;
        let redirect_uri = once("redirect_uri").cloned().ok_or(NoRedirect::RedirectUri)?;
        Ok(Self { client_id, redirect_uri, is_repeated: !repeated.is_empty(), parameters })
    }

    /// Whether people may be sent back to where it says.
    #[must_use]
    pub fn may_redirect(&self, client: &OauthClient) -> bool {
        client.id == self.client_id && is_registered(&client.redirect_uris, &self.redirect_uri)
    }

    /// Validates the rest. Only the client is told what is wrong, after [`Self::may_redirect`].
    ///
    /// # Errors
    /// As OAuth 2.1, 4.1.2.1, and OpenID Connect Core 1.0, 3.1.2.6, call it.
    pub fn validate(&self, client: &OauthClient) -> Result<Asked, OauthFailure> {
        let failure = OauthFailure::new;
        let get = |name: &str| self.parameters.get(name).map(String::as_str);
        if self.is_repeated {
            return Err(failure("invalid_request", "A parameter is there twice."));
        }
        let is_long = |(name, value): (&String, &String)| {
            value.len() > if name == "nonce" { MAX_NONCE } else { MAX_VALUE } || value.contains('\0')
        };
        if self.parameters.iter().any(is_long) {
            return Err(failure("invalid_request", "A parameter is too long, or has a character that none has."));
        }
        for (parameter, error) in [
            ("request", "request_not_supported"),
            ("request_uri", "request_uri_not_supported"),
            ("registration", "registration_not_supported"),
        ] {
            if get(parameter).is_some() {
                return Err(failure(error, "Send the parameters themselves."));
            }
        }
        match get("response_type") {
            Some("code") => {}
            None => return Err(failure("invalid_request", "response_type is required.")),
            Some(_) => return Err(failure("unsupported_response_type", "The response type is code.")),
        }
        if !matches!(get("response_mode"), None | Some("query")) {
            return Err(failure("invalid_request", "The response mode is query."));
        }
        if !client.grants.iter().any(|grant| grant == "authorization_code") {
            return Err(failure("unauthorized_client", "This client may not use authorization codes."));
        }
        let is_challenge = |text: &&str| {
            text.len() == CHALLENGE_LENGTH
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let code_challenge = match (get("code_challenge"), get("code_challenge_method")) {
            (Some(challenge), Some("S256")) => Some(challenge).filter(is_challenge),
            _ => None,
        };
        let code_challenge = code_challenge
            .ok_or_else(|| {
                failure("invalid_request", "PKCE is required: code_challenge with code_challenge_method=S256.")
            })?
            .to_owned();
        Ok(Asked {
            scopes: scopes_of(get("scope").unwrap_or_default(), client)?,
            code_challenge,
            nonce: get("nonce").map(str::to_owned),
            prompt: prompt_of(get("prompt"))?,
            max_age: self.max_age()?,
            login_hint: get("login_hint").map(str::to_owned),
            id_token_hint: get("id_token_hint").map(str::to_owned),
        })
    }

    /// By `max_age`, and by `prompt=login`, which wants a sign-in of this moment. So does a `max_age` of 0: no sign-in is younger.
    fn max_age(&self) -> Result<Option<i32>, OauthFailure> {
        let max_age = match self.parameters.get("max_age") {
            None => None,
            Some(text) => Some(
                problem::decimal::<i32>(text)
                    .ok_or_else(|| OauthFailure::new("invalid_request", "max_age is a number of seconds."))?,
            ),
        };
        let is_login =
            self.parameters.get("prompt").is_some_and(|prompt| prompt.split(' ').any(|word| word == "login"));
        let max_age = max_age.map(|seconds| if seconds == 0 { JUST_NOW } else { seconds });
        Ok(if is_login { Some(max_age.unwrap_or(JUST_NOW).min(JUST_NOW)) } else { max_age })
    }

    /// The redirect URI with the outcome, the state of the request, and who issues it (RFC 9207).
    #[must_use]
    pub fn answer(&self, issuer: &str, outcome: &[(&str, &str)]) -> String {
        let mut parameters = outcome.to_vec();
        parameters.extend(self.parameters.get("state").map(|state| ("state", state.as_str())));
        parameters.push(("iss", issuer));
        with_parameters(&self.redirect_uri, &parameters)
    }

    /// The redirect URI with a failure.
    #[must_use]
    pub fn refusal(&self, issuer: &str, failure: &OauthFailure) -> String {
        self.answer(issuer, &[("error", failure.error), ("error_description", failure.description)])
    }

    /// The parameters, for the fields of a page.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The scopes of a request, each once: those that the client may ask for.
fn scopes_of(text: &str, client: &OauthClient) -> Result<Vec<String>, OauthFailure> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        if !client.scopes.iter().any(|allowed| allowed == scope) {
            return Err(OauthFailure::new("invalid_scope", "The client may not ask for one of the scopes."));
        }
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    if scopes.is_empty() {
        return Err(OauthFailure::new("invalid_scope", "A scope is required."));
    }
    let is_offline = scopes.iter().any(|scope| scope == OFFLINE_ACCESS);
    if is_offline && !client.grants.iter().any(|grant| grant == "refresh_token") {
        return Err(OauthFailure::new("invalid_scope", "offline_access is for clients that may refresh tokens."));
    }
    if is_offline && !scopes.iter().any(|scope| scope == OPENID) {
        return Err(OauthFailure::new("invalid_scope", "offline_access goes with openid."));
    }
    Ok(scopes)
}

fn prompt_of(text: Option<&str>) -> Result<Prompt, OauthFailure> {
    let words: Vec<_> = text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        ["none"] => Ok(Prompt::None),
        words if words.iter().any(|word| !matches!(*word, "login" | "consent" | "select_account")) => {
            Err(OauthFailure::new("invalid_request", "prompt is none, or of login, consent and select_account."))
        }
        words if words.contains(&"consent") || words.contains(&"select_account") => Ok(Prompt::Consent),
        _ => Ok(Prompt::Usual),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "6f1e2d3c-4b5a-4697-8877-665544332211";
    const GOOD: &str = "client_id=6f1e2d3c-4b5a-4697-8877-665544332211&redirect_uri=https%3A%2F%2Fapp.example%2Fcb\
        &response_type=code&scope=openid+email&state=s%261&nonce=n\
        &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

    fn client() -> OauthClient {
        serde_json::from_value(json!({"id": ID, "name": "App", "confidential": true,
            "redirect_uris": ["https://app.example/cb"], "post_logout_redirect_uris": [],
            "scopes": ["openid", "email", "offline_access", "invoices"],
            "grants": ["authorization_code", "refresh_token"], "created_at": "", "updated_at": ""}))
        .unwrap()
    }

    fn read(text: &str) -> AuthorizationRequest {
        AuthorizationRequest::read(text.as_bytes()).unwrap()
    }

    fn error(text: &str) -> &'static str {
        read(text).validate(&client()).unwrap_err().error
    }

    #[test]
    fn a_request_is_read_and_answered() {
        let request = read(GOOD);
        assert!(request.may_redirect(&client()));
        let asked = request.validate(&client()).unwrap();
        assert_eq!((asked.scopes, asked.nonce.as_deref()), (vec!["openid".to_owned(), "email".to_owned()], Some("n")));
        assert_eq!((asked.prompt, asked.max_age), (Prompt::Usual, None));
        assert_eq!(
            request.answer("https://id.example", &[("code", "c")]),
            "https://app.example/cb?code=c&state=s%261&iss=https%3A%2F%2Fid.example"
        );
    }

    #[test]
    fn without_a_client_and_a_redirect_uri_there_is_no_way_back() {
        let without = |name: &str| GOOD.replacen(name, "other", 1);
        assert_eq!(AuthorizationRequest::read(without("client_id").as_bytes()).unwrap_err(), NoRedirect::Client);
        assert_eq!(
            AuthorizationRequest::read(without("redirect_uri").as_bytes()).unwrap_err(),
            NoRedirect::RedirectUri
        );
        for twice in ["&client_id=x", "&redirect_uri=https://evil.example"] {
            assert!(AuthorizationRequest::read(format!("{GOOD}{twice}").as_bytes()).is_err());
        }
        let elsewhere = GOOD.replace("app.example", "evil.example");
        assert!(!read(&elsewhere).may_redirect(&client()));
    }

    #[test]
    fn what_is_wrong_has_the_name_that_the_standards_give_it() {
        for (from, to, expected) in [
            ("response_type=code", "response_type=token", "unsupported_response_type"),
            ("response_type=code", "response_type=", "invalid_request"),
            ("scope=openid+email", "scope=openid+admin", "invalid_scope"),
            ("scope=openid+email", "scope=", "invalid_scope"),
            ("scope=openid+email", "scope=offline_access", "invalid_scope"),
            ("code_challenge_method=S256", "code_challenge_method=plain", "invalid_request"),
            ("&code_challenge_method=S256", "", "invalid_request"),
            ("code_challenge=E9M", "code_challenge=", "invalid_request"),
            ("nonce=n", "prompt=none+login", "invalid_request"),
            ("nonce=n", "prompt=create", "invalid_request"),
            ("nonce=n", "max_age=-1", "invalid_request"),
            ("nonce=n", "max_age=soon", "invalid_request"),
            ("nonce=n", "response_mode=fragment", "invalid_request"),
            ("nonce=n", "request=x.y.z", "request_not_supported"),
            ("nonce=n", "request_uri=https://app.example/r", "request_uri_not_supported"),
            ("nonce=n", "registration={}", "registration_not_supported"),
            ("nonce=n", "state=other", "invalid_request"),
            ("nonce=n", "nonce=%00", "invalid_request"),
        ] {
            assert_eq!(error(&GOOD.replace(from, to)), expected, "{to}");
        }
        let long = GOOD.replace("nonce=n", &format!("nonce={}", "n".repeat(256)));
        assert_eq!(error(&long), "invalid_request");
        let service = OauthClient { grants: vec!["client_credentials".into()], ..client() };
        assert_eq!(read(GOOD).validate(&service).unwrap_err().error, "unauthorized_client");
    }

    #[test]
    fn a_prompt_and_an_age_say_how_fresh_the_sign_in_is() {
        let asked = |more: &str| read(&format!("{GOOD}&{more}")).validate(&client()).unwrap();
        assert_eq!(asked("prompt=login").max_age, Some(JUST_NOW));
        assert_eq!(asked("prompt=login&max_age=10").max_age, Some(10));
        assert_eq!(asked("max_age=0").max_age, Some(JUST_NOW));
        assert_eq!(asked("prompt=none").prompt, Prompt::None);
        assert_eq!(asked("prompt=consent+login").prompt, Prompt::Consent);
        assert_eq!(asked("prompt=select_account").prompt, Prompt::Consent);
        assert_eq!(asked("unheard_of=x&claims={}&ui_locales=it").prompt, Prompt::Usual);
    }
}
