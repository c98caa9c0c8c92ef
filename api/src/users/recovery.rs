//! A new password for whoever has forgotten theirs.

#[cfg(feature = "openapi")]
use super::verification::token_or_code;
#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use serde::Deserialize;

wire! {
    /// The secret of the link, or the address and the code, and the new password.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[cfg_attr(feature = "openapi", schemars(transform = token_or_code))]
    pub struct ConfirmRecoveryRequest {
        /// The secret of the link.
        #[serde(default)]
        pub token: Option<String> as "Option<schema::Token>",
        /// The address, with a code.
        #[serde(default)]
        pub email: Option<String> as "Option<schema::Email>",
        /// The code.
        #[serde(default)]
        pub code: Option<String> as "Option<schema::Code>",
        /// The new password.
        pub password: String as "schema::Password",
    }

    /// The form of the page.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct RecoveryForm {
        /// The secret of the link.
        pub token: String as "schema::Token",
        /// The new password.
        pub password: String as "schema::Password",
    }
}
