//! A second factor: what its owner adds and removes, and how a sign-in goes on with it, between auth and users.

use super::sign_in::{HashPermit, HashRenewal, SecondFactorTask, StartedSession};
#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::{uuid, wire};
use identity::{AttemptKeys, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

wire! {
    /// The second factor of a user.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct SecondFactor {
        /// The authenticator app; null if there is none.
        pub totp: Option<Totp>,
        /// How many recovery codes are not used yet.
        pub recovery_codes_left: u32,
    }

    /// An authenticator app.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct Totp {
        /// Since when a sign-in needs it.
        pub confirmed_at: String as "schema::Timestamp",
    }

    /// What an authenticator app is set up with. It is shown once.
    #[derive(Serialize, Deserialize)]
    pub struct TotpEnrolment {
        /// The secret in Base32 (RFC 4648), to be typed into an app.
        pub secret: String as "schema::TotpSecret",
        /// The address that an app reads from the QR code.
        pub uri: String as "schema::TotpUri",
        /// The address as a QR code: an SVG.
        pub qr_code: String,
        /// For how many seconds it can be confirmed.
        #[cfg_attr(feature = "openapi", schemars(range(min = 1)))]
        pub expires_in: i32,
    }

    /// A code of the app.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct ConfirmTotpRequest {
        /// The code that the app shows.
        pub code: String as "schema::Code",
    }

    /// What takes the place of the app when it is lost. It is shown once.
    #[derive(Serialize, Deserialize)]
    pub struct RecoveryCodes {
        /// The codes, each for one sign-in.
        pub recovery_codes: Vec<String> as "schema::RecoveryCodes",
    }

    /// A sign-in whose password was right, and that needs a second factor.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct BeginSecondFactorRequest {
        /// The permit to release.
        pub permit: HashPermit,
        /// The rate limits that apply, now and to the code.
        pub keys: AttemptKeys as "schema::AttemptKeys",
        /// The user.
        pub user_id: UserId as "schema::UserId",
        /// The epoch that the user's credentials must still have.
        pub credentials_epoch: i32 as "schema::Int32",
        /// The digest of the challenge.
        pub challenge_digest: String as "schema::Digest",
        /// The digest of what the client calls itself.
        pub client_digest: String as "schema::Digest",
        /// What the challenge is for.
        pub task: SecondFactorTask,
        /// A costlier hash of the same password.
        #[serde(default)]
        pub renewal: Option<HashRenewal>,
    }

    /// Whether a challenge was begun.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct BeginSecondFactorResponse {
        /// For how many seconds it is valid; null if the credentials have changed meanwhile.
        pub expires_in: Option<i32> as "Option<std::num::NonZeroU32>",
    }

    /// A factor to add before a sign-in can go on.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct EnrolAtSignInRequest {
        /// The digest of the challenge.
        pub challenge_digest: String as "schema::Digest",
        /// The digest of what the client calls itself.
        pub client_digest: String as "schema::Digest",
    }

    /// What an app is set up with.
    #[derive(Serialize, Deserialize)]
    pub struct EnrolAtSignInResponse {
        /// It; null if the challenge is not valid, or not for this.
        pub enrolment: Option<TotpEnrolment>,
    }

    /// A code, and the session that it is to begin.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct EndSecondFactorRequest {
        /// The digest of the challenge.
        pub challenge_digest: String as "schema::Digest",
        /// The digest of what the client calls itself.
        pub client_digest: String as "schema::Digest",
        /// A code of the app, or a recovery code.
        pub code: String,
        /// The session to begin.
        pub session: SecondFactorSession,
    }

    /// A session to begin.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct SecondFactorSession {
        /// Its id.
        #[serde(deserialize_with = "uuid")]
        pub session_id: Uuid as "schema::Uuid",
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
    }

    /// What came of a code.
    #[derive(Serialize, Deserialize)]
    pub struct EndSecondFactorResponse {
        /// What happened.
        pub outcome: SecondFactorOutcome,
        /// How many seconds to wait after too many attempts.
        pub retry_after: Option<u32> as "Option<std::num::NonZeroU32>",
        /// Whether a refusal may be logged now.
        pub report: bool,
        /// The rate limits that applied to the password, if the challenge is valid.
        pub keys: Option<AttemptKeys> as "Option<schema::AttemptKeys>",
        /// The session that was begun.
        pub session: Option<StartedSession>,
        /// What the caller is to publish and then delete from the outbox.
        pub event: Option<Value> as "Option<schema::Event>",
        /// The recovery codes of a factor that was added at this sign-in.
        pub recovery_codes: Option<Vec<String>> as "Option<schema::RecoveryCodes>",
    }
}

/// What came of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum SecondFactorOutcome {
    /// A session was begun.
    SignedIn,
    /// The code is wrong or was used.
    WrongCode,
    /// The challenge is not valid, or not any more.
    InvalidChallenge,
    /// The account is open to known devices alone.
    Locked,
    /// The account or the client has to wait.
    TooManyAttempts,
    /// No permit was free.
    TooBusy,
}
