//! Sessions that users is asked to begin.

use crate::origin::Origin;
use api::users::Credentials;
use auth_domain::{ABSOLUTE_SECONDS, RefreshSecret};
use identity::PasswordHash;
use uuid::Uuid;

/// A session to begin.
pub(crate) struct NewSession<'a> {
    /// Its id.
    pub(crate) id: Uuid,
    /// The credentials that were verified.
    pub(crate) credentials: &'a Credentials,
    /// The secret of its first refresh token.
    pub(crate) refresh: RefreshSecret,
    /// How long it lives without a refresh.
    pub(crate) idle_seconds: i32,
    /// What the client calls itself.
    pub(crate) user_agent: Option<&'a str>,
    /// The network that it comes from.
    pub(crate) network: Option<&'a str>,
    /// Whether the user has signed in on this device before.
    pub(crate) is_device_known: bool,
    /// The hash that was verified, and its renewal.
    pub(crate) renewal: Option<(&'a PasswordHash, &'a PasswordHash)>,
}

/// A session to begin with a code.
pub(crate) struct SecondFactorSession<'a> {
    /// Its id.
    pub(crate) id: Uuid,
    /// The secret of its first refresh token.
    pub(crate) refresh: RefreshSecret,
    /// How long it lives without a refresh.
    pub(crate) idle_seconds: i32,
    /// Where it is begun from.
    pub(crate) origin: &'a Origin,
}

impl SecondFactorSession<'_> {
    /// As users is asked for it.
    pub(crate) fn to_begin(&self) -> api::users::SecondFactorSession {
        api::users::SecondFactorSession {
            session_id: self.id,
            refresh_digest: self.refresh.digest(),
            idle_seconds: self.idle_seconds,
            absolute_seconds: ABSOLUTE_SECONDS,
            user_agent: self.origin.user_agent.clone(),
            network: self.origin.network.clone(),
        }
    }
}
