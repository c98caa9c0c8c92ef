//! A second factor at a sign-in: the challenge after the right password, and the code that it is answered with.

use crate::attempt::validate_keys;
use crate::session::{digest, lifetime};
use crate::sign_in::{Origin, Renewal};
use api::users::{
    BeginSecondFactorRequest, EndSecondFactorRequest, EnrolAtSignInRequest, HashPermit, SecondFactorSession,
    SecondFactorTask,
};
use identity::{AttemptKeys, Role, UserId};
use problem::{Kind, Problem};
use uuid::Uuid;

/// How long a sign-in may go on with a challenge, in seconds.
pub const CHALLENGE_SECONDS: i32 = 5 * 60;
/// How long a new authenticator app may be confirmed, in seconds.
pub const ENROLMENT_SECONDS: i32 = 15 * 60;

/// Who may sign in only with a second factor, the variable `mfa_required_for`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MfaRequiredFor {
    /// Nobody: it is everybody's choice.
    None,
    /// Administrators.
    Admin,
    /// Everybody.
    All,
}

impl MfaRequiredFor {
    /// Parses the variable.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "none" => Some(Self::None),
            "admin" => Some(Self::Admin),
            "all" => Some(Self::All),
            _ => None,
        }
    }

    /// What a sign-in by somebody with this role needs beside the password. Whoever must have more than one factor and has passkeys adds
    /// no app by the password alone: they sign in with a passkey, or with a recovery code.
    #[must_use]
    pub fn task(self, role: Role, has_second_factor: bool, has_passkey: bool) -> Option<SecondFactorTask> {
        let is_required = match (self, role) {
            (Self::All, _) | (Self::Admin, Role::Admin) => true,
            (Self::None, _) | (Self::Admin, Role::User) => false,
        };
        match (has_second_factor, is_required, has_passkey) {
            (true, _, _) | (_, true, true) => Some(SecondFactorTask::Code),
            (_, true, false) => Some(SecondFactorTask::Enrolment),
            (_, false, _) => None,
        }
    }
}

/// A challenge, as auth presents it.
#[derive(Debug)]
pub struct ShownChallenge {
    /// Its digest.
    pub digest: String,
    /// The digest of what the client calls itself.
    pub client: String,
}

/// A challenge to keep, after the right password.
#[derive(Debug)]
pub struct NewChallenge {
    /// The hashing permit to release.
    pub permit: HashPermit,
    /// The keys of the rate limits.
    pub keys: AttemptKeys,
    /// The user.
    pub user_id: UserId,
    /// The epoch that the user's credentials must still have.
    pub credentials_epoch: i32,
    /// The challenge.
    pub challenge: ShownChallenge,
    /// What it is for.
    pub task: SecondFactorTask,
    /// A hash of the same password at today's cost.
    pub renewal: Option<Renewal>,
}

/// A code, and the session that it is to begin.
#[derive(Debug)]
pub struct EndSecondFactor {
    /// The challenge.
    pub challenge: ShownChallenge,
    /// The code, as it was sent.
    pub code: String,
    /// The session to begin.
    pub session: SessionStart,
}

/// A session to begin, once everything is proved.
#[derive(Debug)]
pub struct SessionStart {
    /// The id of the session.
    pub id: Uuid,
    /// The digest of its first refresh token.
    pub refresh_digest: String,
    /// How long it lives unused, in seconds.
    pub idle_seconds: i32,
    /// How long it lives at most, in seconds.
    pub absolute_seconds: i32,
    /// Where it is begun from.
    pub origin: Origin,
}

impl ShownChallenge {
    /// Fails with `invalid-value`.
    pub(crate) fn parse(challenge: String, client: String) -> Result<Self, Problem> {
        Ok(Self { digest: digest("challenge_digest", challenge)?, client: digest("client_digest", client)? })
    }
}

impl TryFrom<EnrolAtSignInRequest> for ShownChallenge {
    type Error = Problem;

    /// Fails with `invalid-value`.
    fn try_from(request: EnrolAtSignInRequest) -> Result<Self, Problem> {
        Self::parse(request.challenge_digest, request.client_digest)
    }
}

impl TryFrom<BeginSecondFactorRequest> for NewChallenge {
    type Error = Problem;

    /// Fails with `invalid-value`.
    fn try_from(request: BeginSecondFactorRequest) -> Result<Self, Problem> {
        Ok(Self {
            permit: request.permit,
            keys: validate_keys("/keys", request.keys)?,
            user_id: request.user_id,
            credentials_epoch: request.credentials_epoch,
            challenge: ShownChallenge::parse(request.challenge_digest, request.client_digest)?,
            task: request.task,
            renewal: request.renewal.map(|renewal| Renewal::parse("renewal", &renewal)).transpose()?,
        })
    }
}

impl TryFrom<EndSecondFactorRequest> for EndSecondFactor {
    type Error = Problem;

    /// Fails with `invalid-value`.
    fn try_from(request: EndSecondFactorRequest) -> Result<Self, Problem> {
        Ok(Self {
            challenge: ShownChallenge::parse(request.challenge_digest, request.client_digest)?,
            code: request.code,
            session: SessionStart::parse(request.session)?,
        })
    }
}

impl SessionStart {
    /// Reads what the calling service has made.
    ///
    /// # Errors
    /// `invalid-value`.
    pub fn parse(session: SecondFactorSession) -> Result<Self, Problem> {
        Ok(Self {
            id: session.session_id,
            refresh_digest: digest("session/refresh_digest", session.refresh_digest)?,
            idle_seconds: lifetime("session/idle_seconds", session.idle_seconds)?,
            absolute_seconds: lifetime("session/absolute_seconds", session.absolute_seconds)?,
            origin: Origin::parse(session.user_agent, session.network)?,
        })
    }
}

/// Who has an authenticator app does not add another one.
#[must_use]
pub fn second_factor_exists() -> Problem {
    Problem::of(Kind::SecondFactorExists)
}

/// There is no second factor, or none that could be confirmed.
#[must_use]
pub fn second_factor_not_found(detail: &str) -> Problem {
    Problem::new(Kind::SecondFactorNotFound, detail)
}

/// A code of the owner's that does not confirm an app.
#[must_use]
pub fn invalid_code() -> Problem {
    Problem::field(Kind::InvalidCode, "code", Kind::InvalidCode.detail())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn who_needs_a_second_factor_follows_from_the_role() {
        use SecondFactorTask::{Code, Enrolment};
        let tasks = |text: &str| {
            let required = MfaRequiredFor::parse(text).unwrap();
            [
                required.task(Role::User, false, false),
                required.task(Role::Admin, false, false),
                required.task(Role::User, true, false),
                required.task(Role::Admin, false, true),
            ]
        };
        assert_eq!(tasks("none"), [None, None, Some(Code), None]);
        assert_eq!(tasks(" admin "), [None, Some(Enrolment), Some(Code), Some(Code)]);
        assert_eq!(tasks("all"), [Some(Enrolment), Some(Enrolment), Some(Code), Some(Code)]);
        assert!(MfaRequiredFor::parse("").is_none() && MfaRequiredFor::parse("admins").is_none());
    }

    #[test]
    fn an_error_points_to_its_field() {
        let body = json!({"challenge_digest": "a".repeat(64), "client_digest": "b".repeat(64), "code": "123456", "session": {
            "session_id": Uuid::from_u128(1), "refresh_digest": "c".repeat(64), "idle_seconds": 60, "absolute_seconds": 600}});
        let end = |path: &str, value: Value| {
            let mut body = body.clone();
            *body.pointer_mut(path).unwrap() = value;
            EndSecondFactor::try_from(serde_json::from_value::<EndSecondFactorRequest>(body).unwrap())
        };
        assert!(end("/code", "anything".into()).is_ok());
        for (path, value) in [
            ("/challenge_digest", "a".into()),
            ("/client_digest", "B".repeat(64).into()),
            ("/session/refresh_digest", "".into()),
            ("/session/idle_seconds", json!(0)),
            ("/session/absolute_seconds", json!(i32::MAX)),
        ] {
            let problem: Value = serde_json::from_slice(&end(path, value).unwrap_err().to_json("r")).unwrap();
            assert_eq!(problem["errors"][0]["pointer"], path);
        }
    }
}
