//! Confirming a phone number.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use serde::Deserialize;

wire! {
    /// The code that went to the number.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct ConfirmPhoneRequest {
        /// The code of the SMS.
        pub code: String as "schema::Code",
    }
}
