//! Challenges: what a sign-in goes on with after the right password, when it needs more than that. A challenge is random; users keeps
//! its digest, bound to the user, their credentials and the client.

use api::users::SecondFactorTask;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::Peppers;
use problem::{Kind, Problem};

/// The random bytes of a challenge.
pub const CHALLENGE_BYTES: usize = 32;
/// The longest challenge that is looked at, in bytes.
const MAX_BYTES: usize = 128;

/// A challenge, and what it is stored as.
pub struct Challenge {
    /// What the client sends back.
    pub token: String,
    /// Its digest.
    pub digest: String,
    /// The digest of what the client calls itself.
    pub client: String,
}

impl Challenge {
    /// A new challenge for the client with this user agent.
    #[must_use]
    pub fn new(random: [u8; CHALLENGE_BYTES], user_agent: Option<&str>, peppers: &Peppers) -> Self {
        Self::digested(URL_SAFE_NO_PAD.encode(random), user_agent, peppers)
    }

    /// A challenge that a client sends.
    ///
    /// # Errors
    /// `invalid-challenge`, if it cannot be one.
    pub fn read(token: String, user_agent: Option<&str>, peppers: &Peppers) -> Result<Self, Problem> {
        if token.len() > MAX_BYTES {
            return Err(invalid_challenge());
        }
        Ok(Self::digested(token, user_agent, peppers))
    }

    fn digested(token: String, user_agent: Option<&str>, peppers: &Peppers) -> Self {
        Self {
            digest: peppers.digest("sign-in challenge", &token),
            client: peppers.digest("client of a challenge", user_agent.unwrap_or_default()),
            token,
        }
    }

    /// The answer to the right password.
    #[must_use]
    pub fn required(self, task: SecondFactorTask, expires_in: i32) -> Problem {
        let kind = match task {
            SecondFactorTask::Code => Kind::MfaRequired,
            SecondFactorTask::Enrolment => Kind::MfaEnrolmentRequired,
        };
        Problem::of(kind).with_challenge(self.token, expires_in.into())
    }
}

/// The problem for a challenge that is not good, or not any more.
#[must_use]
pub fn invalid_challenge() -> Problem {
    Problem::field(Kind::InvalidChallenge, "challenge", Kind::InvalidChallenge.detail())
}

/// The problem for a wrong code.
#[must_use]
pub fn invalid_code() -> Problem {
    Problem::field(Kind::InvalidCode, "code", Kind::InvalidCode.detail())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peppers() -> Peppers {
        Peppers::new("a pepper that is long enough for tests").unwrap()
    }

    #[test]
    fn a_challenge_is_found_again_by_what_its_client_sends() {
        let new = Challenge::new([7; 32], Some("curl/8"), &peppers());
        let read = |token: &str, agent| Challenge::read(token.to_owned(), agent, &peppers()).unwrap();
        let same = read(&new.token, Some("curl/8"));
        assert_eq!((&same.digest, &same.client), (&new.digest, &new.client));
        assert_eq!((new.token.len(), new.digest.len()), (43, 64));
        assert_ne!(read(&format!("{}A", &new.token[..42]), Some("curl/8")).digest, new.digest);
        assert_ne!(read(&new.token, None).client, new.client);
        assert!(Challenge::read("x".repeat(129), None, &peppers()).is_err());
    }

    #[test]
    fn the_right_password_is_answered_with_the_challenge() {
        let challenge = || Challenge::new([7; 32], None, &peppers());
        let token = challenge().token;
        let problem = challenge().required(SecondFactorTask::Code, 300);
        let body: serde_json::Value = serde_json::from_slice(&problem.to_json("r")).unwrap();
        assert_eq!((problem.kind(), &body["challenge"]), (Kind::MfaRequired, &token.into()));
        assert_eq!(challenge().required(SecondFactorTask::Enrolment, 300).kind(), Kind::MfaEnrolmentRequired);
    }
}
