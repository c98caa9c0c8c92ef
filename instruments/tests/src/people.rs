//! People: they sign up, and they sign in.

use crate::app::TestApp;
use crate::http::Answer;
use serde_json::{Value, json};

/// Everybody's password, unless a test is about passwords.
pub const PASSWORD: &str = "correct horse battery";

/// The body of a sign-up.
#[must_use]
pub fn sign_up_form(email: &str) -> Value {
    json!({"name": "Ada", "surname": "Lovelace", "email": email, "password": PASSWORD})
}

/// The body of a sign-up with a phone number.
#[must_use]
pub fn with_phone(email: &str) -> Value {
    let mut form = sign_up_form(email);
    form["phone"] = "+39021234567".into();
    form
}

/// Somebody who has signed up and in.
#[derive(Clone, Debug)]
pub struct Person {
    /// The id.
    pub id: i64,
    /// The address, which is the user name.
    pub email: String,
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

impl Person {
    /// Where this user is.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/users-ms/users/{}", self.id)
    }
}

impl TestApp {
    /// Signs somebody up and in.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    #[must_use]
    pub fn person(&self, email: &str) -> Person {
        let id = self.sign_up(email);
        self.sign_in(id, email)
    }

    /// Signs somebody up, makes them an administrator as `cargo xtask admin` does, and signs them in.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    #[must_use]
    pub fn admin(&self, email: &str) -> Person {
        let id = self.sign_up(email);
        self.backend.sql().query_one("SELECT make_administrator($1)", &[&email]).expect("roles can be changed");
        self.sign_in(id, email)
    }

    /// Signs somebody in who has the usual password.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    #[must_use]
    pub fn sign_in(&self, id: i64, email: &str) -> Person {
        let tokens = self.login(email, PASSWORD).expect(200).json();
        let token = |name: &str| tokens[name].as_str().expect("a token is a text").to_owned();
        Person { id, email: email.to_owned(), access: token("access_token"), refresh: token("refresh_token") }
    }

    /// Signs Ada Lovelace up with this address and gives her id.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    #[must_use]
    pub fn sign_up(&self, email: &str) -> i64 {
        self.sign_up_with(&sign_up_form(email))
    }

    /// The same with a phone number that is confirmed, so that SMS are sent too.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    #[must_use]
    pub fn sign_up_with_phone(&self, email: &str) -> i64 {
        let id = self.sign_up_with(&with_phone(email));
        self.confirm_phone(email);
        id
    }

    /// Notes that the phone number of whoever has this address is theirs, as if they had shown a code.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn confirm_phone(&self, email: &str) {
        let confirm = "UPDATE users SET phone_verified_at = now() WHERE email = $1 AND phone IS NOT NULL";
        let confirmed = self.backend.sql().execute(confirm, &[&email]).expect("numbers can be confirmed");
        assert_eq!(confirmed, 1, "nobody with a number has this address");
    }

    /// Signs somebody up and gives the id.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    #[must_use]
    pub fn sign_up_with(&self, form: &Value) -> i64 {
        let answer = self.post("/users-ms/users").json(form).send().expect(201);
        answer.json()["id"].as_i64().expect("an id is an integer")
    }

    /// Tries to sign in.
    #[track_caller]
    #[must_use]
    pub fn login(&self, username: &str, password: &str) -> Answer {
        self.post("/auth-ms/auth/login").json(&json!({"username": username, "password": password})).send()
    }
}
