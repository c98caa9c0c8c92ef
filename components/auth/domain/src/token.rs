//! What somebody who is let in gets: an access token to show, and a refresh token to get the next one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The randomness of a refresh token, in bytes: 256 bits cannot be guessed.
pub const TOKEN_BYTES: usize = 32;
/// How long an access token is good for, in seconds.
pub const ACCESS_TOKEN_SECONDS: i64 = 15 * 60;
/// How long a session lives without a refresh, in seconds: two weeks.
pub const IDLE_SECONDS: i32 = 14 * 24 * 60 * 60;
/// How long a session lives at most, in seconds: ninety days.
pub const ABSOLUTE_SECONDS: i32 = 90 * 24 * 60 * 60;

/// A refresh token: random, shown once, kept by nobody but its owner.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// A token from fresh random bytes.
    #[must_use]
    pub fn new(random: [u8; TOKEN_BYTES]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    /// Reads what a caller shows; `None` if it cannot be a token of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == TOKEN_BYTES).then(|| Self(text.to_owned()))
    }

    /// What is kept of it: SHA-256 in hexadecimal digits. A random token needs no salt and no slow hash.
    #[must_use]
    pub fn digest(&self) -> String {
        Sha256::digest(self.0.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshToken(..)")
    }
}

/// The body of a refresh and of a logout.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshForm {
    /// The refresh token.
    pub refresh_token: String,
}

/// The answer to a login and to a refresh, in the shape of OAuth 2.0 (RFC 6749, 5.1).
#[derive(Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: String,
}

impl TokenResponse {
    /// The answer with these tokens.
    #[must_use]
    pub fn new(access_token: String, refresh_token: RefreshToken) -> Self {
        Self { access_token, token_type: "Bearer", expires_in: ACCESS_TOKEN_SECONDS, refresh_token: refresh_token.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_has_the_shape_of_oauth() {
        let json = serde_json::to_value(TokenResponse::new("a.b.c".into(), RefreshToken::new([255; 32]))).unwrap();
        assert_eq!(json["token_type"], "Bearer");
        assert_eq!(json["expires_in"], 900);
        assert_eq!(json["access_token"], "a.b.c");
        assert_eq!(json["refresh_token"].as_str().unwrap().len(), 43);
    }

    #[test]
    fn a_refresh_token_reads_back_and_nothing_else_does() {
        let token = RefreshToken::new([7; 32]);
        assert_eq!(RefreshToken::parse(&token.0), Some(token.clone()));
        assert_eq!(token.digest().len(), 64);
        for text in ["", "abc", &"A".repeat(44), &token.0[1..], "\0"] {
            assert!(RefreshToken::parse(text).is_none());
        }
        assert!(!format!("{token:?}").contains(&token.0));
    }
}
