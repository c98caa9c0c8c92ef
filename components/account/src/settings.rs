//! The variables of this component, read by requests and checked by readiness.

use account_domain::{Applications, is_language};
use browser_kit::Component;
use browser_kit::settings::{keys, public_url, service, theme};
use problem::Problem;
use service_kit::config;
use service_kit::settings::{self, Setting};

/// This component. A browser keeps a session as long as auth keeps one that is not used.
pub(crate) const ACCOUNT: Component = Component { name: "account", session_seconds: 14 * 24 * 60 * 60 };

/// All of them.
pub(crate) const ALL: &[Setting] = &[
    || keys(&ACCOUNT).map(drop),
    || service("users_url").map(drop),
    || service("auth_url").map(drop),
    || public_url().map(drop),
    || theme().map(drop),
    || applications().map(drop),
    || config::word("brand_name").map(drop),
    || default_locale().map(drop),
    || has_sign_up().map(drop),
    || has_mail().map(drop),
    || has_applications().map(drop),
    settings::trusted_proxies,
];

/// The language of whoever asks for none that there is, `default_locale`.
pub(crate) fn default_locale() -> Result<String, Problem> {
    let tag = config::text("default_locale")?;
    if is_language(&tag) { Ok(tag) } else { Err(config::fault("default_locale", "must be a language tag such as en")) }
}

/// The applications that a sign-in may return to, `account_return_to`.
pub(crate) fn applications() -> Result<Applications, Problem> {
    Applications::parse(&config::text("account_return_to")?).ok_or_else(|| {
        config::fault("account_return_to", "must be origins such as https://app.example, separated by commas")
    })
}

/// Whether anybody may sign up, by `sign_up`.
pub(crate) fn has_sign_up() -> Result<bool, Problem> {
    match config::text("sign_up")?.trim() {
        "open" => Ok(true),
        "invite" | "closed" => Ok(false),
        _ => Err(config::fault("sign_up", "must be open, invite or closed")),
    }
}

/// Whether people may sign in by mail, by `sign_in_by_mail`.
pub(crate) fn has_mail() -> Result<bool, Problem> {
    config::switch("sign_in_by_mail")
}

/// Whether other applications sign people in through this one, by `oauth_provider`.
pub(crate) fn has_applications() -> Result<bool, Problem> {
    config::switch("oauth_provider")
}
