//! The variables of this component, read by requests and checked by readiness.

use crate::hashing;
use identity::MinLength;
use problem::Problem;
use service_kit::broker::Broker;
use service_kit::settings::{self, Setting};
use service_kit::{AccessTokens, Credential, Service, config};

/// All of them.
pub(crate) const ALL: &[Setting] = &[
    || database().map(drop),
    Broker::check_config,
    || Credential::of(Service::Auth).map(drop),
    || Credential::of(Service::Scheduler).map(drop),
    settings::peppers,
    settings::cost,
    || min_length().map(drop),
    || hashing::permits().map(drop),
    || hashing::per_client().map(drop),
    || hashing::for_sign_ins().map(drop),
    || sign_ups_per_hour().map(drop),
    || config::switch("login_throttling").map(drop),
    settings::trusted_proxies,
    access_tokens,
    || config::switch("load_test").map(drop),
];

/// The address of the database, `db_url`.
pub(crate) fn database() -> Result<String, Problem> {
    config::address("db_url", &["postgres", "postgresql"])
}

/// The fewest characters of a new password, `password_min_length`.
pub(crate) fn min_length() -> Result<MinLength, Problem> {
    config::parsed("password_min_length")
}

/// How many people may sign up from one client in an hour, `sign_ups_per_hour`.
pub(crate) fn sign_ups_per_hour() -> Result<u32, Problem> {
    config::parsed("sign_ups_per_hour")
}

/// Whether callers need an access token, by `authorization`.
pub(crate) fn asks_for_tokens() -> Result<bool, Problem> {
    match config::text("authorization")?.trim() {
        "required" => Ok(true),
        "off" => Ok(false),
        _ => Err(config::fault("authorization", "must be required or off")),
    }
}

/// Without required tokens no key is needed; an administrator's token is verified all the same.
fn access_tokens() -> Result<(), Problem> {
    match asks_for_tokens()? {
        true => AccessTokens::usable_from_config().map(drop),
        false => AccessTokens::from_config().map(drop),
    }
}
