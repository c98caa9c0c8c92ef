//! The two halves of a sign-in, between auth and users.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::{uuid, wire};
use identity::{AttemptKeys, Authentication, Role, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

wire! {
    /// A hashing permit, and who holds it.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct HashPermit {
        /// Its number, from 1.
        pub number: i32 as "schema::Int32",
        /// The holder.
        #[serde(deserialize_with = "uuid")]
        pub holder: Uuid as "schema::Uuid",
    }

    /// Which password is about to be checked.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct BeginSignInRequest {
        /// The rate limits that apply.
        pub keys: AttemptKeys as "schema::AttemptKeys",
        /// The address, without regard to case. An invalid one belongs to no account.
        #[serde(default)]
        pub email: Option<String>,
    }

    /// A permit with the credentials, or why there is none.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct BeginSignInResponse {
        /// The permit.
        pub permit: Option<HashPermit>,
        /// How many seconds to wait; null with a permit, or if none was free.
        pub retry_after: Option<u32> as "Option<std::num::NonZeroU32>",
        /// Too many sign-ins have failed in a row; only a known device can sign in.
        pub locked: bool,
        /// Whether a refusal may be logged now; once a second at most.
        pub report: bool,
        /// With a permit, if an account has the address.
        pub credentials: Option<Credentials>,
        /// While there are hashes that another system made: one that costs as much, and that no password matches. Every failure
        /// but theirs verifies it too, so that none is told apart by its time.
        #[serde(default)]
        pub decoy_hash: Option<String> as "Option<schema::PasswordHash>",
        /// Nobody signs in to the account before its address is confirmed.
        #[serde(default)]
        pub verification_required: bool,
        /// What the sign-in needs beside the password.
        #[serde(default)]
        pub second_factor: Option<SecondFactorTask>,
    }

    /// What auth needs to check a password.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct Credentials {
        /// The user.
        pub id: UserId as "schema::UserId",
        /// Where mail goes.
        pub email: String as "schema::StoredEmail",
        /// Where an SMS goes.
        pub phone: Option<String>,
        /// What the user may do.
        pub role: Role as "schema::Role",
        /// The stored hash.
        pub password_hash: String as "schema::PasswordHash",
        /// Raised with each new password and each new role.
        pub credentials_epoch: i32 as "schema::Int32",
        /// Whether the account has a second factor.
        #[serde(default)]
        pub has_second_factor: bool,
        /// Whether it has passkeys.
        #[serde(default)]
        pub has_passkey: bool,
        /// Whether the account is suspended.
        #[serde(default)]
        pub suspended: bool,
        /// Whether a new password has to be chosen before anything else.
        #[serde(default)]
        pub password_reset_required: bool,
        /// Whether the address is confirmed; absent while nobody is asked to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email_verified: Option<bool> as "bool",
    }

    /// The outcome of a sign-in.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[cfg_attr(feature = "openapi", schemars(transform = session_only_after_success))]
    pub struct EndSignInRequest {
        /// The permit to release.
        pub permit: HashPermit,
        /// The rate limits that apply.
        pub keys: AttemptKeys as "schema::AttemptKeys",
        /// Whether the password was right; null or absent if it was not checked.
        #[serde(default)]
        pub succeeded: Option<bool>,
        /// The account that was tried, if there is one. Its owner is told if this failure locks it.
        #[serde(default)]
        pub user_id: Option<UserId> as "Option<schema::UserId>",
        /// What the caller is told instead of being signed in, for the audit log: the last part of a problem's `type`.
        #[serde(default)]
        pub refusal: Option<String> as "Option<schema::Slug>",
        /// The session to begin, after a success only.
        #[serde(default)]
        pub session: Option<NewSession>,
    }

    /// A session to begin, and what has to hold for that.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct NewSession {
        /// Its id.
        #[serde(deserialize_with = "uuid")]
        pub session_id: Uuid as "schema::Uuid",
        /// The user.
        pub user_id: UserId as "schema::UserId",
        /// The address that the user must still have.
        pub email: String as "schema::Email",
        /// The epoch that the user's credentials must still have.
        pub credentials_epoch: i32 as "schema::Int32",
        /// The digest of the first refresh token.
        pub refresh_digest: String as "schema::Digest",
        /// How long the session lives unused.
        pub idle_seconds: i32 as "schema::Lifetime",
        /// How long the session lives at most.
        pub absolute_seconds: i32 as "schema::Lifetime",
        /// What the client called itself at the sign-in.
        #[serde(default)]
        pub user_agent: Option<String> as "Option<schema::UserAgent>",
        /// The network that the sign-in came from.
        #[serde(default)]
        pub network: Option<String> as "Option<schema::ClientNetwork>",
        /// Whether the user has signed in on this device before; unknown if absent.
        #[serde(default)]
        pub known_device: Option<bool>,
        /// A costlier hash of the same password.
        #[serde(default)]
        pub renewal: Option<HashRenewal>,
    }

    /// A costlier hash of the same password, to replace the one that was checked.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct HashRenewal {
        /// The hash that the user must still have.
        pub previous_hash: String as "schema::PasswordHash",
        /// Its replacement.
        pub password_hash: String as "schema::PasswordHash",
    }

    /// What a sign-in began.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct EndSignInResponse {
        /// The session that was begun, with the role of that moment.
        pub session: Option<StartedSession>,
        /// What the caller is to publish and then delete from the outbox; null also if the outbox is so long that it is left to
        /// the sweeps.
        pub event: Option<Value> as "Option<schema::Event>",
    }

    /// A session that was begun or refreshed.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct StartedSession {
        /// Its id.
        pub session_id: Uuid as "schema::SessionUuid",
        /// The user.
        pub user_id: UserId as "schema::UserId",
        /// What the user may do now.
        pub role: Role as "schema::Role",
        /// All roles; absent without any.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub roles: Vec<String> as "schema::Roles",
        /// Public metadata that tokens are to have; absent without any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub metadata: Option<Map<String, Value>> as "schema::MetadataObject",
        /// Whether the address is confirmed; absent while nobody is asked to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email_verified: Option<bool> as "bool",
        /// When and how the user authenticated.
        #[serde(default)]
        pub authentication: Option<Authentication> as "Option<schema::Authentication>",
    }
}

/// What a sign-in needs beside the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum SecondFactorTask {
    /// A code.
    Code,
    /// A second factor, which the account must have and has not: it is added at this sign-in.
    Enrolment,
}

/// A session begins after a success, and after nothing else.
#[cfg(feature = "openapi")]
fn session_only_after_success(schema: &mut schemars::Schema) {
    let session = serde_json::json!({"$ref": "#/components/schemas/NewSession"});
    let cases = serde_json::json!([
        {"required": ["succeeded", "session"], "properties": {"succeeded": {"const": true}, "session": session}},
        {"properties": {"succeeded": {"enum": [false, null]}, "session": {"type": "null"}}},
    ]);
    schema.insert("oneOf".to_owned(), cases);
}
