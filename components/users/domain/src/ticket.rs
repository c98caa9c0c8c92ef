//! Tickets: what is proved by a link or a code that went to an address.
//!
//! A ticket is for one purpose, and for the user, the address and the credentials epoch that it was issued for. It is
//! spent once, in the statement that does what it is for, and stored as digests alone: of the 256 random bits in the link,
//! and of a code of six digits for people who read their mail on another device. So few digits can be guessed: after five
//! wrong codes the ticket is gone, and issuing another one is limited.

use crate::rate_limit::{RECOVERY_CODES, RESET_SECONDS, RateLimit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use events::{EMAIL_CHANGE_SECONDS, Exchange, INVITATION_SECONDS, RECOVERY_SECONDS, VERIFICATION_SECONDS};
use identity::{Email, Peppers};
use problem::{Kind, Problem};
use serde::Serialize;

/// For how many seconds an address can be taken back after a change: three days. Nobody else gets it meanwhile.
pub const EMAIL_RETURN_SECONDS: i32 = 72 * 60 * 60;

/// How many codes there are.
const CODES: u64 = 1_000_000;

/// What a ticket is for. The names are those in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Confirming the address of an account.
    Verification,
    /// Choosing a new password without the old one.
    Recovery,
    /// Confirming the new address of an account. The code is shown with the address until then.
    EmailChange,
    /// Taking an address back that somebody else has changed. It has no code.
    EmailReturn,
    /// Signing up as an administrator has asked for. It is no row of `tickets`, for there is no user yet.
    Invitation,
}

impl Purpose {
    /// What the digests of its secrets and codes are made for.
    fn labels(self) -> [&'static str; 2] {
        match self {
            Purpose::Verification => ["link that verifies", "code that verifies"],
            Purpose::Recovery => ["link that recovers", "code that recovers"],
            Purpose::EmailChange => ["link that changes an address", "code that changes an address"],
            Purpose::EmailReturn => ["link that takes an address back", "no code"],
            Purpose::Invitation => ["link that accepts an invitation", "code that accepts an invitation"],
        }
    }

    /// Its name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Verification => "verification",
            Purpose::Recovery => "recovery",
            Purpose::EmailChange => "email_change",
            Purpose::EmailReturn => "email_return",
            Purpose::Invitation => "invitation",
        }
    }

    /// For how many seconds its tickets are valid.
    #[must_use]
    pub fn seconds(self) -> i32 {
        match self {
            Purpose::Verification => VERIFICATION_SECONDS,
            Purpose::Recovery => RECOVERY_SECONDS,
            Purpose::EmailChange => EMAIL_CHANGE_SECONDS,
            Purpose::EmailReturn => EMAIL_RETURN_SECONDS,
            Purpose::Invitation => INVITATION_SECONDS,
        }
    }

    /// Where the event goes that leads to the mail with link and code.
    #[must_use]
    pub fn exchange(self) -> Exchange {
        match self {
            Purpose::Verification => Exchange::VerificationRequested,
            Purpose::Recovery => Exchange::RecoveryRequested,
            Purpose::EmailChange => Exchange::EmailChangeRequested,
            Purpose::EmailReturn => Exchange::EmailChanged,
            Purpose::Invitation => Exchange::UserInvited,
        }
    }

    /// The path of the page that its link leads to.
    #[must_use]
    pub fn page(self) -> &'static str {
        match self {
            Purpose::Verification => "/users-ms/email-verification/page",
            Purpose::Recovery => "/users-ms/password-recovery/page",
            Purpose::EmailChange => "/users-ms/email-change/page",
            Purpose::EmailReturn => "/users-ms/email-return/page",
            Purpose::Invitation => "/users-ms/invitation/page",
        }
    }

    /// The page of account behind its link.
    #[must_use]
    pub fn account_page(self) -> &'static str {
        match self {
            Purpose::Verification => "/account/verify",
            Purpose::Recovery => "/account/recover/password",
            Purpose::EmailChange => "/account/email-change",
            Purpose::EmailReturn => "/account/email-return",
            Purpose::Invitation => "/account/invitation",
        }
    }
}

/// A ticket to be issued, with the secrets that only its message holds.
pub struct NewTicket {
    /// The secret of the link.
    pub token: String,
    /// The code.
    pub code: String,
    /// The digest of the secret.
    pub digest: String,
    /// The digest of the code.
    pub code_digest: String,
}

impl NewTicket {
    /// A ticket for the owner of `email`, from random bytes.
    #[must_use]
    pub fn new(purpose: Purpose, email: &Email, peppers: &Peppers, secret: [u8; 32], code: [u8; 8]) -> Self {
        let token = URL_SAFE_NO_PAD.encode(secret);
        // Of so many random numbers, none is noticeably more likely than another.
        let code = format!("{:06}", u64::from_le_bytes(code) % CODES);
        let digest = token_digest(purpose, peppers, &token);
        let code_digest = code_digest(purpose, peppers, email, &code);
        Self { token, code, digest, code_digest }
    }

    /// A ticket that has a link and no code.
    #[must_use]
    pub fn of_link(purpose: Purpose, peppers: &Peppers, secret: [u8; 32]) -> Self {
        let token = URL_SAFE_NO_PAD.encode(secret);
        let digest = token_digest(purpose, peppers, &token);
        Self { token, code: String::new(), digest, code_digest: String::new() }
    }
}

/// A ticket that somebody shows.
#[derive(Debug, Serialize)]
pub struct ShownTicket {
    purpose: Purpose,
    digest: Option<String>,
    email_keys: Option<Vec<String>>,
    code_digest: Option<String>,
    /// After how many wrong codes at the account, of all its tickets, no code is accepted any more.
    code_limits: Vec<RateLimit>,
    forget_seconds: i32,
    /// Under what its use is remembered, for a repetition of the same request.
    request_digest: Option<String>,
}

impl ShownTicket {
    /// The ticket of a link.
    #[must_use]
    pub fn of_token(purpose: Purpose, token: &str, peppers: &Peppers) -> Self {
        let digest = Some(token_digest(purpose, peppers, token));
        let (code_limits, forget_seconds) = (Vec::new(), RESET_SECONDS);
        Self { purpose, digest, email_keys: None, code_digest: None, code_limits, forget_seconds, request_digest: None }
    }

    /// The ticket of an address and a code. An invalid address has none.
    #[must_use]
    pub fn of_code(purpose: Purpose, email: &str, code: &str, peppers: &Peppers) -> Self {
        let email = Email::parse(email).ok();
        let code_limits = match (purpose, &email) {
            (Purpose::Recovery, Some(email)) => vec![RateLimit::new(&code_limit_key(peppers, email), RECOVERY_CODES)],
            _ => Vec::new(),
        };
        Self {
            code_limits,
            forget_seconds: RESET_SECONDS,
            purpose,
            digest: None,
            email_keys: Some(email.as_ref().map(|email| email.keys().to_vec()).unwrap_or_default()),
            // Spaces are what people put between digits.
            code_digest: email.map(|email| code_digest(purpose, peppers, &email, &code.replace(' ', ""))),
            request_digest: None,
        }
    }

    /// The same, in a request with this digest ([`crate::IdempotencyKey::digest_of_use`]).
    #[must_use]
    pub fn in_request(self, digest: Option<String>) -> Self {
        Self { request_digest: digest, ..self }
    }

    /// The digest of the request, if it may be repeated.
    #[must_use]
    pub fn request_digest(&self) -> Option<&str> {
        self.request_digest.as_deref()
    }

    /// What a request shows: the token of a link, or an address with a code.
    ///
    /// # Errors
    /// `missing-field` or `invalid-value` if it is neither a token alone, nor an address with a code.
    pub fn of_request(
        purpose: Purpose,
        token: Option<&str>,
        email: Option<&str>,
        code: Option<&str>,
        peppers: &Peppers,
    ) -> Result<Self, Problem> {
        let missing = |field: &str| Problem::field(Kind::MissingField, field, "Send the token, or email and code.");
        match (token, email, code) {
            (Some(token), None, None) => Ok(Self::of_token(purpose, token, peppers)),
            (None, Some(email), Some(code)) => Ok(Self::of_code(purpose, email, code, peppers)),
            (None, Some(_), None) => Err(missing("code")),
            (None, None, Some(_)) => Err(missing("email")),
            (None, None, None) => Err(missing("token")),
            (Some(_), _, _) => {
                Err(Problem::field(Kind::InvalidValue, "token", "Send the token, or email and code; not both."))
            }
        }
    }

    /// The statement's parameter.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The key that wrong codes at the account with this address are counted under.
#[must_use]
pub fn code_limit_key(peppers: &Peppers, email: &Email) -> String {
    peppers.digest("recovery code at account", email.key())
}

/// The problem for a ticket that is not good, whatever is wrong with it.
#[must_use]
pub fn invalid_ticket() -> Problem {
    Problem::of(Kind::InvalidTicket)
}

fn token_digest(purpose: Purpose, peppers: &Peppers, token: &str) -> String {
    peppers.digest(purpose.labels()[0], token)
}

/// Of the address too: two people with the same code have two digests.
fn code_digest(purpose: Purpose, peppers: &Peppers, email: &Email, code: &str) -> String {
    peppers.digest(purpose.labels()[1], format!("{}\0{code}", email.key()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn peppers() -> Peppers {
        Peppers::new("a pepper that is long enough for tests").unwrap()
    }

    fn ticket(email: &str, code: u64) -> NewTicket {
        let email = Email::parse(email).unwrap();
        NewTicket::new(Purpose::Verification, &email, &peppers(), [7; 32], code.to_le_bytes())
    }

    fn shown(body: Value) -> Result<Value, Problem> {
        let [token, email, code] = ["token", "email", "code"].map(|field| body[field].as_str());
        let shown = ShownTicket::of_request(Purpose::Verification, token, email, code, &peppers())?;
        Ok(serde_json::from_str(&shown.to_json()).unwrap())
    }

    #[test]
    fn a_ticket_is_found_by_its_link_and_by_its_code() {
        let new = ticket("ada@example.org", 1_000_042);
        assert_eq!((new.token.len(), new.code.as_str()), (43, "000042"));
        assert_eq!(shown(json!({"token": new.token})).unwrap()["digest"], new.digest);
        let by_code = shown(json!({"email": "Ada@Example.org", "code": "000 042"})).unwrap();
        assert_eq!(by_code["code_digest"], new.code_digest);
        assert_eq!((&by_code["purpose"], &by_code["digest"]), (&json!("verification"), &Value::Null));
        assert_eq!(by_code["email_keys"], json!(["ada@example.org"]));
    }

    #[test]
    fn the_digests_reveal_neither_secret_nor_that_two_codes_are_one() {
        let (ada, bob) = (ticket("ada@example.org", 5), ticket("bob@example.org", 5));
        assert_eq!(ada.code, bob.code);
        assert_ne!(ada.code_digest, bob.code_digest);
        assert!(!ada.digest.contains(&ada.token) && ada.digest.len() == 64);
    }

    #[test]
    fn a_ticket_is_for_one_purpose_and_codes_that_recover_are_limited_by_account() {
        let email = Email::parse("ada@example.org").unwrap();
        let new = |purpose| NewTicket::new(purpose, &email, &peppers(), [7; 32], [7; 8]);
        let (one, other) = (new(Purpose::Verification), new(Purpose::Recovery));
        assert!(one.digest != other.digest && one.code_digest != other.code_digest);
        let limits = |purpose, email| {
            let shown = ShownTicket::of_code(purpose, email, "012345", &peppers());
            serde_json::from_str::<Value>(&shown.to_json()).unwrap()["code_limits"].clone()
        };
        assert_eq!(limits(Purpose::Verification, "ada@example.org"), json!([]));
        assert_eq!(limits(Purpose::Recovery, "ADA@example.org"), limits(Purpose::Recovery, "ada@example.org"));
        assert_eq!(limits(Purpose::Recovery, "ada@example.org")[0]["ceiling"], 25);
        assert_ne!(limits(Purpose::Recovery, "ada@example.org"), limits(Purpose::Recovery, "bob@example.org"));
        let addresses = [Purpose::EmailChange, Purpose::EmailReturn];
        for purpose in [Purpose::Verification, Purpose::Recovery, Purpose::Invitation].into_iter().chain(addresses) {
            assert_eq!(serde_json::to_value(purpose).unwrap(), purpose.name());
        }
    }

    #[test]
    fn an_address_that_cannot_be_one_has_no_ticket_and_is_no_fault() {
        let shown = shown(json!({"email": "nobody", "code": "000042"})).unwrap();
        assert_eq!((&shown["email_keys"], &shown["code_digest"]), (&json!([]), &Value::Null));
    }

    #[test]
    fn a_request_shows_a_token_or_a_code_with_its_address() {
        for (body, kind) in [
            (json!({}), Kind::MissingField),
            (json!({"email": "ada@example.org"}), Kind::MissingField),
            (json!({"code": "123456"}), Kind::MissingField),
            (json!({"token": "t", "code": "123456"}), Kind::InvalidValue),
        ] {
            assert_eq!(shown(body).unwrap_err().kind(), kind);
        }
    }
}
