//! What somebody who is let in gets.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;

/// The randomness of a token, in bytes: 256 bits cannot be guessed.
pub const TOKEN_BYTES: usize = 32;
/// How long an access token is good for, in seconds.
pub const ACCESS_TOKEN_SECONDS: u32 = 15 * 60;

/// The answer to a login, in the shape of OAuth 2.0 (RFC 6749, 5.1).
#[derive(Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: u32,
    refresh_token: String,
}

impl TokenResponse {
    /// Tokens from fresh random bytes.
    #[must_use]
    pub fn new(access: [u8; TOKEN_BYTES], refresh: [u8; TOKEN_BYTES]) -> Self {
        Self {
            access_token: URL_SAFE_NO_PAD.encode(access),
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_SECONDS,
            refresh_token: URL_SAFE_NO_PAD.encode(refresh),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_has_the_shape_of_oauth() {
        let json = serde_json::to_value(TokenResponse::new([0; 32], [255; 32])).unwrap();
        assert_eq!(json["token_type"], "Bearer");
        assert_eq!(json["expires_in"], 900);
        assert_eq!(json["access_token"].as_str().unwrap().len(), 43);
        assert_ne!(json["access_token"], json["refresh_token"]);
    }
}
