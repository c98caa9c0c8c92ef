//! Users, as callers send and see them.

use super::audit::Activity;
use super::metadata::Metadata;
use super::passkey::Passkey;
use super::second_factor::SecondFactor;
use super::sessions::Session;
#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use identity::{Role, UserId};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

wire! {
    /// A sign-up.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct SignUpRequest {
        /// The first name.
        pub name: String as "schema::Name",
        /// The surname.
        pub surname: String as "schema::Name",
        /// The address, unique among users.
        pub email: String as "schema::Email",
        /// The password.
        pub password: String as "schema::Password",
        /// The phone number.
        #[serde(default)]
        pub phone: Option<String> as "Option<schema::Phone>",
        /// The language of messages; without it, that of `accept-language`.
        #[serde(default)]
        pub locale: Option<String> as "Option<schema::Locale>",
        /// The time zone of times in messages; without it, UTC.
        #[serde(default)]
        pub zoneinfo: Option<String> as "Option<schema::ZoneInfo>",
    }

    /// A user.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct User {
        /// The id.
        pub id: UserId as "schema::UserId",
        /// The first name.
        pub name: String as "schema::StoredName",
        /// The surname.
        pub surname: String as "schema::StoredName",
        /// The address.
        pub email: String as "schema::StoredEmail",
        /// Whether it is known to be the user's.
        #[serde(default)]
        pub email_verified: bool,
        /// Digits, with `+` before an international number; null if there is none.
        pub phone: Option<String> as "schema::StoredPhone",
        /// Whether a code that went there came back. No other SMS goes there before.
        #[serde(default)]
        pub phone_verified: bool,
        /// What the user may do here: `admin` if that is among the roles, else `user`.
        pub role: Role as "schema::Role",
        /// All roles, `admin` among them. The others mean something to other services.
        #[serde(default)]
        pub roles: Vec<String> as "schema::Roles",
        /// The language of messages; null if none is known.
        #[serde(default)]
        pub locale: Option<String> as "Option<schema::Locale>",
        /// The time zone of times in messages; null if none is known.
        #[serde(default)]
        pub zoneinfo: Option<String> as "Option<schema::ZoneInfo>",
        /// When the user signed up.
        pub created_at: String as "schema::Timestamp",
        /// When the user last changed.
        pub updated_at: String as "schema::Timestamp",
        /// Goes up with every visible change.
        #[cfg_attr(feature = "openapi", schemars(range(min = 1)))]
        pub version: i64,
    }

    /// The current password.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct ReauthenticateRequest {
        /// The caller's current password.
        pub current_password: String as "schema::CurrentPassword",
    }

    /// All data about a user.
    #[derive(Serialize)]
    pub struct Export {
        /// The user.
        pub user: User,
        /// All sessions, including those that have ended and are not yet deleted.
        pub sessions: Vec<Session>,
        /// The response to the sign-up, while it is kept for a repetition with the same key.
        pub kept_answers: Vec<User>,
        /// Addresses that are stored beside that of the user, for a while after a change.
        pub addresses: Vec<KeptAddress>,
        /// When the address was confirmed; null if it was not.
        pub email_verified_at: Option<String> as "Option<schema::Timestamp>",
        /// When the phone number was confirmed; null if it was not.
        pub phone_verified_at: Option<String> as "Option<schema::Timestamp>",
        /// The second factor.
        pub second_factor: SecondFactor,
        /// The passkeys.
        pub passkeys: Vec<Passkey>,
        /// What the user has allowed other applications.
        pub connected_applications: Vec<super::ConnectedApplication>,
        /// Events that are not yet fully processed.
        #[cfg_attr(feature = "openapi", schemars(length(max = 20_000)))]
        pub pending_events: Vec<Value> as "Vec<schema::PendingEvent>",
        /// What the user was told, newest first, as in the delivery log.
        #[cfg_attr(feature = "openapi", schemars(length(max = 20_000)))]
        pub notifications: Vec<Value> as "Vec<crate::notification::Delivery>",
        /// What applications keep about the user.
        pub metadata: Metadata,
        /// What happened to the user's access, newest first: the last 10,000 entries. `/activity` lists all.
        #[cfg_attr(feature = "openapi", schemars(length(max = 10_000)))]
        pub activity: Vec<Activity>,
        /// When this was put together.
        pub exported_at: String as "schema::Timestamp",
    }

    /// An address that a user asked for, or had.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct KeptAddress {
        /// The address.
        pub email: String as "schema::StoredEmail",
        /// Whether the user had it, and can take it back; otherwise it is the one that waits for its confirmation.
        pub is_former: bool,
        /// Until when it is stored.
        pub until: String as "schema::Timestamp",
    }

    /// A suspension.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct Suspension {
        /// Since when; null for a user who is not suspended.
        pub suspended_at: Option<String> as "Option<schema::Timestamp>",
    }

    /// What keeps a user from signing in.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct Access {
        /// Since when the user is suspended; null for one who is not.
        pub suspended_at: Option<String> as "Option<schema::Timestamp>",
        /// Whether so many sign-ins in a row have failed that the account is open to known devices alone.
        pub locked: bool,
        /// Whether the user has to choose a new password before the next sign-in.
        pub password_reset_required: bool,
    }

    /// A computed number.
    #[derive(Debug, Serialize)]
    pub struct Fibonacci {
        /// Which number.
        #[cfg_attr(feature = "openapi", schemars(range(max = 45)))]
        pub n: u32,
        /// The number.
        #[cfg_attr(feature = "openapi", schemars(range(max = 1_134_903_170)))]
        pub fibonacci: u64,
    }

    /// The state of the outbox.
    #[derive(Clone, Copy, Debug, Serialize, Deserialize)]
    pub struct OutboxState {
        /// Events to be published.
        pub waiting: u64,
        /// How long the oldest of them has waited.
        pub oldest_seconds: Option<u64>,
        /// How many of them the broker has refused while it was available.
        pub refused: u64,
    }

    /// What a sweep did.
    #[derive(Debug, Serialize)]
    pub struct SweepResult {
        /// Events that were published.
        pub published: u64,
        /// Events that could not be published.
        pub left: u64,
    }
}

/// A change of a user. Whether a field is there is told apart from whether it is null.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// The first name.
    #[serde(default, deserialize_with = "given")]
    pub name: Option<Option<String>>,
    /// The surname.
    #[serde(default, deserialize_with = "given")]
    pub surname: Option<Option<String>>,
    /// The address.
    #[serde(default, deserialize_with = "given")]
    pub email: Option<Option<String>>,
    /// The phone number.
    #[serde(default, deserialize_with = "given")]
    pub phone: Option<Option<String>>,
    /// The language of messages.
    #[serde(default, deserialize_with = "given")]
    pub locale: Option<Option<String>>,
    /// The time zone of times in messages.
    #[serde(default, deserialize_with = "given")]
    pub zoneinfo: Option<Option<String>>,
    /// The new password.
    #[serde(default, deserialize_with = "given")]
    pub password: Option<Option<String>>,
    /// The role.
    #[serde(default, deserialize_with = "given")]
    pub role: Option<Option<String>>,
    /// All roles.
    #[serde(default, deserialize_with = "given")]
    pub roles: Option<Option<Vec<String>>>,
    /// The caller's own password until now.
    #[serde(default, deserialize_with = "given")]
    pub current_password: Option<Option<String>>,
}

fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The body of a PUT: the whole user.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub struct Replacement(pub ChangeRequest);

/// The body of a PATCH: a merge patch (RFC 7396).
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub struct MergePatch(pub ChangeRequest);

#[cfg(feature = "openapi")]
mod schemas {
    use super::{MergePatch, Replacement, schema};
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use serde_json::Value;
    use std::borrow::Cow;

    impl JsonSchema for Replacement {
        fn schema_name() -> Cow<'static, str> {
            "Replacement".into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            let description = "The whole user. Without a phone, a locale or a zoneinfo, or with null, these are \
                               removed; without a password, a role or roles these stay.";
            let mut schema = change(generator, description);
            schema.insert("required".to_owned(), ["name", "surname", "email"].as_slice().into());
            schema
        }
    }

    impl JsonSchema for MergePatch {
        fn schema_name() -> Cow<'static, str> {
            "MergePatch".into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            let description = "A merge patch (RFC 7396): absent fields stay as they are. Only phone, locale and \
                               zoneinfo may be null, which removes them.";
            change(generator, description)
        }
    }

    fn change(generator: &mut SchemaGenerator, description: &str) -> Schema {
        let current: Value =
            "The caller's own current password, required with a new email or a new password of one's own. \
                              No other change needs it, and it is not stored."
                .into();
        json_schema!({
            "type": "object",
            "description": description,
            "additionalProperties": false,
            "properties": {
                "name": generator.subschema_for::<schema::Name>(),
                "surname": generator.subschema_for::<schema::Name>(),
                "email": generator.subschema_for::<schema::Email>(),
                "phone": generator.subschema_for::<Option<schema::Phone>>(),
                "locale": generator.subschema_for::<Option<schema::Locale>>(),
                "zoneinfo": generator.subschema_for::<Option<schema::ZoneInfo>>(),
                "password": generator.subschema_for::<schema::Password>(),
                "role": generator.subschema_for::<schema::Role>(),
                "roles": generator.subschema_for::<schema::Roles>(),
                "current_password": {"type": "string", "format": "password", "description": current},
            },
        })
    }
}
