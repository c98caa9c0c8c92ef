//! An authenticator app: what somebody has on their phone (RFC 6238).

use crate::app::TestApp;
use crate::http::Answer;
use crate::people::{PASSWORD, Person};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use std::time::{SystemTime, UNIX_EPOCH};

/// An app with the secret of one account, and the recovery codes.
#[derive(Clone, Debug)]
pub struct Authenticator {
    secret: Vec<u8>,
    /// The codes that were shown when it was added.
    pub recovery_codes: Vec<String>,
}

impl Authenticator {
    /// An app with this secret, as people type it.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        let secret = BASE32_NOPAD.decode(secret.as_bytes()).expect("a secret is Base32");
        assert_eq!(secret.len(), 20);
        Self { secret, recovery_codes: Vec::new() }
    }

    /// The code that it shows now.
    #[must_use]
    pub fn code(&self) -> String {
        self.code_at(0)
    }

    /// The code of so many steps from now.
    ///
    /// # Panics
    /// If the clock is before 1970.
    #[must_use]
    pub fn code_at(&self, steps: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
        let step = (now / 30).wrapping_add_signed(steps);
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        mac.update(&step.to_be_bytes());
        let hash = mac.finalize().into_bytes();
        let at = usize::from(hash[19] & 15);
        let number = u32::from_be_bytes([hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]]);
        format!("{:06}", number % 1_000_000)
    }

    /// A code that is wrong now and in the next minutes.
    #[must_use]
    pub fn wrong_code(&self) -> String {
        let near: Vec<_> = (-10..=10).map(|steps| self.code_at(steps)).collect();
        let wrong = (0..=near.len()).map(|number| format!("{number:06}")).find(|code| !near.contains(code));
        wrong.expect("not all are near")
    }
}

impl Person {
    /// Where the second factor of this user is.
    #[must_use]
    pub fn second_factor(&self) -> String {
        format!("{}/second-factor", self.path())
    }
}

impl TestApp {
    /// Begins to add an app to somebody's account.
    #[track_caller]
    #[must_use]
    pub fn begin_totp(&self, person: &Person) -> Answer {
        self.post(&format!("{}/totp", person.second_factor())).bearer(&person.access).send()
    }

    /// Confirms it by a code.
    #[track_caller]
    #[must_use]
    pub fn confirm_totp(&self, person: &Person, code: &str) -> Answer {
        let request = self.post(&format!("{}/totp/confirm", person.second_factor())).bearer(&person.access);
        request.json(&json!({"code": code})).send()
    }

    /// Adds an app to somebody's account. A code of this moment is good all the same.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    #[must_use]
    pub fn add_totp(&self, person: &Person) -> Authenticator {
        let begun = self.begin_totp(person).expect(200).json();
        let app = Authenticator::new(begun["secret"].as_str().expect("a secret is a text"));
        let confirmed = self.confirm_totp(person, &app.code()).expect(200).json();
        self.forget_steps(person);
        Authenticator { recovery_codes: texts(&confirmed["recovery_codes"]), ..app }
    }

    /// Makes codes good again that were used, so that nobody waits for the next one.
    ///
    /// # Panics
    /// If the person has no app.
    pub fn forget_steps(&self, person: &Person) {
        let statement = "UPDATE totp_factors SET last_step = 0 WHERE user_id = $1";
        assert_eq!(self.backend.sql().execute(statement, &[&person.id]).expect("a row can be changed"), 1);
    }

    /// Shows the password of somebody who has a second factor; gives the challenge.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    #[must_use]
    pub fn challenge(&self, person: &Person) -> String {
        let answer = self.login(&person.email, PASSWORD);
        assert_eq!(answer.outcome(), (403, "mfa-required".into()), "{}", answer.text());
        answer.json()["challenge"].as_str().expect("a challenge is a text").to_owned()
    }

    /// Answers a challenge.
    #[track_caller]
    #[must_use]
    pub fn answer_challenge(&self, challenge: &str, code: &str) -> Answer {
        self.post("/auth-ms/auth/login/second-factor").json(&json!({"challenge": challenge, "code": code})).send()
    }
}

/// The texts of an array.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn texts(array: &Value) -> Vec<String> {
    let items = array.as_array().expect("it is an array");
    items.iter().map(|item| item.as_str().expect("it is a text").to_owned()).collect()
}
