//! A login: authentication by email and password.

use api::auth::LoginRequest;
use api::users::Credentials;
use identity::{Cost, Email, HashError, Pacer, PasswordHash, Peppers, verify_dummy};
use problem::{Kind, Problem};

/// A login attempt. The username is the email; one that is not an email belongs to nobody and is processed like any other,
/// so that neither the response nor its time reveals which accounts exist.
pub struct LoginAttempt {
    /// The email, if the username is one.
    pub email: Option<Email>,
    username: String,
    password: String,
    device_token: Option<String>,
}

/// Somebody who has proved who they are.
#[derive(Debug)]
pub struct Authenticated {
    /// The account.
    pub credentials: Credentials,
    /// The stored hash, if it should be renewed: its cost is too low, its scheme is a former one, or its pepper is not
    /// the current one.
    pub outdated: Option<PasswordHash>,
}

impl From<LoginRequest> for LoginAttempt {
    fn from(form: LoginRequest) -> Self {
        Self {
            email: Email::parse(&form.username).ok(),
            username: form.username,
            password: form.password,
            device_token: form.device_token,
        }
    }
}

impl LoginAttempt {
    /// The username as it was sent, which may be nobody's.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The device token as it was sent, which may be invalid.
    #[must_use]
    pub fn device_token(&self) -> Option<&str> {
        self.device_token.as_deref()
    }

    /// The password, to be hashed anew.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Verifies the password, paced by `pacer`. A failure takes the work of one hash of cost `cost`, whether the account exists
    /// or not and whatever the stored hash costs, so that its time reveals neither. While there are hashes that other systems made,
    /// `decoy` costs as much as one of them: a failure then takes the work of both.
    ///
    /// # Errors
    /// `invalid-credentials`, the same for an unknown user and a wrong password; `account-suspended` and
    /// `password-reset-required`, only after the right one; `internal-error` if the stored hash cannot be read, or was made with an
    /// unknown pepper.
    pub fn authenticate(
        &self,
        known: Option<Credentials>,
        decoy: Option<&PasswordHash>,
        peppers: &Peppers,
        cost: Cost,
        pacer: &mut impl Pacer,
    ) -> Result<Authenticated, Problem> {
        let Some(credentials) = known else {
            verify_dummy(&self.password, peppers, cost, pacer);
            self.verify_decoy(decoy, peppers, pacer);
            return Err(invalid_credentials());
        };
        let hash = PasswordHash::parse(&credentials.password_hash).map_err(|error| unreadable(&error))?;
        if !hash.verify_paced(&self.password, peppers, pacer).map_err(|error| unreadable(&error))? {
            for further in hash.costs_up_to(cost).map_err(|error| unreadable(&error))? {
                verify_dummy(&self.password, peppers, further, pacer);
            }
            self.verify_decoy(decoy.filter(|_| !hash.is_foreign()), peppers, pacer);
            return Err(invalid_credentials());
        }
        if credentials.suspended {
            return Err(Problem::of(Kind::AccountSuspended));
        }
        if credentials.password_reset_required {
            return Err(Problem::of(Kind::PasswordResetRequired));
        }
        let is_outdated = hash.is_outdated(peppers, cost).map_err(|error| unreadable(&error))?;
        Ok(Authenticated { credentials, outdated: is_outdated.then_some(hash) })
    }

    /// Does the work of a hash that another system made, in vain.
    fn verify_decoy(&self, decoy: Option<&PasswordHash>, peppers: &Peppers, pacer: &mut impl Pacer) {
        if let Some(decoy) = decoy {
            std::hint::black_box(decoy.verify_paced(&self.password, peppers, pacer)).ok();
        }
    }
}

/// What an attempt that did not succeed counts as: a failure, or nothing if the password was not verified.
#[must_use]
pub fn attempt_outcome(problem: &Problem) -> Option<bool> {
    (problem.kind() == Kind::InvalidCredentials).then_some(false)
}

/// The problem for a wrong password, for an unknown user, and for credentials that have changed since they were read.
#[must_use]
pub fn invalid_credentials() -> Problem {
    Problem::of(Kind::InvalidCredentials).with_header("www-authenticate", "Bearer realm=\"concierge\"")
}

fn unreadable(error: &HashError) -> Problem {
    Problem::internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::{Password, Unpaced};
    use identity::{Role, UserId};
    use std::time::{Duration, Instant};

    const PEPPER: &str = "a pepper that is long enough for tests";

    fn peppers() -> Peppers {
        Peppers::new(PEPPER).unwrap()
    }

    fn attempt(username: &str, password: &str) -> LoginAttempt {
        LoginRequest { username: username.into(), password: password.into(), device_token: None }.into()
    }

    fn ada(cost: &str) -> Credentials {
        let password = Password::verified("correct horse");
        let hash = password.hash(&peppers(), cost.parse().unwrap(), [7; 16]).unwrap();
        Credentials {
            id: UserId::try_from(7).unwrap(),
            email: "ada@example.org".into(),
            phone: None,
            role: Role::User,
            password_hash: hash.expose().into(),
            credentials_epoch: 1,
            email_verified: None,
            suspended: false,
            password_reset_required: false,
            has_second_factor: false,
            has_passkey: false,
        }
    }

    #[test]
    fn only_whoever_knows_the_password_is_told_of_a_suspension() {
        let outcome = |password| {
            let suspended = Credentials { suspended: true, ..ada("4") };
            let attempt = attempt("ada@example.org", password);
            attempt.authenticate(Some(suspended), None, &peppers(), "4".parse().unwrap(), &mut Unpaced).unwrap_err()
        };
        assert_eq!(outcome("correct horse").kind(), Kind::AccountSuspended);
        assert_eq!(attempt_outcome(&outcome("correct horse")), None);
        assert_eq!(outcome("wrong horse").kind(), Kind::InvalidCredentials);
    }

    #[test]
    fn only_whoever_knows_the_password_is_told_to_choose_a_new_one() {
        let outcome = |password, suspended| {
            let known = Credentials { password_reset_required: true, suspended, ..ada("4") };
            let attempt = attempt("ada@example.org", password);
            attempt.authenticate(Some(known), None, &peppers(), "4".parse().unwrap(), &mut Unpaced).unwrap_err()
        };
        assert_eq!(outcome("correct horse", false).kind(), Kind::PasswordResetRequired);
        assert_eq!(attempt_outcome(&outcome("correct horse", false)), None);
        assert_eq!(outcome("correct horse", true).kind(), Kind::AccountSuspended);
        assert_eq!(outcome("wrong horse", false).kind(), Kind::InvalidCredentials);
    }

    #[test]
    fn the_correct_password_authenticates() {
        let authenticated = attempt("ada@example.org", "correct horse").authenticate(
            Some(ada("4")),
            None,
            &peppers(),
            "4".parse().unwrap(),
            &mut Unpaced,
        );
        let authenticated = authenticated.unwrap();
        assert_eq!(authenticated.credentials.id.get(), 7);
        assert!(authenticated.outdated.is_none());
    }

    #[test]
    fn a_wrong_password_and_an_unknown_user_are_the_same_problem() {
        let cost = "4".parse().unwrap();
        let wrong = attempt("ada@example.org", "wrong horse")
            .authenticate(Some(ada("4")), None, &peppers(), cost, &mut Unpaced)
            .unwrap_err();
        let unknown = attempt("bob@example.org", "wrong horse")
            .authenticate(None, None, &peppers(), cost, &mut Unpaced)
            .unwrap_err();
        let nobody = attempt("no address", "").authenticate(None, None, &peppers(), cost, &mut Unpaced).unwrap_err();
        assert_eq!(wrong.to_json("r"), unknown.to_json("r"));
        assert_eq!(wrong.to_json("r"), nobody.to_json("r"));
    }

    #[test]
    fn a_wrong_password_and_an_unknown_user_take_the_same_time() {
        let cost = "8".parse().unwrap();
        let known = ada("8");
        let time = |known: Option<Credentials>| {
            let start = Instant::now();
            let _ = attempt("ada@example.org", "wrong horse").authenticate(known, None, &peppers(), cost, &mut Unpaced);
            start.elapsed()
        };
        // Alternating, so that other load on the machine affects both.
        let (mut wrong, mut unknown): (Vec<Duration>, Vec<Duration>) =
            (0..15).map(|_| (time(Some(known.clone())), time(None))).unzip();
        wrong.sort();
        unknown.sort();
        let ratio = wrong[7].as_secs_f64() / unknown[7].as_secs_f64();
        assert!((0.5..2.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_hash_of_a_former_pepper_is_outdated() {
        let rotated = Peppers::parse("new=another pepper long enough for tests", PEPPER).unwrap();
        let authenticated = attempt("ada@example.org", "correct horse").authenticate(
            Some(ada("4")),
            None,
            &rotated,
            "4".parse().unwrap(),
            &mut Unpaced,
        );
        assert!(authenticated.unwrap().outdated.is_some());
    }

    #[test]
    fn an_unknown_pepper_is_an_internal_error_and_counts_as_nothing() {
        let known = Credentials { password_hash: ada("4").password_hash.replace("v2:v1:", "v2:gone:"), ..ada("4") };
        for password in ["correct horse", "wrong horse"] {
            let cost = "4".parse().unwrap();
            let judged = attempt("ada@example.org", password).authenticate(
                Some(known.clone()),
                None,
                &peppers(),
                cost,
                &mut Unpaced,
            );
            let problem = judged.unwrap_err();
            assert_eq!(attempt_outcome(&problem), None);
            assert_eq!(problem.kind(), Kind::Internal);
            assert!(problem.cause().unwrap().contains("gone"), "the log says which");
        }
    }

    #[test]
    fn a_cheaper_hash_is_outdated() {
        let authenticated = attempt("ada@example.org", "correct horse").authenticate(
            Some(ada("4")),
            None,
            &peppers(),
            "5".parse().unwrap(),
            &mut Unpaced,
        );
        assert!(authenticated.unwrap().outdated.is_some());
    }

    #[test]
    fn an_unreadable_hash_is_an_internal_error() {
        let broken = Credentials { password_hash: "plain".into(), ..ada("4") };
        let problem = attempt("ada@example.org", "plain")
            .authenticate(Some(broken), None, &peppers(), "4".parse().unwrap(), &mut Unpaced)
            .unwrap_err();
        assert_eq!(problem.kind(), Kind::Internal);
    }

    #[test]
    fn a_foreign_hash_authenticates_and_is_to_be_renewed() {
        let foreign = "f:$pbkdf2-sha256$i=1000$c2FsdCBvZiBzaXh0ZWVuIQ$EjlQpW+VG7BQI/7l7pxOf+HPkTn4K/l+MZTnSGtGOUk";
        let known = Credentials { password_hash: foreign.into(), ..ada("4") };
        let authenticate = |password| {
            let cost = "4".parse().unwrap();
            attempt("ada@example.org", password).authenticate(Some(known.clone()), None, &peppers(), cost, &mut Unpaced)
        };
        assert!(authenticate("correct horse").unwrap().outdated.is_some());
        assert_eq!(authenticate("wrong horse").unwrap_err().kind(), Kind::InvalidCredentials);
    }

    #[test]
    fn every_failure_takes_the_same_work_while_there_are_foreign_hashes() {
        struct Slices(u32);

        impl Pacer for Slices {
            fn pace(&mut self) -> std::num::NonZeroU32 {
                self.0 += 1;
                std::num::NonZeroU32::MIN
            }
        }

        let foreign = "f:$pbkdf2-sha256$i=1000$c2FsdCBvZiBzaXh0ZWVuIQ$EjlQpW+VG7BQI/7l7pxOf+HPkTn4K/l+MZTnSGtGOUk";
        let decoy = PasswordHash::parse(foreign).unwrap().decoy().unwrap();
        let work = |known: Option<Credentials>| {
            let (mut slices, cost) = (Slices(0), "5".parse().unwrap());
            let failed =
                attempt("ada@example.org", "wrong").authenticate(known, Some(&decoy), &peppers(), cost, &mut slices);
            assert_eq!(failed.unwrap_err().kind(), Kind::InvalidCredentials);
            slices.0
        };
        let imported = Credentials { password_hash: foreign.into(), ..ada("4") };
        let unknown = work(None);
        assert_eq!([work(Some(ada("4"))), work(Some(ada("5"))), work(Some(imported))], [unknown; 3]);
        assert_eq!(unknown, 32 + 16, "those of bcrypt, and those of PBKDF2");
    }
}
