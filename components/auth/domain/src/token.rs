//! The response to a login: an access token, and a refresh token to get the next one.

use serde::{Deserialize, Serialize};

/// How long an access token is valid, in seconds.
pub const ACCESS_TOKEN_SECONDS: i64 = 15 * 60;
/// For how long the previous refresh token gets the same successor again, in seconds: a response may be lost, and two
/// tabs may refresh at once.
pub const REFRESH_LEEWAY_SECONDS: i32 = 30;
/// How long a session lives without a refresh, in seconds: two weeks.
pub const IDLE_SECONDS: i32 = 14 * 24 * 60 * 60;
/// How long a session lives at most, in seconds: ninety days.
pub const ABSOLUTE_SECONDS: i32 = 90 * 24 * 60 * 60;

/// The body of a refresh and of a logout.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshForm {
    /// The refresh token.
    pub refresh_token: String,
}

/// The response to a login and to a refresh, in the shape of OAuth 2.0 (RFC 6749, 5.1).
#[derive(Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<String>,
}

impl TokenResponse {
    /// The response with these tokens.
    #[must_use]
    pub fn new(access_token: String, refresh_token: String) -> Self {
        let expires_in = ACCESS_TOKEN_SECONDS;
        Self { access_token, token_type: "Bearer", expires_in, refresh_token, device_token: None }
    }

    /// The same response with a token by which the device is known at its next login.
    #[must_use]
    pub fn with_device(self, device_token: String) -> Self {
        Self { device_token: Some(device_token), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_has_the_shape_of_oauth() {
        let json = serde_json::to_value(TokenResponse::new("a.b.c".into(), "r".into())).unwrap();
        assert_eq!(json["token_type"], "Bearer");
        assert_eq!(json["expires_in"], 900);
        assert_eq!(json["access_token"], "a.b.c");
        assert_eq!(json["refresh_token"], "r");
        assert!(json.get("device_token").is_none(), "a refresh gives none");
    }
}
