//! Signing in by mail: whoever reads the mail of an account shows its link or its code.
//!
//! Whoever asks for a mail to any address is answered with a secret, the *request*, whether or not the address has an account. The code
//! is shown with it: a stranger who has not asked cannot guess at it, and one who has asked cannot read it. The link needs nothing
//! beside it, for its secret cannot be guessed, and it signs in whoever opens it, not whoever has asked. So of a mail that somebody else
//! has asked for nobody gets into an account but its owner.

use crate::rate_limit::{RESET_SECONDS, RateLimit, SIGN_IN_CODES};
use crate::second_factor::{SessionStart, ShownChallenge};
use api::users::{BeginMailSignInRequest, EndMailSignInRequest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use events::MAIL_SIGN_IN_SECONDS;
use identity::{Email, Peppers};
use problem::{Kind, Problem};
use serde::Serialize;

/// The path of the page that the link leads to, unless the application has one of its own.
const MAIL_SIGN_IN_PAGE: &str = "/auth-ms/auth/mail/page";
/// How a session has begun that a link or a code has begun (RFC 8176): by a password that is good once.
pub const MAIL_SIGN_IN_METHOD: &str = "otp";

/// How many codes there are.
const CODES: u64 = 1_000_000;

/// A mail to be sent, and what only the mail and whoever has asked for it have.
pub struct NewMailSignIn {
    /// The secret of the link.
    pub token: String,
    /// The code.
    pub code: String,
    /// The secret of whoever has asked.
    pub request: String,
    stored: StoredTicket,
}

/// The ticket as it is stored.
#[derive(Debug, Serialize)]
struct StoredTicket {
    digest: String,
    request_digest: String,
    code_digest: String,
    account_key: String,
    seconds: i32,
}

impl NewMailSignIn {
    /// One for the owner of an address, from random bytes.
    #[must_use]
    pub fn new(email: &Email, peppers: &Peppers, secrets: [[u8; 32]; 2], code: [u8; 8]) -> Self {
        let [token, request] = secrets.map(|secret| URL_SAFE_NO_PAD.encode(secret));
        // Of so many random numbers, none is noticeably more likely than another.
        let code = format!("{:06}", u64::from_le_bytes(code) % CODES);
        let stored = StoredTicket {
            digest: token_digest(&token, peppers),
            request_digest: request_digest(&request, peppers),
            code_digest: code_digest(&request, &code, peppers),
            account_key: peppers.digest("sign-in code at account", email.key()),
            seconds: MAIL_SIGN_IN_SECONDS,
        };
        Self { token, code, request, stored }
    }

    /// The statement's parameter.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.stored).unwrap_or_default()
    }
}

/// Who asks for a mail.
#[derive(Debug)]
pub struct BeginMailSignIn {
    /// The address.
    pub email: Email,
    /// The client's address, as its rate limits are counted.
    pub client_address: String,
}

impl TryFrom<BeginMailSignInRequest> for BeginMailSignIn {
    type Error = Problem;

    /// Fails with `invalid-value`: the caller has looked at the address.
    fn try_from(request: BeginMailSignInRequest) -> Result<Self, Problem> {
        let email = Email::parse(&request.email)
            .map_err(|error| Problem::field(Kind::InvalidValue, "email", error.to_string()))?;
        Ok(Self { email, client_address: request.client_address })
    }
}

/// A link or a code that somebody shows, by digests.
#[derive(Debug, Serialize)]
pub struct ShownSignIn {
    digest: Option<String>,
    request_digest: Option<String>,
    code_digest: Option<String>,
    code_limit: RateLimit,
    forget_seconds: i32,
}

impl ShownSignIn {
    /// That of a link's secret, or of a code and the secret of whoever has asked for it.
    ///
    /// # Errors
    /// `invalid-value` if it is neither of them.
    pub fn parse(
        token: Option<&str>,
        request: Option<&str>,
        code: Option<&str>,
        peppers: &Peppers,
    ) -> Result<Self, Problem> {
        let nothing = Self {
            digest: None,
            request_digest: None,
            code_digest: None,
            code_limit: RateLimit::new("", SIGN_IN_CODES),
            forget_seconds: RESET_SECONDS,
        };
        match (token, request, code) {
            (Some(token), None, None) => Ok(Self { digest: Some(token_digest(token, peppers)), ..nothing }),
            (None, Some(request), Some(code)) => Ok(Self {
                request_digest: Some(request_digest(request, peppers)),
                // Spaces are what people put between digits.
                code_digest: Some(code_digest(request, &code.replace(' ', ""), peppers)),
                ..nothing
            }),
            _ => Err(Problem::field(Kind::InvalidValue, "token", "Send the token, or request and code.")),
        }
    }

    /// The statement's parameter.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A link or a code, and what it is to begin.
#[derive(Debug)]
pub struct EndMailSignIn {
    /// What is shown.
    pub shown: ShownSignIn,
    /// The client's address, as its rate limits are counted.
    pub client_address: String,
    /// The device token that the client has sent.
    pub device_token: Option<String>,
    /// The session to begin.
    pub session: SessionStart,
    /// The challenge to keep in its place, if the account needs a second factor.
    pub challenge: ShownChallenge,
}

impl EndMailSignIn {
    /// Reads a request.
    ///
    /// # Errors
    /// `invalid-value` for what the calling service has made.
    pub fn parse(request: EndMailSignInRequest, peppers: &Peppers) -> Result<Self, Problem> {
        let (token, asked, code) = (request.token.as_deref(), request.request.as_deref(), request.code.as_deref());
        Ok(Self {
            shown: ShownSignIn::parse(token, asked, code, peppers)?,
            client_address: request.client_address,
            device_token: request.device_token,
            session: SessionStart::parse(request.session)?,
            challenge: ShownChallenge::parse(request.challenge_digest, request.client_digest)?,
        })
    }
}

/// The link with this secret: to the application's page if it has one, else to ours at `public_url`.
#[must_use]
pub fn mail_sign_in_link(application_page: Option<&str>, public_url: &str, token: &str) -> String {
    match application_page {
        Some(page) => format!("{page}{}token={token}", if page.contains('?') { '&' } else { '?' }),
        None => format!("{public_url}{MAIL_SIGN_IN_PAGE}?token={token}"),
    }
}

fn token_digest(token: &str, peppers: &Peppers) -> String {
    peppers.digest("link that signs in", token)
}

fn request_digest(request: &str, peppers: &Peppers) -> String {
    peppers.digest("request to sign in", request)
}

/// Of the request too: a code is good for whoever has asked for it.
fn code_digest(request: &str, code: &str, peppers: &Peppers) -> String {
    peppers.digest("code that signs in", format!("{request}\0{code}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn peppers() -> Peppers {
        Peppers::new("a pepper that is long enough for tests").unwrap()
    }

    fn new(request: u8) -> NewMailSignIn {
        let email = Email::parse("Ada@example.org").unwrap();
        NewMailSignIn::new(&email, &peppers(), [[7; 32], [request; 32]], 1_000_042_u64.to_le_bytes())
    }

    fn shown(token: Option<&str>, request: Option<&str>, code: Option<&str>) -> Value {
        serde_json::from_str(&ShownSignIn::parse(token, request, code, &peppers()).unwrap().to_json()).unwrap()
    }

    #[test]
    fn a_ticket_is_found_by_its_link_and_by_its_code_with_the_request() {
        let new = new(8);
        let stored: Value = serde_json::from_str(&new.to_json()).unwrap();
        assert_eq!((new.token.len(), new.request.len(), new.code.as_str()), (43, 43, "000042"));
        assert_eq!(shown(Some(&new.token), None, None)["digest"], stored["digest"]);
        let by_code = shown(None, Some(&new.request), Some("000 042"));
        assert_eq!(by_code["request_digest"], stored["request_digest"]);
        assert_eq!(by_code["code_digest"], stored["code_digest"]);
        assert_eq!((&by_code["digest"], &by_code["code_limit"]["ceiling"]), (&Value::Null, &25.into()));
        for secret in [&new.token, &new.request, &new.code] {
            assert!(!new.to_json().contains(&format!("\"{secret}\"")));
        }
    }

    #[test]
    fn the_same_code_of_another_request_is_another() {
        let stored = |request| serde_json::from_str::<Value>(&new(request).to_json()).unwrap();
        assert_eq!(new(1).code, new(2).code);
        assert_ne!(stored(1)["code_digest"], stored(2)["code_digest"]);
        assert_eq!(stored(1)["account_key"], stored(2)["account_key"]);
    }

    #[test]
    fn it_is_a_link_or_a_code_with_its_request() {
        for (token, request, code) in [
            (None, None, None),
            (Some("t"), Some("r"), None),
            (Some("t"), None, Some("123456")),
            (None, Some("r"), None),
            (None, None, Some("123456")),
        ] {
            assert!(ShownSignIn::parse(token, request, code, &peppers()).is_err());
        }
    }

    #[test]
    fn the_link_leads_to_the_page_of_the_application_if_it_has_one() {
        let link = |page| mail_sign_in_link(page, "https://id.example.org", "t");
        assert_eq!(link(None), "https://id.example.org/auth-ms/auth/mail/page?token=t");
        assert_eq!(link(Some("https://app.example.org/in")), "https://app.example.org/in?token=t");
        assert_eq!(link(Some("https://app.example.org/in?lang=it")), "https://app.example.org/in?lang=it&token=t");
    }
}
