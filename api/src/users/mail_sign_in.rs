//! A sign-in by mail, between auth and users.

use super::{SecondFactorSession, SecondFactorTask, StartedSession};
#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use identity::AttemptKeys;
use serde::{Deserialize, Serialize};
use serde_json::Value;

wire! {
    /// Who asks for a mail that signs in.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct BeginMailSignInRequest {
        /// The address.
        pub email: String as "schema::Email",
        /// The client's address, as its rate limits are counted.
        pub client_address: String,
    }

    /// A mail that may have been sent, or not.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct BeginMailSignInResponse {
        /// What the client is answered; null if it has to wait.
        pub accepted: Option<MailSignIn>,
        /// How many seconds to wait after too many requests.
        pub retry_after: Option<u32> as "Option<std::num::NonZeroU32>",
    }

    /// A request for a mail that signs in. It is the same whether or not the address has an account.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct MailSignIn {
        /// What the code of the mail is to be sent with. Keep it to yourself.
        pub request: String as "schema::Token",
        /// For how many seconds link and code in the mail are valid.
        #[cfg_attr(feature = "openapi", schemars(range(min = 1)))]
        pub expires_in: i32,
    }

    /// The secret of the link, or the code with the secret of whoever has asked for it; and the session that it is to begin.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[cfg_attr(feature = "openapi", schemars(transform = link_or_code))]
    pub struct EndMailSignInRequest {
        /// The secret of the link.
        #[serde(default)]
        pub token: Option<String>,
        /// The secret of the request, with a code.
        #[serde(default)]
        pub request: Option<String>,
        /// The code.
        #[serde(default)]
        pub code: Option<String>,
        /// The client's address, as its rate limits are counted.
        pub client_address: String,
        /// The device token that the client sends.
        #[serde(default)]
        pub device_token: Option<String>,
        /// The session to begin.
        pub session: SecondFactorSession,
        /// The digest of the challenge to keep in its place, if the account needs a second factor.
        pub challenge_digest: String as "schema::Digest",
        /// The digest of what the client calls itself.
        pub client_digest: String as "schema::Digest",
    }

    /// What came of a link or a code.
    #[derive(Serialize, Deserialize)]
    pub struct EndMailSignInResponse {
        /// What happened.
        pub outcome: MailSignInOutcome,
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
        /// What the sign-in needs beside the mail, if it goes on with the challenge.
        pub task: Option<SecondFactorTask>,
        /// For how many seconds the challenge is valid.
        pub expires_in: Option<i32> as "Option<std::num::NonZeroU32>",
    }
}

/// What came of a link or a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum MailSignInOutcome {
    /// A session was begun.
    SignedIn,
    /// It goes on with the challenge.
    MfaRequired,
    /// Link or code are not valid, or not any more.
    InvalidTicket,
    /// The account is suspended.
    Suspended,
    /// A new password has to be chosen first.
    PasswordResetRequired,
    /// The account is open to known devices alone.
    Locked,
    /// The account or the client has to wait.
    TooManyAttempts,
    /// No permit was free.
    TooBusy,
}

/// Either the token, or request and code.
#[cfg(feature = "openapi")]
pub(crate) fn link_or_code(schema: &mut schemars::Schema) {
    let absent = serde_json::json!({"type": "null"});
    let text = serde_json::json!({"type": "string"});
    let cases = serde_json::json!([
        {"required": ["token"], "properties": {"token": text, "request": absent, "code": absent}},
        {"required": ["request", "code"], "properties": {"token": absent, "request": text, "code": text}},
    ]);
    schema.insert("oneOf".to_owned(), cases);
}
