//! A sign-in, in the two calls that auth makes: begun before the password is verified, ended with the outcome.

use crate::attempt::validate_keys;
use crate::session::{digest, fault, lifetime};
use api::users::{BeginSignInRequest, EndSignInRequest, HashPermit, HashRenewal};
use identity::{AttemptKeys, Email, PasswordHash, UserId};
use problem::{Kind, Problem};
use std::net::IpAddr;
use uuid::Uuid;

/// The longest user agent that is stored, in bytes.
const MAX_USER_AGENT: usize = 200;

/// A sign-in to begin.
#[derive(Debug)]
pub struct BeginSignIn {
    /// The keys of the rate limits.
    pub keys: AttemptKeys,
    /// The account; `None` if the username is not a valid email.
    pub email: Option<Email>,
}

impl TryFrom<BeginSignInRequest> for BeginSignIn {
    type Error = Problem;

    /// Fails with `invalid-value`. An invalid email is an account that does not exist.
    fn try_from(request: BeginSignInRequest) -> Result<Self, Problem> {
        let email = request.email.and_then(|email| Email::parse(&email).ok());
        Ok(Self { keys: validate_keys("/keys", request.keys)?, email })
    }
}

/// A sign-in to end.
#[derive(Debug)]
pub struct EndSignIn {
    /// The hashing permit to release.
    pub permit: HashPermit,
    /// The keys of the rate limits.
    pub keys: AttemptKeys,
    /// The account that was tried, if it exists.
    pub user_id: Option<UserId>,
    /// What the caller is told instead of being signed in.
    pub refusal: Option<String>,
    /// The outcome.
    pub verdict: Verdict,
}

/// The outcome of a sign-in.
#[derive(Debug)]
pub enum Verdict {
    /// The password was correct: a session begins, if the account has not changed since it was read.
    Succeeded(Box<NewSession>),
    /// The password was wrong, or the account does not exist.
    Failed,
    /// The password was not verified.
    Unverified,
}

/// A session to begin, and its conditions.
#[derive(Debug)]
pub struct NewSession {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// The address that the user must still have.
    pub email: Email,
    /// The epoch that the user's credentials must still have.
    pub credentials_epoch: i32,
    /// The digest of its first refresh token.
    pub digest: String,
    /// How long it lives unused, in seconds.
    pub idle_seconds: i32,
    /// How long it lives at most, in seconds.
    pub absolute_seconds: i32,
    /// Where it is begun from.
    pub origin: Origin,
    /// Whether the user has signed in on this device before, if that is known.
    pub known_device: Option<bool>,
    /// A hash of the same password at today's cost, to replace the one that was verified.
    pub renewal: Option<Renewal>,
}

/// Where a session was begun from, as its owner is shown it: so that a foreign one stands out.
#[derive(Clone, Debug)]
pub struct Origin {
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// The network of its address.
    pub network: Option<String>,
}

impl Origin {
    /// Fails with `invalid-value`.
    pub(crate) fn parse(user_agent: Option<String>, network: Option<String>) -> Result<Self, Problem> {
        if !user_agent.iter().all(|text| is_user_agent(text)) {
            return Err(fault("session/user_agent", "A user agent has 1 to 200 visible ASCII characters."));
        }
        if !network.iter().all(|text| is_network(text)) {
            return Err(fault("session/network", "A network is one of IPv4 with 24 bits or one of IPv6 with 48."));
        }
        Ok(Self { user_agent, network })
    }

    /// As texts say it that another service has passed on. What does not fit is left out: it is shown, and decides nothing.
    #[must_use]
    pub fn from_texts(user_agent: Option<&str>, network: Option<&str>) -> Self {
        Self {
            user_agent: user_agent.filter(|text| is_user_agent(text)).map(str::to_owned),
            network: network.filter(|text| is_network(text)).map(str::to_owned),
        }
    }
}

/// Whether this is the name of a kind of problem, of an action or of a result.
pub(crate) fn is_slug(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'-'))
}

fn is_user_agent(text: &str) -> bool {
    (1..=MAX_USER_AGENT).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Whether this is a network of the size that is stored.
fn is_network(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    match address.parse() {
        Ok(IpAddr::V4(address)) => bits == "24" && address.octets()[3] == 0,
        Ok(IpAddr::V6(address)) => bits == "48" && address.segments()[3..].iter().all(|segment| *segment == 0),
        Err(_) => false,
    }
}

impl EndSignIn {
    /// Whether the session was begun on a device that is known; unknown too where none begins.
    #[must_use]
    pub fn known_device(&self) -> Option<bool> {
        match &self.verdict {
            Verdict::Succeeded(session) => session.known_device,
            Verdict::Failed | Verdict::Unverified => None,
        }
    }
}

/// A renewed hash.
#[derive(Debug)]
pub struct Renewal {
    /// The hash that the user must still have.
    pub previous: PasswordHash,
    /// The one that takes its place.
    pub renewed: PasswordHash,
}

impl Renewal {
    /// The renewal at `path`. Fails with `invalid-value`.
    pub(crate) fn parse(path: &str, renewal: &HashRenewal) -> Result<Self, Problem> {
        Ok(Self {
            previous: hash(&format!("{path}/previous_hash"), &renewal.previous_hash)?,
            renewed: hash(&format!("{path}/password_hash"), &renewal.password_hash)?,
        })
    }
}

impl TryFrom<EndSignInRequest> for EndSignIn {
    type Error = Problem;

    /// A session is present exactly if the password was correct. Fails with `missing-field` or `invalid-value`.
    fn try_from(request: EndSignInRequest) -> Result<Self, Problem> {
        let keys = validate_keys("/keys", request.keys)?;
        let verdict = match (request.succeeded, request.session) {
            (Some(true), Some(session)) => Verdict::Succeeded(Box::new(session.try_into()?)),
            (Some(false), None) => Verdict::Failed,
            (None, None) => Verdict::Unverified,
            (Some(true), None) => {
                return Err(Problem::field(
                    Kind::MissingField,
                    "session",
                    "The field session is required after a success.",
                ));
            }
            (Some(false) | None, Some(_)) => {
                return Err(fault("session", "A session begins only after a success."));
            }
        };
        if !request.refusal.iter().all(|text| is_slug(text)) {
            return Err(fault(
                "refusal",
                "A refusal is words of lower-case letters, joined by hyphens: 40 characters at most.",
            ));
        }
        Ok(Self { permit: request.permit, keys, user_id: request.user_id, refusal: request.refusal, verdict })
    }
}

impl TryFrom<api::users::NewSession> for NewSession {
    type Error = Problem;

    /// Fails with `invalid-value`.
    fn try_from(session: api::users::NewSession) -> Result<Self, Problem> {
        let email = Email::parse(&session.email).map_err(|error| fault("session/email", &error.to_string()))?;
        let renewal = session.renewal.map(|renewal| Renewal::parse("session/renewal", &renewal));
        Ok(Self {
            id: session.session_id,
            user_id: session.user_id,
            email,
            credentials_epoch: session.credentials_epoch,
            digest: digest("session/refresh_digest", session.refresh_digest)?,
            idle_seconds: lifetime("session/idle_seconds", session.idle_seconds)?,
            absolute_seconds: lifetime("session/absolute_seconds", session.absolute_seconds)?,
            origin: Origin::parse(session.user_agent, session.network)?,
            known_device: session.known_device,
            renewal: renewal.transpose()?,
        })
    }
}

fn hash(field: &str, text: &str) -> Result<PasswordHash, Problem> {
    PasswordHash::parse(text).map_err(|error| fault(field, &format!("This is no hash of a password: {error}.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn keys() -> Value {
        json!({"account": "a".repeat(64), "client": "b".repeat(64), "pair": "c".repeat(64)})
    }

    fn end(changes: &Value) -> Result<EndSignIn, Problem> {
        let mut body = json!({
            "permit": {"number": 1, "holder": Uuid::from_u128(1)},
            "keys": keys(),
            "succeeded": true,
            "session": {"session_id": Uuid::from_u128(2), "user_id": 7, "email": "Ada@example.org", "credentials_epoch": 3,
                "refresh_digest": "d".repeat(64), "idle_seconds": 60, "absolute_seconds": 600},
        });
        merge(&mut body, changes);
        serde_json::from_value::<EndSignInRequest>(body).unwrap().try_into()
    }

    fn merge(into: &mut Value, changes: &Value) {
        for (name, change) in changes.as_object().unwrap() {
            match (&mut into[name], change) {
                (known @ Value::Object(_), Value::Object(_)) => merge(known, change),
                (known, _) => *known = change.clone(),
            }
        }
    }

    #[test]
    fn a_success_begins_a_session() {
        let Verdict::Succeeded(session) = end(&json!({})).unwrap().verdict else { panic!("it is a success") };
        assert_eq!((session.user_id.get(), session.email.key(), session.credentials_epoch), (7, "ada@example.org", 3));
        assert!(session.renewal.is_none());
    }

    #[test]
    fn a_session_may_say_where_it_was_begun() {
        for (user_agent, network) in [("curl/8.14.1", "203.0.113.0/24"), ("a", "2001:db8:1::/48")] {
            let origin = json!({"session": {"user_agent": user_agent, "network": network}});
            let Verdict::Succeeded(session) = end(&origin).unwrap().verdict else { panic!("it is a success") };
            assert_eq!(session.origin.user_agent.as_deref(), Some(user_agent));
            assert_eq!(session.origin.network.as_deref(), Some(network));
        }
    }

    #[test]
    fn anything_but_a_success_begins_none() {
        assert!(matches!(end(&json!({"succeeded": false, "session": null})).unwrap().verdict, Verdict::Failed));
        assert!(matches!(end(&json!({"succeeded": null, "session": null})).unwrap().verdict, Verdict::Unverified));
        assert_eq!(end(&json!({"succeeded": false})).unwrap_err().kind(), Kind::InvalidValue);
        assert_eq!(end(&json!({"succeeded": null})).unwrap_err().kind(), Kind::InvalidValue);
        assert_eq!(end(&json!({"session": null})).unwrap_err().kind(), Kind::MissingField);
    }

    #[test]
    fn an_error_points_to_its_field() {
        let hash = format!("v2:v1:$2b$04${}{}", "abcdefghijklmnopqrstuu", "a".repeat(31));
        let hash = PasswordHash::parse(&hash).unwrap();
        for (changes, pointer) in [
            (json!({"keys": {"client": "10.0.0.1"}}), "/keys"),
            (json!({"session": {"email": "nobody"}}), "/session/email"),
            (json!({"session": {"refresh_digest": "d"}}), "/session/refresh_digest"),
            (json!({"session": {"idle_seconds": 0}}), "/session/idle_seconds"),
            (json!({"refusal": "Wrong password"}), "/refusal"),
            (json!({"session": {"user_agent": "a\nb"}}), "/session/user_agent"),
            (json!({"session": {"user_agent": "a".repeat(201)}}), "/session/user_agent"),
            (json!({"session": {"network": "203.0.113.7/24"}}), "/session/network"),
            (json!({"session": {"network": "203.0.113.7"}}), "/session/network"),
            (json!({"session": {"network": "2001:db8:1:2::/48"}}), "/session/network"),
            (json!({"session": {"absolute_seconds": i32::MAX}}), "/session/absolute_seconds"),
            (
                json!({"session": {"renewal": {"previous_hash": hash.expose(), "password_hash": "v1:hello"}}}),
                "/session/renewal/password_hash",
            ),
        ] {
            let problem: Value = serde_json::from_slice(&end(&changes).unwrap_err().to_json("r")).unwrap();
            assert_eq!(problem["errors"][0]["pointer"], pointer);
        }
    }

    #[test]
    fn a_username_that_is_not_an_email_belongs_to_nobody() {
        let begin = |email: Value| {
            let body = json!({"keys": keys(), "email": email});
            BeginSignIn::try_from(serde_json::from_value::<BeginSignInRequest>(body).unwrap()).unwrap().email
        };
        assert_eq!(begin(json!("ADA@example.org")).unwrap().key(), "ada@example.org");
        assert!(begin(json!("no address")).is_none() && begin(Value::Null).is_none());
    }
}
