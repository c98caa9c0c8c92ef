//! Roles.

use serde::{Deserialize, Serialize};

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
