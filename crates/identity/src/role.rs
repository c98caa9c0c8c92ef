//! Roles.

use serde::{Deserialize, Serialize};

/// How many roles a user has at most.
pub const MAX_ROLES: usize = 16;
/// How long the name of a role is at most, in characters.
const MAX_NAME: usize = 32;

/// The role of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May read and change their own account. The role of everybody who signs up.
    #[default]
    User,
    /// May do everything.
    Admin,
}

impl Role {
    /// The name that it is stored and shown by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Admin => "admin",
        }
    }
}

/// The name of a role that means something to other services: `a-z`, `0-9`, and `.`, `_`, `:` and `-` but at the beginning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RoleName(String);

impl RoleName {
    /// Reads a name.
    ///
    /// # Errors
    /// If it has other characters or is too long; or if it is `user`, which is no role of its own.
    pub fn parse(text: &str) -> Result<Self, RoleError> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = text.len() <= MAX_NAME
            && text.bytes().next().is_some_and(is_plain)
            && text.bytes().all(|byte| is_plain(byte) || b"._:-".contains(&byte));
        match text {
            "user" => Err(RoleError::User),
            _ if is_name => Ok(Self(text.to_owned())),
            _ => Err(RoleError::Name),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The roles of a user: `admin`, which means something here, apart from the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// [`Role::Admin`] if `admin` is among them.
    pub role: Role,
    /// The others, in the order of their names.
    pub others: Vec<RoleName>,
}

impl Roles {
    /// Reads a list of names.
    ///
    /// # Errors
    /// If it is too long, has a name twice, or has one that is none.
    pub fn parse(names: &[String]) -> Result<Self, RoleError> {
        if names.len() > MAX_ROLES {
            return Err(RoleError::TooMany);
        }
        let mut others = names.iter().map(|name| RoleName::parse(name)).collect::<Result<Vec<_>, _>>()?;
        others.sort();
        if others.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(RoleError::Twice);
        }
        let all = others.len();
        others.retain(|name| name.as_str() != Role::Admin.name());
        let role = if others.len() < all { Role::Admin } else { Role::User };
        Ok(Self { role, others })
    }
}

/// Why a text is not a role, or a list not the roles of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// A name has other characters, or too many.
    #[error("A role is 1 to {MAX_NAME} of a-z, 0-9, and after the first also . _ : and -.")]
    Name,
    /// It is what everybody is.
    #[error("Everybody is a user; leave it out.")]
    User,
    /// A name is there twice.
    #[error("A role is there twice.")]
    Twice,
    /// There are too many.
    #[error("A user has at most {MAX_ROLES} roles.")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(names: &[&str]) -> Result<Roles, RoleError> {
        Roles::parse(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_administrator_is_told_apart_from_other_roles() {
        let roles = parse(&["support", "admin", "billing:read"]).unwrap();
        assert_eq!(roles.role, Role::Admin);
        assert_eq!(roles.others.iter().map(RoleName::as_str).collect::<Vec<_>>(), ["billing:read", "support"]);
        assert_eq!(parse(&[]).unwrap(), Roles::default());
    }

    #[test]
    fn a_role_has_a_plain_name() {
        for name in ["a", "0", "a.b_c:d-e", &"x".repeat(32)] {
            assert!(parse(&[name]).is_ok(), "{name}");
        }
        for name in ["", "Admin", "-a", ".a", "a b", "\u{e9}", "a\0", &"x".repeat(33)] {
            assert_eq!(parse(&[name]), Err(RoleError::Name), "{name}");
        }
        assert_eq!(parse(&["user"]), Err(RoleError::User));
    }

    #[test]
    fn roles_are_few_and_different() {
        assert_eq!(parse(&["a", "b", "a"]), Err(RoleError::Twice));
        let names: Vec<_> = (0..17).map(|n| format!("role-{n}")).collect();
        assert!(Roles::parse(&names[..16]).is_ok());
        assert_eq!(Roles::parse(&names), Err(RoleError::TooMany));
    }
}
