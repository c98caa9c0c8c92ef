//! The variables that components with pages have in common.

use crate::component::Component;
use browser::Theme;
use problem::{Kind, Problem};
use sealing::SealingKeys;
use service_kit::config;

/// The keys that seal cookies, `<component>_cookie_keys`.
///
/// # Errors
/// If there are none, or they cannot be used.
pub fn keys(component: &Component) -> Result<SealingKeys, Problem> {
    let variable = format!("{}_cookie_keys", component.name);
    let keys = SealingKeys::parse(&config::text(&variable)?);
    keys.map_err(|error| config::fault(&variable, &error.to_string()))?.ok_or_else(|| {
        Problem::new(Kind::NotConfigured, format!("The pages need keys for their cookies. Set {variable}."))
            .with_cause(format!("the variable {variable} is empty"))
    })
}

/// The address of a service, without a slash at its end.
///
/// # Errors
/// If it is none.
pub fn service(variable: &str) -> Result<String, Problem> {
    Ok(config::address(variable, &["http", "https"])?.trim_end_matches('/').to_owned())
}

/// Where people reach this app, `public_url`.
///
/// # Errors
/// If it is no address.
pub fn public_url() -> Result<String, Problem> {
    Ok(config::address("public_url", &["https", "http"])?.trim().trim_end_matches('/').to_owned())
}

/// The look, `account_colour`.
///
/// # Errors
/// If it is no colour, or one that nobody can read.
pub fn theme() -> Result<Theme, Problem> {
    Theme::parse(&config::text("account_colour")?).map_err(|error| config::fault("account_colour", error))
}
