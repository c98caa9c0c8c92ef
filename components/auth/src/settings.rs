//! The variables of this component, read by requests and checked by readiness.

use crate::keys;
use crate::oauth;
use crate::users::Users;
use service_kit::broker::Broker;
use service_kit::settings::{self, Setting};
use service_kit::{Credential, Service};

/// All of them.
pub(crate) const ALL: &[Setting] = &[
    || Users::settings().map(drop),
    || Credential::of(Service::Auth).map(drop),
    || Credential::of(Service::Operator).map(drop),
    || Credential::find(Service::Scraper).map(drop),
    Broker::check_config,
    settings::peppers,
    settings::cost,
    settings::trusted_proxies,
    settings::allowed_origins,
    || keys::Signer::from_config().map(drop),
    || keys::refresh_keys().map(drop),
    || keys::token_verifier().map(drop),
    || oauth::is_on().map(drop),
    || oauth::has_account().map(drop),
    || oauth::public_url().map(drop),
];
