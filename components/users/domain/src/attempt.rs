//! Attempts to sign in and to sign up: after how many the next is made to wait, and for how long.
//!
//! Failures are counted three ways. *This account from this client* is what guessing looks like, and waits soonest.
//! *This account from anywhere* is what guessing from many places looks like; its wait is short at most, and a client
//! that has signed in to the account before does not share it. *Any account from this client* is what trying one
//! password on everybody looks like.
//!
//! A *known device*, one that shows the token of an earlier sign-in (the OWASP "device cookie"), is counted by itself
//! and by nothing else: neither those who fail in the owner's name nor the neighbours behind the same address can keep
//! its owner out. After a hundred failures in a row an account is open to known devices alone (NIST SP 800-63B, 5.2.2).
//!
//! An attempt counts from its beginning: those under way count as failures until it is known what came of them, so
//! that many at the same moment are no more guesses than one after the other.

use api::users::HashPermit as Place;
use events::{Event, Exchange};
use identity::{AttemptKeys, Cost, DIGEST_LENGTH, UserId};
use problem::{FieldError, Kind, Problem};
use serde::{Deserialize, Serialize};

/// How failures become waiting: the first ones are free, then it is 1, 2, 4, ... seconds up to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    free_failures: u32,
    longest_seconds: u32,
    /// After how many seconds one of the failures is forgotten; if never, all of them are after [`FORGET_SECONDS`].
    drain_seconds: Option<u32>,
    /// After how many failures in a row there is no other attempt.
    ceiling: Option<u32>,
}

const PAIR: Limit = Limit { free_failures: 5, longest_seconds: 15 * 60, drain_seconds: None, ceiling: None };
const ACCOUNT: Limit = Limit { free_failures: 20, longest_seconds: 60, drain_seconds: None, ceiling: Some(100) };
/// Many people may have one address: as many failures as are free are free again each hour.
const CLIENT: Limit = Limit { free_failures: 50, longest_seconds: 15 * 60, drain_seconds: Some(72), ceiling: None };
const DEVICE: Limit = Limit { ceiling: Some(100), ..PAIR };
/// A sign-up, or a change of an email, that finds it taken has learned that somebody has it.
const PROBE: Limit = Limit { free_failures: 20, longest_seconds: 15 * 60, drain_seconds: Some(180), ceiling: None };

/// After how many seconds without a failure the count begins anew.
const FORGET_SECONDS: i32 = 60 * 60;
/// For how many seconds a client that has signed in to an account is known there: thirty days.
const KNOWN_SECONDS: i32 = 30 * 24 * 60 * 60;
/// For how many seconds somebody has a place to hash in at most, while a hash takes a quarter of a second.
const PLACE_SECONDS: i32 = 30;
/// The cost of a hash that takes so long.
const USUAL_COST: u32 = 12;
/// For how many seconds somebody waits for a place to hash in at most.
const WAIT_SECONDS: i32 = 3;
/// How many of one client wait at once.
const CLIENT_WAITERS: u32 = 32;
/// How many places there are in the database.
pub const MAX_PLACES: u32 = 256;

/// A digest that failures are counted under, with its limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Counter {
    key: String,
    free: u32,
    longest: u32,
    drain: Option<u32>,
    ceiling: Option<u32>,
    /// The counter does not concern a client that is known under this key.
    known_as: Option<String>,
}

impl Counter {
    fn new(key: &str, limit: Limit) -> Self {
        let Limit { free_failures: free, longest_seconds: longest, drain_seconds: drain, ceiling } = limit;
        Self { key: key.to_owned(), free, longest, drain, ceiling, known_as: None }
    }
}

/// What an attempt is counted under, and for whom a place to hash in is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    counters: Vec<Counter>,
    passed: Vec<Passed>,
    /// Whom permits are counted for: a client, or the account of a known device.
    client: Option<String>,
    /// The counter whose ceiling locks an account.
    account: Option<String>,
    priority: Priority,
}

/// Whose hashes go first when there are more than places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Priority {
    /// A sign-up.
    #[default]
    SignUp,
    /// A sign-in, or the current password.
    SignIn,
    /// A sign-in by a known device.
    KnownDevice,
}

/// A counter of an attempt that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Passed {
    key: String,
    ends: bool,
    known_seconds: Option<i32>,
}

impl Attempt {
    /// An attempt to sign in.
    #[must_use]
    pub fn to_sign_in(keys: &AttemptKeys) -> Self {
        let passed = |key: &str, ends, known_seconds| Passed { key: key.to_owned(), ends, known_seconds };
        let mut all_passed = vec![passed(&keys.account, false, None), passed(&keys.pair, true, Some(KNOWN_SECONDS))];
        let account = Some(keys.account.clone());
        let Some(device) = &keys.device else {
            let of_account = Counter { known_as: Some(keys.pair.clone()), ..Counter::new(&keys.account, ACCOUNT) };
            return Self {
                counters: vec![of_account, Counter::new(&keys.client, CLIENT), Counter::new(&keys.pair, PAIR)],
                passed: all_passed,
                client: Some(keys.client.clone()),
                account,
                priority: Priority::SignIn,
            };
        };
        all_passed.push(passed(device, true, None));
        Self {
            counters: vec![Counter::new(device, DEVICE)],
            passed: all_passed,
            client: account.clone(),
            account,
            priority: Priority::KnownDevice,
        }
    }

    /// A sign-up by this client, which may make so many an hour before it has to wait; of those that find out who is there
    /// already fewer.
    #[must_use]
    pub fn to_sign_up(client: &str, probe: &str, sign_ups_per_hour: u32) -> Self {
        let drain_seconds = Some((FORGET_SECONDS.unsigned_abs() / sign_ups_per_hour.max(1)).max(1));
        let limit = Limit { free_failures: sign_ups_per_hour, longest_seconds: 15 * 60, drain_seconds, ceiling: None };
        Self {
            counters: vec![Counter::new(client, limit), Counter::new(probe, PROBE)],
            client: Some(client.to_owned()),
            ..Self::default()
        }
    }

    /// The current password, asked for once more of somebody who has signed in: counted as a sign-in is, but that an
    /// account that others have locked does not concern them.
    #[must_use]
    pub fn to_confirm(keys: &AttemptKeys) -> Self {
        let mut attempt = Self::to_sign_in(keys);
        attempt.counters.iter_mut().for_each(|counter| counter.ceiling = None);
        Self { account: None, ..attempt }
    }

    /// The same for a change of the email, which may find out who is there already.
    #[must_use]
    pub fn with_probe(mut self, probe: &str) -> Self {
        self.counters.push(Counter::new(probe, PROBE));
        self
    }

    /// A change of an email that has found out that somebody has it.
    #[must_use]
    pub fn to_probe(probe: &str) -> Self {
        Self::default().with_probe(probe)
    }

    /// Something by this client that needs a hash and is no guess.
    #[must_use]
    pub fn to_hash(client: &str) -> Self {
        Self { client: Some(client.to_owned()), priority: Priority::SignIn, ..Self::default() }
    }

    /// The same, with nothing counted and nobody made to wait.
    #[must_use]
    pub fn uncounted(self) -> Self {
        Self { priority: self.priority, ..Self::default() }
    }

    /// A sign-up that has found its email free: it is no probe.
    #[must_use]
    pub fn without_probe(mut self) -> Self {
        self.counters.truncate(1);
        self
    }
}

/// What the places to hash in are, by the component variables.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// How many passwords are hashed at once.
    pub places: u32,
    /// How many of them one client has at most.
    pub per_client: u32,
    /// How many of them are for sign-ins alone; half of those for known devices alone.
    pub for_sign_ins: u32,
    /// What a hash costs.
    pub cost: Cost,
}

impl Places {
    /// How many are not for an attempt of this priority: of all places half at most.
    fn reserved(&self, priority: Priority) -> u32 {
        let for_sign_ins = self.for_sign_ins.min(self.places / 2);
        match priority {
            Priority::SignUp => for_sign_ins,
            Priority::SignIn => for_sign_ins / 2,
            Priority::KnownDevice => 0,
        }
    }

    /// For how many seconds a place is held at most: a hash of a higher cost takes longer.
    fn seconds(&self) -> i32 {
        PLACE_SECONDS << self.cost.get().saturating_sub(USUAL_COST).min(10)
    }
}

/// What the database's function `acquire_hash_permit` is asked.
#[derive(Debug, Serialize)]
pub struct AcquirePermit<'a> {
    permits: u32,
    reserved: u32,
    seconds: i32,
    client: Option<&'a str>,
    client_permits: u32,
    counters: &'a [Counter],
    forget_seconds: i32,
    waiter: Option<&'a Place>,
    client_waiters: u32,
    wait_seconds: i32,
}

impl<'a> AcquirePermit<'a> {
    /// Asks for a permit, unless the attempt has to wait; again, if there is a place to wait in from the time before.
    #[must_use]
    pub fn new(attempt: &'a Attempt, places: &Places, waiter: Option<&'a Place>) -> Self {
        Self {
            permits: places.places,
            reserved: places.reserved(attempt.priority),
            seconds: places.seconds(),
            client: attempt.client.as_deref(),
            client_permits: places.per_client,
            counters: &attempt.counters,
            forget_seconds: FORGET_SECONDS,
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

/// What the database's function `acquire_hash_permit` answers.
#[derive(Debug, Deserialize)]
pub struct Acquired {
    /// A place, if there is one and nobody has to wait.
    pub place: Option<Place>,
    /// How many seconds are to be waited, if too many attempts have failed.
    pub retry_after: Option<u32>,
    /// The account is open to known devices alone.
    #[serde(default)]
    pub locked: bool,
    /// A place to wait in.
    #[serde(default)]
    pub waiter: Option<Place>,
    /// A refusal may be logged now: so many lines are enough.
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

/// What the database's function `release_hash_permit` is asked.
#[derive(Debug, Serialize)]
pub struct ReleasePermit<'a> {
    place: Option<&'a Place>,
    succeeded: Option<bool>,
    counters: &'a [Counter],
    passed: &'a [Passed],
    forget_seconds: i32,
    lock: Option<LockNotice<'a>>,
}

impl<'a> ReleasePermit<'a> {
    /// Releases a permit. The attempt counts as a failure under all of its counters, or as a success that ends the
    /// failures of some; as neither if the password was not looked at. `user_id` is whose account it was about, if it is
    /// anybody's.
    #[must_use]
    pub fn new(place: &'a Place, attempt: &'a Attempt, succeeded: Option<bool>, user_id: Option<UserId>) -> Self {
        let notice = |key: &'a String, user_id| LockNotice {
            key,
            user_id,
            exchange: Exchange::AccountLocked.name(),
            event: serde_json::from_str(&Event::template("/users-ms", Exchange::AccountLocked)).unwrap_or_default(),
        };
        Self {
            place: Some(place),
            succeeded,
            counters: &attempt.counters,
            passed: &attempt.passed,
            forget_seconds: FORGET_SECONDS,
            lock: attempt.account.as_ref().zip(user_id).map(|(key, user_id)| notice(key, user_id)),
        }
    }

    /// Counts a failure for which no permit is held.
    #[must_use]
    pub fn failure(attempt: &'a Attempt) -> Self {
        let (counters, forget_seconds) = (attempt.counters.as_slice(), FORGET_SECONDS);
        Self { place: None, succeeded: Some(false), counters, passed: &[], forget_seconds, lock: None }
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

/// Judges the keys of an attempt that another service sends in the field at `pointer`.
pub(crate) fn judge_keys(pointer: &str, keys: AttemptKeys) -> Result<AttemptKeys, Problem> {
    if keys.are_digests() {
        return Ok(keys);
    }
    let detail = format!("A key is a digest: {DIGEST_LENGTH} hexadecimal digits in lower case.");
    Err(Problem::new(Kind::InvalidValue, detail.clone()).with_error(FieldError { pointer: pointer.to_owned(), detail }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::Peppers;
    use uuid::Uuid;

    fn keys() -> AttemptKeys {
        AttemptKeys::new(
            &Peppers::new("a pepper that is long enough for tests").unwrap(),
            "ada@example.org",
            "10.0.0.1",
        )
    }

    fn places(places: u32, for_sign_ins: u32) -> Places {
        Places { places, per_client: 4, for_sign_ins, cost: "12".parse().unwrap() }
    }

    fn from_known_device() -> AttemptKeys {
        AttemptKeys { device: Some("d".repeat(64)), ..keys() }
    }

    #[test]
    fn guessing_from_one_place_waits_before_guessing_from_many() {
        let attempt = Attempt::to_sign_in(&keys());
        let free = |key: &str| attempt.counters.iter().find(|counter| counter.key == key).unwrap().free;
        assert!(free(&keys().pair) < free(&keys().account) && free(&keys().account) < free(&keys().client));
    }

    #[test]
    fn an_owner_is_not_kept_out_by_others() {
        let keys = keys();
        let account = &Attempt::to_sign_in(&keys).counters[0];
        assert_eq!(account.known_as.as_ref(), Some(&keys.pair));
        assert!(account.longest <= 60);
    }

    #[test]
    fn a_known_device_is_counted_by_itself_alone() {
        let keys = from_known_device();
        let attempt = Attempt::to_sign_in(&keys);
        let counted: Vec<_> = attempt.counters.iter().map(|counter| Some(&counter.key)).collect();
        assert_eq!(counted, [keys.device.as_ref()]);
        // Its permits are the account's, so the neighbours' are not in its way, and an account has no more by many devices.
        assert_eq!(attempt.client, Some(keys.account.clone()));
        // Its success ends the failures of others in a row.
        let passed: Vec<_> = attempt.passed.iter().map(|passed| passed.key.as_str()).collect();
        assert_eq!(passed, [keys.account.as_str(), &keys.pair, keys.device.as_ref().unwrap()]);
    }

    #[test]
    fn some_places_are_for_sign_ins_and_some_for_known_devices() {
        let sign_up = Attempt::to_sign_up("c", "p", 60);
        let last = |attempt: &Attempt, all| {
            let request = serde_json::to_value(AcquirePermit::new(attempt, &places(all, 4), None)).unwrap();
            request["permits"].as_u64().unwrap() - request["reserved"].as_u64().unwrap()
        };
        let (sign_in, known) = (Attempt::to_sign_in(&keys()), Attempt::to_sign_in(&from_known_device()));
        assert_eq!([last(&sign_up, 16), last(&sign_in, 16), last(&known, 16)], [12, 14, 16]);
        // With few places everybody has one all the same.
        for all in 1..8 {
            assert!(last(&sign_up, all) >= 1 && last(&sign_in, all) >= last(&sign_up, all));
        }
    }

    #[test]
    fn a_place_is_held_for_longer_when_a_hash_takes_longer() {
        let seconds = |cost: &str| Places { cost: cost.parse().unwrap(), ..places(16, 4) }.seconds();
        assert_eq!([seconds("4"), seconds("12"), seconds("14")], [30, 30, 120]);
        assert!(seconds("31") > 0);
    }

    #[test]
    fn a_sign_up_counts_and_one_that_finds_its_email_taken_counts_more() {
        let sign_up = Attempt::to_sign_up("client", "probe", 60);
        let counters: Vec<_> = sign_up.counters.iter().map(|c| (c.key.as_str(), c.free, c.drain)).collect();
        assert_eq!(counters, [("client", 60, Some(60)), ("probe", 20, Some(180))]);
        assert_eq!(sign_up.without_probe().counters.len(), 1);
        assert_eq!(Attempt::to_sign_up("client", "probe", 0).counters[0].drain, Some(3600));
    }

    #[test]
    fn nothing_is_counted_of_an_attempt_that_is_not_to_be_counted() {
        let attempt = Attempt::to_sign_in(&keys()).uncounted();
        assert!(attempt.counters.is_empty() && attempt.passed.is_empty() && attempt.client.is_none());
        assert_eq!(attempt.priority, Priority::SignIn);
    }

    #[test]
    fn only_the_owner_of_an_account_that_exists_is_told_of_its_lock() {
        let place = Place { number: 1, holder: Uuid::nil() };
        let attempt = Attempt::to_sign_in(&keys());
        let release = |user_id| {
            serde_json::to_value(ReleasePermit::new(&place, &attempt, Some(false), user_id)).unwrap()["lock"].clone()
        };
        assert!(release(None).is_null());
        let lock = release(UserId::try_from(7).ok());
        assert_eq!((&lock["key"], &lock["user_id"]), (&serde_json::json!(keys().account), &serde_json::json!(7)));
        assert_eq!(lock["event"]["type"], "account_locked_event");
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        assert!(judge_keys("/keys", keys()).is_ok());
        let odd = AttemptKeys { client: "10.0.0.1".into(), ..keys() };
        assert_eq!(judge_keys("/keys", odd).unwrap_err().kind(), Kind::InvalidValue);
    }
}
