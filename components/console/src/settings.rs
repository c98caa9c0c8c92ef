//! The variables of this component, read by requests and checked by readiness.

use browser_kit::Component;
use browser_kit::settings::{keys, public_url, service, theme};
use console_domain::SecondFactor;
use problem::Problem;
use service_kit::config;
use service_kit::settings::{self, Setting};

/// This component. Who comes back to the console after half a day signs in again.
pub(crate) const CONSOLE: Component = Component { name: "console", session_seconds: 12 * 60 * 60 };

/// All of them.
pub(crate) const ALL: &[Setting] = &[
    || keys(&CONSOLE).map(drop),
    || service("users_url").map(drop),
    || service("auth_url").map(drop),
    || service("notification_url").map(drop),
    || public_url().map(drop),
    || theme().map(drop),
    || config::word("brand_name").map(drop),
    || second_factor().map(drop),
    || experiments().map(drop),
    || metrics_url().map(drop),
    settings::trusted_proxies,
];

/// The host that stands for no experiments, and for no metrics.
const NONE: &str = "none.invalid";

/// Where experiments are started and what is shown there, `console_experiments_url` and `console_experiments_token`, if they are at all.
pub(crate) fn experiments() -> Result<Option<(String, String)>, Problem> {
    let url = config::address("console_experiments_url", &["http"])?;
    if url.contains(NONE) {
        return Ok(None);
    }
    let token = config::word("console_experiments_token")?;
    Ok(Some((url.trim_end_matches('/').to_owned(), token)))
}

/// Where the runtime shows its metrics, `console_metrics_url`, if anywhere.
pub(crate) fn metrics_url() -> Result<Option<String>, Problem> {
    let url = config::address("console_metrics_url", &["http", "https"])?;
    Ok((!url.contains(NONE)).then(|| url.trim_end_matches('/').to_owned()))
}

/// Whether there are experiments.
pub(crate) fn has_experiments() -> bool {
    matches!(experiments(), Ok(Some(_)))
}

/// Whether a sign-in needs a second factor, `console_second_factor`.
pub(crate) fn second_factor() -> Result<SecondFactor, Problem> {
    let text = config::text("console_second_factor")?;
    SecondFactor::parse(&text).ok_or_else(|| config::fault("console_second_factor", "must be required or optional"))
}
