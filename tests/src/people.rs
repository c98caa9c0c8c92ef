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

impl TestApp {
    /// Signs Ada Lovelace up with this address and gives her id.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    #[must_use]
    pub fn sign_up(&self, email: &str) -> i64 {
        self.sign_up_with(&sign_up_form(email))
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
