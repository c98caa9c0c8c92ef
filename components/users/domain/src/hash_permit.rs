//! Hashing permits: so many passwords are hashed or verified at once, over all replicas, and no more (a concurrency
//! limit). Permits live in the database; these are the requests to its functions and their responses.

use crate::attempt::{Attempt, Priority};
use crate::audit::AuditEntry;
use crate::rate_limit::{RESET_SECONDS, RateLimit, Reset};
use api::users::HashPermit;
use events::{Event, Exchange};
use identity::{Cost, UserId};
use serde::{Deserialize, Serialize};

/// How many permits there are in the database.
pub const MAX_HASH_PERMITS: u32 = 256;

/// For how many seconds a permit is held at most, while a hash takes a quarter of a second.
const PERMIT_SECONDS: i32 = 30;
/// The cost of a hash that takes so long.
const USUAL_COST: u32 = 12;
/// For how many seconds a caller waits for a permit at most.
const WAIT_SECONDS: i32 = 3;
/// How many callers of one client wait at once.
const CLIENT_WAITERS: u32 = 32;

/// How the permits are shared, by the component variables.
#[derive(Clone, Copy, Debug)]
pub struct PermitLimits {
    /// How many passwords are hashed at once.
    pub permits: u32,
    /// How many permits one client has at most.
    pub per_client: u32,
    /// How many are reserved for sign-ins; half of those for known devices.
    pub for_sign_ins: u32,
    /// What a hash costs.
    pub cost: Cost,
}

impl PermitLimits {
    /// How many are reserved for others than an attempt of this priority: half of all at most.
    fn reserved(&self, priority: Priority) -> u32 {
        let for_sign_ins = self.for_sign_ins.min(self.permits / 2);
        match priority {
            Priority::SignUp => for_sign_ins,
            Priority::SignIn => for_sign_ins / 2,
            Priority::KnownDevice => 0,
        }
    }

    /// For how many seconds a permit is held at most: a hash of a higher cost takes longer.
    fn seconds(&self) -> i32 {
        PERMIT_SECONDS << self.cost.get().saturating_sub(USUAL_COST).min(10)
    }
}

/// The request to the database's function `acquire_hash_permit`.
#[derive(Debug, Serialize)]
pub struct AcquirePermit<'a> {
    permits: u32,
    reserved: u32,
    seconds: i32,
    client: Option<&'a str>,
    client_permits: u32,
    #[serde(rename = "counters")]
    rate_limits: &'a [RateLimit],
    forget_seconds: i32,
    waiter: Option<&'a HashPermit>,
    client_waiters: u32,
    wait_seconds: i32,
}

impl<'a> AcquirePermit<'a> {
    /// Requests a permit, unless a rate limit applies. Whoever was queued before passes the `waiter` of that response.
    #[must_use]
    pub fn new(attempt: &'a Attempt, limits: &PermitLimits, waiter: Option<&'a HashPermit>) -> Self {
        Self {
            permits: limits.permits,
            reserved: limits.reserved(attempt.priority),
            seconds: limits.seconds(),
            client: attempt.client.as_deref(),
            client_permits: limits.per_client,
            rate_limits: &attempt.rate_limits,
            forget_seconds: RESET_SECONDS,
            waiter,
            client_waiters: CLIENT_WAITERS,
            wait_seconds: WAIT_SECONDS,
        }
    }

    /// The statement's parameter.
    #[must_use]
    pub fn to_json(&self) -> String {
        json(self)
    }
}

/// The response of the database's function `acquire_hash_permit`.
#[derive(Debug, Deserialize)]
pub struct Acquired {
    /// A permit, if one is free and no rate limit applies.
    #[serde(rename = "place")]
    pub permit: Option<HashPermit>,
    /// After how many seconds the rate limits accept another attempt.
    pub retry_after: Option<u32>,
    /// The account is open to known devices alone.
    #[serde(default)]
    pub locked: bool,
    /// The caller is queued, and passes this with its next request.
    #[serde(default)]
    pub waiter: Option<HashPermit>,
    /// A refusal may be logged now; there is a limit on such lines.
    #[serde(default)]
    pub report: bool,
}

/// The event that tells an owner that the account is locked.
#[derive(Debug, Serialize)]
struct LockNotice<'a> {
    key: &'a str,
    user_id: UserId,
    exchange: &'static str,
    event: serde_json::Value,
}

/// The request to the database's function `release_hash_permit`.
#[derive(Debug, Serialize)]
pub struct ReleasePermit<'a> {
    #[serde(rename = "place")]
    permit: Option<&'a HashPermit>,
    succeeded: Option<bool>,
    #[serde(rename = "counters")]
    rate_limits: &'a [RateLimit],
    #[serde(rename = "passed")]
    resets: &'a [Reset],
    forget_seconds: i32,
    lock: Option<LockNotice<'a>>,
    audit: Option<AuditEntry>,
}

impl<'a> ReleasePermit<'a> {
    /// Releases a permit. The attempt counts as a failure under all of its rate limits, or as a success that resets some
    /// of them; as neither if the password was not verified. `user_id` is whose account it was about, if anybody's.
    #[must_use]
    pub fn new(permit: &'a HashPermit, attempt: &'a Attempt, succeeded: Option<bool>, user_id: Option<UserId>) -> Self {
        let notice = |key: &'a String, user_id| LockNotice {
            key,
            user_id,
            exchange: Exchange::AccountLocked.name(),
            event: serde_json::from_str(&Event::template("/users-ms", Exchange::AccountLocked)).unwrap_or_default(),
        };
        Self {
            permit: Some(permit),
            succeeded,
            rate_limits: &attempt.rate_limits,
            resets: &attempt.resets,
            forget_seconds: RESET_SECONDS,
            lock: attempt.account.as_ref().zip(user_id).map(|(key, user_id)| notice(key, user_id)),
            audit: None,
        }
    }

    /// The same with a row of the audit log, for a statement that writes what the attempt was and what came of it.
    #[must_use]
    pub fn audited(self, audit: Option<AuditEntry>) -> Self {
        Self { audit, ..self }
    }

    /// Counts a failure for which no permit is held.
    #[must_use]
    pub fn failure(attempt: &'a Attempt) -> Self {
        Self {
            permit: None,
            succeeded: Some(false),
            rate_limits: &attempt.rate_limits,
            resets: &[],
            forget_seconds: RESET_SECONDS,
            lock: None,
            audit: None,
        }
    }

    /// The statement's parameter.
    #[must_use]
    pub fn to_json(&self) -> String {
        json(self)
    }
}

fn json(request: &impl Serialize) -> String {
    serde_json::to_string(request).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::{AttemptKeys, Peppers};
    use uuid::Uuid;

    fn keys() -> AttemptKeys {
        AttemptKeys::new(
            &Peppers::new("a pepper that is long enough for tests").unwrap(),
            "ada@example.org",
            "10.0.0.1",
        )
    }

    fn from_known_device() -> AttemptKeys {
        AttemptKeys { device: Some("d".repeat(64)), ..keys() }
    }

    fn limits(permits: u32, for_sign_ins: u32) -> PermitLimits {
        PermitLimits { permits, per_client: 4, for_sign_ins, cost: "12".parse().unwrap() }
    }

    #[test]
    fn some_permits_are_reserved_for_sign_ins_and_some_for_known_devices() {
        let sign_up = Attempt::to_sign_up("c", "p", 60);
        let last = |attempt: &Attempt, all| {
            let request = serde_json::to_value(AcquirePermit::new(attempt, &limits(all, 4), None)).unwrap();
            request["permits"].as_u64().unwrap() - request["reserved"].as_u64().unwrap()
        };
        let (sign_in, known) = (Attempt::to_sign_in(&keys()), Attempt::to_sign_in(&from_known_device()));
        assert_eq!([last(&sign_up, 16), last(&sign_in, 16), last(&known, 16)], [12, 14, 16]);
        // With few permits everybody still gets one.
        for all in 1..8 {
            assert!(last(&sign_up, all) >= 1 && last(&sign_in, all) >= last(&sign_up, all));
        }
    }

    #[test]
    fn a_permit_is_held_for_longer_when_a_hash_takes_longer() {
        let seconds = |cost: &str| PermitLimits { cost: cost.parse().unwrap(), ..limits(16, 4) }.seconds();
        assert_eq!([seconds("4"), seconds("12"), seconds("14")], [30, 30, 120]);
        assert!(seconds("31") > 0);
    }

    #[test]
    fn only_the_owner_of_an_existing_account_is_told_of_its_lock() {
        let permit = HashPermit { number: 1, holder: Uuid::nil() };
        let attempt = Attempt::to_sign_in(&keys());
        let release = |user_id| {
            serde_json::to_value(ReleasePermit::new(&permit, &attempt, Some(false), user_id)).unwrap()["lock"].clone()
        };
        assert!(release(None).is_null());
        let lock = release(UserId::try_from(7).ok());
        assert_eq!((&lock["key"], &lock["user_id"]), (&serde_json::json!(keys().account), &serde_json::json!(7)));
        assert_eq!(lock["event"]["type"], "account_locked_event");
    }
}
