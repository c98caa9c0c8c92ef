//! Confirming an email address.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use serde::{Deserialize, Serialize};

wire! {
    /// A sign-up that was accepted. It is the same whether or not the address had an account.
    #[derive(Debug, Serialize)]
    pub struct SignUpAccepted {
        /// The address, where a mail is sent.
        pub email: String as "schema::StoredEmail",
        /// For how many seconds link and code in the mail are valid.
        #[cfg_attr(feature = "openapi", schemars(range(min = 1)))]
        pub expires_in: i32,
    }

    /// Which address to send a mail to.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct MailRequest {
        /// The address.
        pub email: String as "schema::Email",
    }

    /// The secret of the link, or the address and the code.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[cfg_attr(feature = "openapi", schemars(transform = token_or_code))]
    pub struct ConfirmVerificationRequest {
        /// The secret of the link.
        #[serde(default)]
        pub token: Option<String> as "Option<schema::Token>",
        /// The address, with a code.
        #[serde(default)]
        pub email: Option<String> as "Option<schema::Email>",
        /// The code.
        #[serde(default)]
        pub code: Option<String> as "Option<schema::Code>",
    }

    /// The secret of a link that takes an address back.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct EmailReturnRequest {
        /// The secret of the link.
        pub token: String as "schema::Token",
    }

    /// The secret of a link by which somebody says that it was not they.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct NotMeRequest {
        /// The secret of the link.
        pub token: String as "schema::Token",
    }

    /// The form of a page with a button.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct VerificationForm {
        /// The secret of the link.
        pub token: String as "schema::Token",
    }
}

/// Either the token, or address and code.
#[cfg(feature = "openapi")]
pub(super) fn token_or_code(schema: &mut schemars::Schema) {
    let absent = serde_json::json!({"type": "null"});
    let text = serde_json::json!({"type": "string"});
    let cases = serde_json::json!([
        {"required": ["token"], "properties": {"token": text, "email": absent, "code": absent}},
        {"required": ["email", "code"], "properties": {"token": absent, "email": text, "code": text}},
    ]);
    schema.insert("oneOf".to_owned(), cases);
}
