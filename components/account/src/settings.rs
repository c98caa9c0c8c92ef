//! The variables of this component, read by requests and checked by readiness.

use account_domain::{Applications, Theme, is_language};
use problem::{Kind, Problem};
use sealing::SealingKeys;
use service_kit::config;
use service_kit::settings::{self, Setting};

/// All of them.
pub(crate) const ALL: &[Setting] = &[
    || keys().map(drop),
    || service("users_url").map(drop),
    || service("auth_url").map(drop),
    || public_url().map(drop),
    || theme().map(drop),
    || applications().map(drop),
    || config::word("brand_name").map(drop),
    || default_locale().map(drop),
    || has_sign_up().map(drop),
    || has_mail().map(drop),
    settings::trusted_proxies,
];

/// The keys that seal cookies, `account_cookie_keys`.
pub(crate) fn keys() -> Result<SealingKeys, Problem> {
    let keys = SealingKeys::parse(&config::text("account_cookie_keys")?);
    keys.map_err(|error| config::fault("account_cookie_keys", &error.to_string()))?.ok_or_else(|| {
        Problem::new(Kind::NotConfigured, "The pages need keys for their cookies. Set account_cookie_keys.")
            .with_cause("the variable account_cookie_keys is empty")
    })
}

/// The address of a service, without a slash at its end.
pub(crate) fn service(name: &str) -> Result<String, Problem> {
    Ok(config::address(name, &["http", "https"])?.trim_end_matches('/').to_owned())
}

/// Where people reach this app, `public_url`.
pub(crate) fn public_url() -> Result<String, Problem> {
    Ok(config::address("public_url", &["https", "http"])?.trim().trim_end_matches('/').to_owned())
}

/// The language of whoever asks for none that there is, `default_locale`.
pub(crate) fn default_locale() -> Result<String, Problem> {
    let tag = config::text("default_locale")?;
    if is_language(&tag) { Ok(tag) } else { Err(config::fault("default_locale", "must be a language tag such as en")) }
}

/// The look, `account_colour`.
pub(crate) fn theme() -> Result<Theme, Problem> {
    Theme::parse(&config::text("account_colour")?).map_err(|error| config::fault("account_colour", error))
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
