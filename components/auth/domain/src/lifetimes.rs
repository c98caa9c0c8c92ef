//! How long what a sign-in gives is valid.

/// For how long the refresh token before the current one gives the same successor again, in seconds: an answer may be
/// lost, and two tabs may refresh at once.
pub const REFRESH_LEEWAY_SECONDS: i32 = 30;
/// How long a session lives without a refresh, in seconds: two weeks.
pub const IDLE_SECONDS: i32 = 14 * 24 * 60 * 60;
/// How long a session lives at most, in seconds: ninety days.
pub const ABSOLUTE_SECONDS: i32 = 90 * 24 * 60 * 60;
