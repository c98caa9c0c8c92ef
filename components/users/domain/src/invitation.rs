//! Invitations: who is invited, and who accepts.

use crate::fields::Fields;
use api::users::InviteRequest;
use identity::{Email, Locale, MinLength, Password, PersonName, Role, RoleName, Roles};
use problem::{Kind, Problem};

/// A valid invitation.
#[derive(Debug)]
pub struct Invite {
    /// Who is invited.
    pub email: Email,
    /// What they may do here once they have accepted.
    pub role: Role,
    /// The other roles, which mean something to other services.
    pub other_roles: Vec<RoleName>,
    /// The language of messages, if one is chosen.
    pub locale: Option<Locale>,
}

impl Invite {
    /// Validates all fields.
    ///
    /// # Errors
    /// A problem that lists every fault.
    pub fn validate(request: &InviteRequest) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        let email = fields.email(&request.email);
        let role = request.role.as_deref().and_then(|role| fields.role(role));
        let roles = fields.roles(role, request.roles.as_deref());
        let roles = roles.unwrap_or_else(|| Roles { role: role.unwrap_or(Role::User), others: Vec::new() });
        let locale = request.locale.as_deref().map(|locale| fields.locale(locale));
        let Roles { role, others: other_roles } = roles;
        let built = email.map(|email| Self { email, role, other_roles, locale: locale.flatten() });
        fields.finish(built)
    }
}

/// What somebody says who accepts an invitation.
pub struct Acceptance {
    /// The first name.
    pub name: PersonName,
    /// The surname.
    pub surname: PersonName,
    /// The password.
    pub password: Password,
}

impl Acceptance {
    /// Validates all fields, as far as they do not depend on who is invited; `min` is the least number of characters of a password.
    ///
    /// # Errors
    /// A problem that lists every fault.
    pub fn validate(name: &str, surname: &str, password: &str, min: MinLength) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        let parsed = (fields.name(name), fields.surname(surname), fields.password(password, min));
        if let Some(password) = &parsed.2 {
            fields.refuse_words(password, [name, surname]);
        }
        let (name, surname, password) = parsed;
        fields.finish((|| Some(Self { name: name?, surname: surname?, password: password? }))())
    }

    /// Refuses a password that is little more than the address that is invited.
    ///
    /// # Errors
    /// `invalid-password`.
    pub fn refuse_address(&self, email: &str) -> Result<(), Problem> {
        let mut fields = Fields::default();
        if let Ok(email) = Email::parse(email) {
            fields.refuse_words(&self.password, email.words());
        }
        fields.finish(Some(()))
    }
}

/// The problem for an id under which nobody is invited, or not any more.
#[must_use]
pub fn invitation_not_found() -> Problem {
    Problem::of(Kind::InvitationNotFound)
}

/// The problem for an administrator who invites too many, or somebody too often.
#[must_use]
pub fn too_many_invitations(seconds: u32) -> Problem {
    let detail = "Too many invitations were sent, or too many to this address. Wait as long as retry-after says.";
    Problem::new(Kind::TooManyRequests, detail).with_header("retry-after", seconds.max(1).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn invite(body: Value) -> Result<Invite, Kind> {
        Invite::validate(&serde_json::from_value(body).unwrap()).map_err(|problem| problem.kind())
    }

    #[test]
    fn whoever_is_invited_is_a_user_unless_another_role_is_named() {
        let bob = invite(json!({"email": "Bob@Example.org"})).unwrap();
        assert_eq!((bob.email.key(), bob.role, bob.locale.is_none()), ("bob@example.org", Role::User, true));
        let admin = invite(json!({"email": "bob@example.org", "role": "admin", "locale": "de-at"})).unwrap();
        assert_eq!((admin.role, admin.locale.unwrap().as_str()), (Role::Admin, "de-AT"));
        let support = invite(json!({"email": "bob@example.org", "roles": ["support", "admin"]})).unwrap();
        assert_eq!((support.role, support.other_roles.len()), (Role::Admin, 1));
        assert!(invite(json!({"email": "bob@example.org", "role": null, "roles": null, "locale": null})).is_ok());
    }

    #[test]
    fn what_is_not_acceptable_is_named() {
        assert_eq!(invite(json!({"email": "bob"})).unwrap_err(), Kind::InvalidEmail);
        assert_eq!(invite(json!({"email": "bob@example.org", "role": "root"})).unwrap_err(), Kind::InvalidValue);
        let contrary = json!({"email": "bob@example.org", "role": "admin", "roles": ["support"]});
        assert_eq!(invite(contrary).unwrap_err(), Kind::InvalidValue);
        assert_eq!(invite(json!({"email": "bob", "locale": "english!"})).unwrap_err(), Kind::ValidationFailed);
    }

    #[test]
    fn a_password_is_not_just_the_name_or_the_address() {
        let accept = |password| Acceptance::validate("Bob", "Lovelace", password, MinLength::default());
        assert_eq!(accept("lovelace1815").err().unwrap().kind(), Kind::InvalidPassword);
        let accepted = accept("robertson2000").unwrap();
        assert!(accepted.refuse_address("ada@example.org").is_ok());
        assert_eq!(accepted.refuse_address("robertson@example.org").unwrap_err().kind(), Kind::InvalidPassword);
        let problem = Acceptance::validate("", "", "short", MinLength::default()).err().unwrap();
        assert_eq!((problem.kind(), problem.errors().len()), (Kind::ValidationFailed, 3));
    }
}
