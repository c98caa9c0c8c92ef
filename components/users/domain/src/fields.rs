//! Validation of the fields of a body, with all errors reported at once.

use identity::{Email, Locale, MinLength, Password, PersonName, Phone, Role, Roles, ZoneInfo};
use problem::{FieldError, Kind, Problem};
use std::fmt::Display;

/// Collects the errors of several fields.
#[derive(Default)]
pub(crate) struct Fields {
    faults: Vec<(Kind, FieldError)>,
}

impl Fields {
    pub(crate) fn name(&mut self, text: &str) -> Option<PersonName> {
        self.keep("name", Kind::InvalidName, PersonName::parse(text))
    }

    pub(crate) fn surname(&mut self, text: &str) -> Option<PersonName> {
        self.keep("surname", Kind::InvalidSurname, PersonName::parse(text))
    }

    pub(crate) fn email(&mut self, text: &str) -> Option<Email> {
        self.keep("email", Kind::InvalidEmail, Email::parse(text))
    }

    pub(crate) fn phone(&mut self, text: &str) -> Option<Phone> {
        self.keep("phone", Kind::InvalidPhone, Phone::parse(text))
    }

    pub(crate) fn locale(&mut self, text: &str) -> Option<Locale> {
        self.keep("locale", Kind::InvalidValue, Locale::parse(text))
    }

    pub(crate) fn zoneinfo(&mut self, text: &str) -> Option<ZoneInfo> {
        self.keep("zoneinfo", Kind::InvalidValue, ZoneInfo::parse(text))
    }

    pub(crate) fn password(&mut self, text: &str, min: MinLength) -> Option<Password> {
        self.keep("password", Kind::InvalidPassword, Password::parse(text, min))
    }

    pub(crate) fn role(&mut self, text: &str) -> Option<Role> {
        let role = match text {
            "user" => Ok(Role::User),
            "admin" => Ok(Role::Admin),
            _ => Err("A role is user or admin."),
        };
        self.keep("role", Kind::InvalidValue, role)
    }

    /// The role and all roles, of which either may be there. They must not contradict each other.
    pub(crate) fn roles(&mut self, role: Option<Role>, names: Option<&[String]>) -> Option<Roles> {
        let roles = self.keep("roles", Kind::InvalidValue, Roles::parse(names?))?;
        if role.is_some_and(|role| role != roles.role) {
            self.fault(
                "role",
                Kind::InvalidValue,
                "This contradicts roles, which have admin for an administrator alone.",
            );
        }
        Some(roles)
    }

    /// Refuses a password that is little more than one of these words.
    pub(crate) fn refuse_words<'a>(&mut self, password: &Password, words: impl IntoIterator<Item = &'a str>) {
        if let Err(error) = password.refuse_words(words) {
            self.fault("password", Kind::InvalidPassword, &error.to_string());
        }
    }

    /// An error that no parser finds.
    pub(crate) fn fault(&mut self, name: &str, kind: Kind, detail: &str) {
        self.faults.push((kind, FieldError::new(name, detail)));
    }

    /// `built`, unless there was an error.
    pub(crate) fn finish<T>(self, built: Option<T>) -> Result<T, Problem> {
        match built {
            Some(built) if self.faults.is_empty() => Ok(built),
            _ => Err(Problem::validation(self.faults)),
        }
    }

    fn keep<T, E: Display>(&mut self, name: &str, kind: Kind, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.fault(name, kind, &error.to_string())).ok()
    }
}
