//! The rules of the auth service, as pure functions: authentication and tokens.
//!
//! Nothing here does I/O or knows HTTP or Spin.

mod challenge;
mod lifetimes;
mod login;
mod mail_page;
pub mod oauth;
mod refresh_token;

pub use challenge::{CHALLENGE_BYTES, Challenge, invalid_challenge, invalid_code};
pub use lifetimes::{ABSOLUTE_SECONDS, IDLE_SECONDS, REFRESH_LEEWAY_SECONDS};
pub use login::{Authenticated, LoginAttempt, attempt_outcome, invalid_credentials};
pub use mail_page::mail_login_form;
pub use refresh_token::{MIN_KEY_BYTES, RefreshKeys, RefreshSecret, RefreshToken, TOKEN_BYTES};
