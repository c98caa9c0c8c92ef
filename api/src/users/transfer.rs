//! Users in bulk: a line of JSON for each (NDJSON).

use super::metadata::{Metadata, MetadataChange};
#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use identity::{Role, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

wire! {
    /// A user to import, in a line of its own.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct ImportLine {
        /// The id where the user comes from, which an export writes. It is not kept: the answer has the id here.
        #[serde(default)]
        pub id: Option<Value> as "schema::AnyId",
        /// The address, by which a user is the same when the line is sent again.
        pub email: String as "schema::Email",
        /// The first name.
        pub name: String as "schema::Name",
        /// The surname.
        pub surname: String as "schema::Name",
        /// The phone number.
        #[serde(default)]
        pub phone: Option<String> as "Option<schema::Phone>",
        /// The role; without it, that of everybody who signs up.
        #[serde(default)]
        pub role: Option<String> as "Option<schema::Role>",
        /// All roles.
        #[serde(default)]
        pub roles: Option<Vec<String>> as "Option<schema::Roles>",
        /// The language of messages.
        #[serde(default)]
        pub locale: Option<String> as "Option<schema::Locale>",
        /// The time zone of times in messages.
        #[serde(default)]
        pub zoneinfo: Option<String> as "Option<schema::ZoneInfo>",
        /// Whether it is known that the address is the user's.
        #[serde(default)]
        pub email_verified: Option<bool>,
        /// Whether it is known that the number is the user's. Only then SMS go there.
        #[serde(default)]
        pub phone_verified: Option<bool>,
        /// Whether the user is suspended.
        #[serde(default)]
        pub suspended: Option<bool>,
        /// Whether the user has to choose a new password before the next sign-in.
        #[serde(default)]
        pub password_reset_required: Option<bool>,
        /// What applications keep about the user.
        #[serde(default)]
        pub metadata: Option<MetadataChange>,
        /// When the user signed up where they come from, in UTC; without it, now.
        #[serde(default)]
        pub created_at: Option<String> as "Option<schema::Time>",
        /// The hash of the password: bcrypt (`$2a$`, `$2b$`, `$2y$`), Argon2id or PBKDF2 with SHA-256 or SHA-512 as PHC strings, the
        /// same as Django writes them, or one that an export of this service wrote. Without it the user sets a password by mail.
        #[serde(default)]
        pub password_hash: Option<String> as "Option<schema::ImportedHash>",
    }

    /// What came of an import.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct ImportResult {
        /// How many users were created.
        pub created: u32,
        /// How many lines have the address of a user who was there already.
        pub existing: u32,
        /// How many lines were refused.
        pub refused: u32,
        /// All lines, in their order.
        #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 1_000)))]
        pub lines: Vec<ImportedLine>,
    }

    /// What came of a line.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct ImportedLine {
        /// Its number, from 1. Empty lines count, but have no result.
        #[cfg_attr(feature = "openapi", schemars(range(min = 1)))]
        pub line: u32,
        /// What came of it.
        pub result: ImportOutcome,
        /// The id of the user; null for a line that was refused.
        pub id: Option<UserId> as "Option<schema::UserId>",
        /// Why it was refused, as an operation would say it; null for one that was not.
        pub problem: Option<Value> as "Option<schema::LineProblem>",
    }

    /// A user of an export, in a line of its own, which an import takes.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct ExportedUser {
        /// The id.
        pub id: UserId as "schema::UserId",
        /// The address.
        pub email: String as "schema::StoredEmail",
        /// The first name.
        pub name: String as "schema::StoredName",
        /// The surname.
        pub surname: String as "schema::StoredName",
        /// The phone number.
        pub phone: Option<String> as "schema::StoredPhone",
        /// What the user may do.
        pub role: Role as "schema::Role",
        /// All roles.
        pub roles: Vec<String> as "schema::Roles",
        /// The language of messages.
        pub locale: Option<String> as "Option<schema::Locale>",
        /// The time zone of times in messages.
        pub zoneinfo: Option<String> as "Option<schema::ZoneInfo>",
        /// Whether it is known that the address is the user's.
        pub email_verified: bool,
        /// Whether it is known that the number is the user's.
        pub phone_verified: bool,
        /// Whether the user is suspended.
        pub suspended: bool,
        /// Whether the user has to choose a new password before the next sign-in.
        pub password_reset_required: bool,
        /// What applications keep about the user.
        pub metadata: Metadata,
        /// When the user signed up.
        pub created_at: String as "schema::Timestamp",
        /// The hash of the password, if the export asks for hashes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub password_hash: Option<String> as "schema::PasswordHash",
    }
}

/// What came of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum ImportOutcome {
    /// There is a new user.
    Created,
    /// A user with this address was there already, and is as before.
    Exists,
    /// Nothing was done.
    Refused,
}
