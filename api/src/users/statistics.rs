//! Statistics of sign-ins, hashing and the outbox.

#[cfg(feature = "openapi")]
pub(super) mod docs;

use super::people::OutboxState;
#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use serde::{Deserialize, Serialize};

/// Passes this operation on to a macro, after those that it has already. Types are looked up where this is used.
macro_rules! with_statistics_operations {
    ($first:ident! { $second:ident! { $third:ident! { $fourth:ident! { $fifth:ident! { $next:ident! { $($others:tt)* } } } } } }) => {
    $first! { $second! { $third! { $fourth! { $fifth! { $next! {
$($others)*

    /// Show statistics
    ///
    /// Sign-ins and sign-ups by minutes, hashing permits and the outbox, to an administrator. Numbers alone: nobody is named.
    /// They are taken once a second at most, however many ask.
    ShowStatistics: GET "/users-ms/statistics" (), NO_QUERY, AccessToken, () => Statistics,
    statistics::docs::show_statistics;
    } } } } } } };
}

wire! {
    /// How the service is doing.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct Statistics {
        /// When they were taken.
        pub taken_at: String as "schema::Timestamp",
        /// The last hour by minutes, the oldest first. The last minute is not over yet.
        #[cfg_attr(feature = "openapi", schemars(length(min = 60, max = 60)))]
        pub minutes: Vec<MinuteStatistics>,
        /// The hashing permits of all replicas together.
        pub hash_permits: HashPermitStatistics,
        /// The outbox.
        pub outbox: OutboxState,
    }

    /// What happened in a minute.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct MinuteStatistics {
        /// When it began.
        pub minute: String as "schema::Timestamp",
        /// Sign-ins that began a session.
        pub sign_ins: u64,
        /// Sign-ins that were refused after the password, passkey, code or link was verified. Those that had to wait are not
        /// among them.
        pub failed_sign_ins: u64,
        /// Users that were created, by themselves, by an administrator or by an invitation.
        pub sign_ups: u64,
    }

    /// The hashing permits.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct HashPermitStatistics {
        /// Permits that are held now.
        pub in_use: u64,
        /// How many there are, by the variable `hash_permits`.
        pub permits: u64,
        /// Requests that wait for one.
        pub waiting: u64,
    }
}
