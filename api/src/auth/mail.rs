//! Signing in by mail.

use crate::Body;
#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use serde::Deserialize;

wire! {
    /// Where to send the mail.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct MailLoginRequest {
        /// The address.
        pub email: String as "schema::Email",
    }

    /// The secret of the link, or the code and the `request` that it was asked for with.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[cfg_attr(feature = "openapi", schemars(transform = crate::users::link_or_code))]
    pub struct ConfirmMailLoginRequest {
        /// The secret of the link.
        #[serde(default)]
        pub token: Option<String> as "Option<schema::Token>",
        /// What the request for the mail was answered with, with a code.
        #[serde(default)]
        pub request: Option<String> as "Option<schema::Token>",
        /// The code.
        #[serde(default)]
        pub code: Option<String> as "Option<schema::Code>",
        /// The `device_token` of an earlier login, as with the password.
        #[serde(default)]
        pub device_token: Option<String>,
    }

    /// The form of the page with a button.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct MailLoginForm {
        /// The secret of the link.
        pub token: String as "schema::Token",
    }
}

impl Body for MailLoginRequest {}
impl Body for ConfirmMailLoginRequest {}
impl Body for MailLoginForm {
    const MEDIA_TYPES: &'static [&'static str] = &["application/x-www-form-urlencoded"];
}
