//! A sign-in, as auth has it done here: begun before the password is hashed, ended with what came of it.

use crate::attempt::validate_keys;
use crate::session::{digest, fault, lifetime};
use api::users::{BeginSignInRequest, EndSignInRequest, HashPermit};
use identity::{AttemptKeys, Email, PasswordHash, UserId};
use problem::{FieldError, Kind, Problem};
use uuid::Uuid;

/// A sign-in to begin.
#[derive(Debug)]
pub struct BeginSignIn {
    /// What the attempt is counted under.
    pub keys: AttemptKeys,
    /// Whose credentials are wanted; `None` if the user name is an address that nobody can have.
    pub email: Option<Email>,
}

impl TryFrom<BeginSignInRequest> for BeginSignIn {
    type Error = Problem;

    /// Fails with `invalid-value`. An address that nobody can have is one that nobody has.
    fn try_from(request: BeginSignInRequest) -> Result<Self, Problem> {
        let email = request.email.and_then(|email| Email::parse(&email).ok());
        Ok(Self { keys: validate_keys("/keys", request.keys)?, email })
    }
}

/// A sign-in to end.
#[derive(Debug)]
pub struct EndSignIn {
    /// The hashing permit that it gives back.
    pub permit: HashPermit,
    /// What the attempt is counted under.
    pub keys: AttemptKeys,
    /// Whose account it was about, if it is anybody's.
    pub user_id: Option<UserId>,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a sign-in.
#[derive(Debug)]
pub enum Verdict {
    /// The password was right: a session begins, if the account is still what it was when it was read.
    Succeeded(Box<NewSession>),
    /// It was wrong, or there is no such user.
    Failed,
    /// It was not looked at.
    Open,
}

/// A session to begin, and what has to hold for that.
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
    /// A costlier hash of the same password, to put in the place of the one that was checked.
    pub renewal: Option<Renewal>,
}

/// A costlier hash in the place of another.
#[derive(Debug)]
pub struct Renewal {
    /// The hash that the user must still have.
    pub previous: PasswordHash,
    /// The one that takes its place.
    pub renewed: PasswordHash,
}

impl TryFrom<EndSignInRequest> for EndSignIn {
    type Error = Problem;

    /// There is a session exactly if the password was right. Fails with `missing-field` or `invalid-value`.
    fn try_from(request: EndSignInRequest) -> Result<Self, Problem> {
        let keys = validate_keys("/keys", request.keys)?;
        let verdict = match (request.succeeded, request.session) {
            (Some(true), Some(session)) => Verdict::Succeeded(Box::new(session.try_into()?)),
            (Some(false), None) => Verdict::Failed,
            (None, None) => Verdict::Open,
            (Some(true), None) => {
                let detail = "The field session is required after a success.";
                return Err(Problem::new(Kind::MissingField, detail).with_error(FieldError::new("session", detail)));
            }
            (Some(false) | None, Some(_)) => {
                return Err(fault("session", "A session begins only after a success."));
            }
        };
        Ok(Self { permit: request.permit, keys, user_id: request.user_id, verdict })
    }
}

impl TryFrom<api::users::NewSession> for NewSession {
    type Error = Problem;

    /// Fails with `invalid-value`.
    fn try_from(session: api::users::NewSession) -> Result<Self, Problem> {
        let email = Email::parse(&session.email).map_err(|error| fault("session/email", &error.to_string()))?;
        let renewal = session.renewal.map(|renewal| {
            Ok::<_, Problem>(Renewal {
                previous: hash("session/renewal/previous_hash", &renewal.previous_hash)?,
                renewed: hash("session/renewal/password_hash", &renewal.password_hash)?,
            })
        });
        Ok(Self {
            id: session.session_id,
            user_id: session.user_id,
            email,
            credentials_epoch: session.credentials_epoch,
            digest: digest("session/refresh_digest", session.refresh_digest)?,
            idle_seconds: lifetime("session/idle_seconds", session.idle_seconds)?,
            absolute_seconds: lifetime("session/absolute_seconds", session.absolute_seconds)?,
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
    fn anything_but_a_success_begins_none() {
        assert!(matches!(end(&json!({"succeeded": false, "session": null})).unwrap().verdict, Verdict::Failed));
        assert!(matches!(end(&json!({"succeeded": null, "session": null})).unwrap().verdict, Verdict::Open));
        assert_eq!(end(&json!({"succeeded": false})).unwrap_err().kind(), Kind::InvalidValue);
        assert_eq!(end(&json!({"succeeded": null})).unwrap_err().kind(), Kind::InvalidValue);
        assert_eq!(end(&json!({"session": null})).unwrap_err().kind(), Kind::MissingField);
    }

    #[test]
    fn a_fault_says_where_it_is() {
        let hash = format!("v2:v1:$2b$04${}{}", "abcdefghijklmnopqrstuu", "a".repeat(31));
        let hash = PasswordHash::parse(&hash).unwrap();
        for (changes, pointer) in [
            (json!({"keys": {"client": "10.0.0.1"}}), "/keys"),
            (json!({"session": {"email": "nobody"}}), "/session/email"),
            (json!({"session": {"refresh_digest": "d"}}), "/session/refresh_digest"),
            (json!({"session": {"idle_seconds": 0}}), "/session/idle_seconds"),
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
    fn a_name_that_is_no_address_is_nobody() {
        let begin = |email: Value| {
            let body = json!({"keys": keys(), "email": email});
            BeginSignIn::try_from(serde_json::from_value::<BeginSignInRequest>(body).unwrap()).unwrap().email
        };
        assert_eq!(begin(json!("ADA@example.org")).unwrap().key(), "ada@example.org");
        assert!(begin(json!("no address")).is_none() && begin(Value::Null).is_none());
    }
}
