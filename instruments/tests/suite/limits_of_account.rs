//! The figures of docs/limits.md about the pages of account and console; `limits_page` holds them.

const SETTINGS: &str = "components/account/src/settings.rs";
const ACTION: &str = "components/account/domain/src/action.rs";
const FILES: &str = "crates/browser-kit/src/files.rs";

/// A row of the page, a figure in it, the file that has the value, and what stands right before the value there.
pub(crate) const HELD: &[(&str, &str, &str, &str)] = &[
    ("a form of account's pages", "12 hours", "crates/browser/src/form_token.rs", "MAX_AGE: i64 = "),
    ("a sign-in or sign-up on a page", "30 minutes", "crates/browser/src/session.rs", "FLOW_SECONDS: i64 = "),
    ("what was pressed and goes on after the password", "10 minutes", ACTION, "ACTION_SECONDS: i64 = "),
    ("what was pressed and goes on after the password", "16 KiB", ACTION, "MAX_ACTION_BYTES: usize = "),
    ("address of a download that a page begins", "60 s", ACTION, "DOWNLOAD_SECONDS: i64 = "),
    ("cookie of account", "3,800", "crates/browser/src/cookies.rs", "MAX_VALUE: usize = "),
    ("session's cookie of account", "14 days", SETTINGS, "session_seconds: "),
    ("session's cookie of the console", "12 hours", "components/console/src/settings.rs", "session_seconds: "),
    ("people or rows on a page of the console", "25", "components/console/domain/src/query.rs", "LIMIT: &str = \""),
    (
        "path that a sign-in to the console returns to",
        "100 bytes",
        "components/console/domain/src/own_page.rs",
        "MAX_PATH: usize = ",
    ),
    ("device's cookie of account", "400 days", "crates/browser-kit/src/state.rs", "DEVICE_SECONDS: i64 = "),
    ("a page's wait for a service", "10 s", "crates/browser-kit/src/client.rs", "LIMIT: Duration = "),
    ("caching of account's style sheet and script", "365 days", FILES, "FOR_EVER: &str = \"public, max-age="),
    ("caching of account's logo", "1 hour", FILES, "AN_HOUR: &str = \"public, max-age="),
];
