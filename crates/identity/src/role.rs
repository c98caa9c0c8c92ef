//! What somebody may do.

use serde::{Deserialize, Serialize};

/// The role of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May read and change itself. Everybody who signs up.
    #[default]
    User,
    /// May do all.
    Admin,
}

impl Role {
    /// The name that it is kept and shown by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Admin => "admin",
        }
    }
}
