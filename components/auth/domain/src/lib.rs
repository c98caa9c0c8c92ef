//! The rules of the auth service, as pure functions: what a login is, whom it lets in, and what they get.
//!
//! Nothing here does I/O or knows HTTP or Spin.

mod login;
mod token;

pub use login::{Attempt, Credentials, Entry, LoginForm, invalid_credentials, verdict};
pub use token::{
    ABSOLUTE_SECONDS, ACCESS_TOKEN_SECONDS, IDLE_SECONDS, RefreshForm, RefreshToken, TOKEN_BYTES, TokenResponse,
};
