//! A login: who says they are whom, and whether that holds.

use identity::{Cost, Email, HashError, PasswordHash, Pepper, Role, UserId};
use problem::{Kind, Problem};
use serde::Deserialize;

/// The body of a login.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginForm {
    username: String,
    password: String,
    #[serde(default)]
    device_token: Option<String>,
}

/// A login to be judged. The user name is the email; one that is no email is nobody's, and is judged like any
/// other, so that neither the answer nor its time tells which names exist.
pub struct Attempt {
    /// The address, if the user name is one.
    pub email: Option<Email>,
    username: String,
    password: String,
    device_token: Option<String>,
}

/// What the users service knows about somebody.
#[derive(Clone, Debug, Deserialize)]
pub struct Credentials {
    /// Who it is.
    pub id: UserId,
    /// Where mail goes.
    pub email: String,
    /// Where an SMS goes.
    pub phone: Option<String>,
    /// What they may do.
    pub role: Role,
    /// The kept hash.
    pub password_hash: String,
    /// Raised with each new password and each new role.
    pub credentials_epoch: i32,
}

/// Somebody who is who they say.
#[derive(Debug)]
pub struct Entry {
    /// Who.
    pub credentials: Credentials,
    /// The kept hash, if it was made more cheaply than hashes are made now and should be renewed.
    pub outdated: Option<PasswordHash>,
}

impl From<LoginForm> for Attempt {
    fn from(form: LoginForm) -> Self {
        Self {
            email: Email::parse(&form.username).ok(),
            username: form.username,
            password: form.password,
            device_token: form.device_token,
        }
    }
}

impl Attempt {
    /// The name as it was given, which may be nobody's.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The token of an earlier login, as it was given, which may be nobody's.
    #[must_use]
    pub fn device_token(&self) -> Option<&str> {
        self.device_token.as_deref()
    }

    /// The password that was tried, to be hashed anew.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Judges the login. One hash of cost `cost` is computed whoever is there or not.
    ///
    /// # Errors
    /// `invalid-credentials`, the same for an unknown user and a wrong password; `internal-error` if the kept hash
    /// cannot be read.
    pub fn judge(&self, known: Option<Credentials>, pepper: &Pepper, cost: Cost) -> Result<Entry, Problem> {
        let Some(credentials) = known else {
            let _ = PasswordHash::dummy(cost).verify(&self.password, pepper);
            return Err(invalid_credentials());
        };
        let hash = PasswordHash::parse(&credentials.password_hash).map_err(|error| unreadable(&error))?;
        if !hash.verify(&self.password, pepper).map_err(|error| unreadable(&error))? {
            return Err(invalid_credentials());
        }
        let is_outdated = hash.is_cheaper_than(cost).map_err(|error| unreadable(&error))?;
        Ok(Entry { credentials, outdated: is_outdated.then_some(hash) })
    }
}

/// What an attempt counts as that lets nobody in: a failure, or nothing, when something else kept it from being judged.
#[must_use]
pub fn verdict(problem: &Problem) -> Option<bool> {
    (problem.kind() == Kind::InvalidCredentials).then_some(false)
}

/// The problem for a wrong password, for somebody who does not exist, and for credentials that have changed since they
/// were read.
#[must_use]
pub fn invalid_credentials() -> Problem {
    Problem::new(Kind::InvalidCredentials, "There is no user with this name and password.")
        .with_header("www-authenticate", "Bearer realm=\"concierge\"")
}

fn unreadable(error: &HashError) -> Problem {
    Problem::new(Kind::Internal, "This did not work; the service's log says more.").with_cause(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::Password;
    use std::time::{Duration, Instant};

    fn pepper() -> Pepper {
        Pepper::new("pepper").unwrap()
    }

    fn attempt(username: &str, password: &str) -> Attempt {
        LoginForm { username: username.into(), password: password.into(), device_token: None }.into()
    }

    fn ada(cost: &str) -> Credentials {
        let password = Password::parse("correct horse".into()).unwrap();
        let hash = password.hash(&pepper(), cost.parse().unwrap(), [7; 16]).unwrap();
        Credentials {
            id: UserId::try_from(7).unwrap(),
            email: "ada@example.org".into(),
            phone: None,
            role: Role::User,
            password_hash: hash.expose().into(),
            credentials_epoch: 1,
        }
    }

    #[test]
    fn the_right_password_lets_in() {
        let entry = attempt("ada@example.org", "correct horse").judge(Some(ada("4")), &pepper(), "4".parse().unwrap());
        let entry = entry.unwrap();
        assert_eq!(entry.credentials.id.get(), 7);
        assert!(entry.outdated.is_none());
    }

    #[test]
    fn a_wrong_password_and_an_unknown_user_are_the_same_problem() {
        let cost = "4".parse().unwrap();
        let wrong = attempt("ada@example.org", "wrong horse").judge(Some(ada("4")), &pepper(), cost).unwrap_err();
        let unknown = attempt("bob@example.org", "wrong horse").judge(None, &pepper(), cost).unwrap_err();
        let nobody = attempt("no address", "").judge(None, &pepper(), cost).unwrap_err();
        assert_eq!(wrong.to_json("r"), unknown.to_json("r"));
        assert_eq!(wrong.to_json("r"), nobody.to_json("r"));
    }

    #[test]
    fn a_wrong_password_and_an_unknown_user_take_the_same_time() {
        let cost = "8".parse().unwrap();
        let known = ada("8");
        let median = |known: Option<Credentials>| {
            let mut times: Vec<Duration> = (0..9)
                .map(|_| {
                    let start = Instant::now();
                    let _ = attempt("ada@example.org", "wrong horse").judge(known.clone(), &pepper(), cost);
                    start.elapsed()
                })
                .collect();
            times.sort();
            times[4].as_secs_f64()
        };
        let ratio = median(Some(known)) / median(None);
        assert!((0.5..2.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_cheaper_hash_is_outdated() {
        let entry = attempt("ada@example.org", "correct horse").judge(Some(ada("4")), &pepper(), "5".parse().unwrap());
        assert!(entry.unwrap().outdated.is_some());
    }

    #[test]
    fn a_hash_that_cannot_be_read_is_a_fault_of_ours() {
        let broken = Credentials { password_hash: "plain".into(), ..ada("4") };
        let problem =
            attempt("ada@example.org", "plain").judge(Some(broken), &pepper(), "4".parse().unwrap()).unwrap_err();
        assert_eq!(problem.kind(), Kind::Internal);
    }
}
