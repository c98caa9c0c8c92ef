//! Recovery: a new password for whoever reads the mail of an account.

use crate::fields::Fields;
use identity::{Email, MinLength, Password, UserId};
use problem::Problem;
use serde::Deserialize;

/// Whose account it is.
#[derive(Debug, Deserialize)]
pub struct Owner {
    /// The user.
    pub user_id: UserId,
    /// The address.
    pub email: String,
    name: String,
    surname: String,
}

impl Owner {
    /// Refuses a password that is little more than the owner's address or name.
    ///
    /// # Errors
    /// `invalid-password`.
    pub fn refuse_own_words(&self, password: &Password) -> Result<(), Problem> {
        let mut fields = Fields::default();
        let email = Email::parse(&self.email).ok();
        let words = email.as_ref().map(Email::words).into_iter().flatten();
        fields.refuse_words(password, words.chain([self.name.as_str(), &self.surname]));
        fields.finish(Some(()))
    }
}

/// A password that may be set, as far as it depends on nobody's name.
///
/// # Errors
/// `invalid-password`.
pub fn new_password(text: &str, min: MinLength) -> Result<Password, Problem> {
    let mut fields = Fields::default();
    let password = fields.password(text, min);
    fields.finish(password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use problem::Kind;
    use serde_json::json;

    #[test]
    fn a_new_password_is_as_good_as_one_of_a_sign_up() {
        let set = |text: &str| new_password(text, MinLength::default());
        assert_eq!(set("short").unwrap_err().kind(), Kind::InvalidPassword);
        assert_eq!(set("password").unwrap_err().kind(), Kind::InvalidPassword);
        let owner = json!({"user_id": 7, "email": "ada@example.org", "name": "Augusta", "surname": "Lovelace"});
        let owner: Owner = serde_json::from_value(owner).unwrap();
        assert!(owner.refuse_own_words(&set("correct horse").unwrap()).is_ok());
        for word in ["lovelace1815", "ada@example.org"] {
            assert_eq!(owner.refuse_own_words(&set(word).unwrap()).unwrap_err().kind(), Kind::InvalidPassword);
        }
    }
}
