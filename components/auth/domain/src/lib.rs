//! The rules of the auth service, as pure functions: authentication and tokens.
//!
//! Nothing here does I/O or knows HTTP or Spin.

mod login;
mod refresh_token;
mod token;

pub use login::{Authenticated, LoginAttempt, LoginForm, attempt_outcome, invalid_credentials};
pub use refresh_token::{MIN_KEY_BYTES, RefreshKeys, RefreshSecret, RefreshToken, TOKEN_BYTES};
pub use token::{
    ABSOLUTE_SECONDS, ACCESS_TOKEN_SECONDS, IDLE_SECONDS, REFRESH_LEEWAY_SECONDS, RefreshForm, TokenResponse,
};
