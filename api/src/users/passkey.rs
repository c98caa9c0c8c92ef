//! Passkeys of a user, and sign-ins with them, between auth and users.

use super::second_factor::SecondFactorSession;
use super::sign_in::StartedSession;
use crate::passkey::{CreationOptions, RegistrationCredential, RequestOptions, SignInCredential};
#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use identity::AttemptKeys;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

wire! {
    /// A passkey, as its owner sees it.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct Passkey {
        /// Its id here.
        pub id: Uuid as "schema::SessionUuid",
        /// What its owner calls it.
        pub name: String as "schema::StoredName",
        /// Whether it may be on more than one device.
        pub backup_eligible: bool,
        /// Whether it is.
        pub backed_up: bool,
        /// When it was added.
        pub created_at: String as "schema::Timestamp",
        /// When it was last used to sign in; null before that.
        pub last_used_at: Option<String> as "Option<schema::Timestamp>",
    }

    /// What a new passkey is made by.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct PasskeyRegistration {
        /// For `PublicKeyCredential.parseCreationOptionsFromJSON`.
        pub public_key: CreationOptions,
        /// For how many seconds the answer is accepted.
        #[cfg_attr(feature = "openapi", schemars(range(min = 1)))]
        pub expires_in: i32,
    }

    /// A new passkey.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct NewPasskeyRequest {
        /// What its owner calls it.
        pub name: String as "schema::Name",
        /// The browser's answer.
        pub credential: RegistrationCredential,
    }

    /// Another name for a passkey.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct PasskeyNameRequest {
        /// The name.
        pub name: String as "schema::Name",
    }

    /// Who begins a sign-in with a passkey.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct BeginPasskeyRequest {
        /// The client's address, as its rate limits are counted.
        pub client_address: String,
        /// What the client calls itself.
        #[serde(default)]
        pub user_agent: Option<String>,
    }

    /// A sign-in that was begun, or not.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct BeginPasskeyResponse {
        /// What the browser is asked for; null if the client has to wait.
        pub sign_in: Option<PasskeySignIn>,
        /// How many seconds to wait after too many sign-ins were begun.
        pub retry_after: Option<u32> as "Option<std::num::NonZeroU32>",
    }

    /// What a sign-in with a passkey asks a browser for.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct PasskeySignIn {
        /// For `PublicKeyCredential.parseRequestOptionsFromJSON`.
        pub public_key: RequestOptions,
        /// For how many seconds the answer is accepted.
        #[cfg_attr(feature = "openapi", schemars(range(min = 1)))]
        pub expires_in: i32,
    }

    /// The answer of an authenticator, and the session that it is to begin.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct EndPasskeyRequest {
        /// The browser's answer.
        pub credential: SignInCredential,
        /// The client's address, as its rate limits are counted.
        pub client_address: String,
        /// The device token that the client sends.
        #[serde(default)]
        pub device_token: Option<String>,
        /// The session to begin.
        pub session: SecondFactorSession,
    }

    /// What came of a sign-in with a passkey.
    #[derive(Serialize, Deserialize)]
    pub struct EndPasskeyResponse {
        /// What happened.
        pub outcome: PasskeyOutcome,
        /// How many seconds to wait after too many attempts.
        pub retry_after: Option<u32> as "Option<std::num::NonZeroU32>",
        /// Whether a refusal may be logged now.
        pub report: bool,
        /// The rate limits that apply, after a success.
        pub keys: Option<AttemptKeys> as "Option<schema::AttemptKeys>",
        /// The session that was begun.
        pub session: Option<StartedSession>,
        /// What the caller is to publish and then delete from the outbox.
        pub event: Option<Value> as "Option<schema::Event>",
    }
}

/// What came of a sign-in with a passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum PasskeyOutcome {
    /// A session was begun.
    SignedIn,
    /// Nobody has this passkey, or the answer is not that of its authenticator.
    InvalidPasskey,
    /// The challenge is not valid, or not any more.
    InvalidChallenge,
    /// The account is suspended.
    Suspended,
    /// A new password has to be chosen first.
    PasswordResetRequired,
    /// The address has to be confirmed first.
    EmailNotVerified,
    /// The account is open to known devices alone.
    Locked,
    /// The account or the client has to wait.
    TooManyAttempts,
    /// No permit was free.
    TooBusy,
}
