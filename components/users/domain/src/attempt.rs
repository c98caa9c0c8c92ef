//! Attempts to sign in: after how many failures the next is made to wait, and for how long.
//!
//! Failures are counted three ways. *This account from this client* is what guessing looks like, and waits soonest.
//! *This account from anywhere* is what guessing from many places looks like; its wait is short at most, and a client
//! that has signed in to the account before does not share it, so that nobody can keep an owner out by failing in
//! their name (the OWASP "device cookie", with the client's address as the device). *Any account from this client* is
//! what trying one password on everybody looks like.

use crate::fields::uuid;
use identity::{AttemptKeys, DIGEST_LENGTH};
use problem::{FieldError, Kind, Problem, integer};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How failures become waiting: the first ones are free, then it is 1, 2, 4, ... seconds up to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    free_failures: u32,
    longest_seconds: u32,
}

const PAIR: Limit = Limit { free_failures: 5, longest_seconds: 15 * 60 };
const ACCOUNT: Limit = Limit { free_failures: 20, longest_seconds: 60 };
const CLIENT: Limit = Limit { free_failures: 50, longest_seconds: 15 * 60 };
/// A sign-up, or a change of an email, that finds it taken has learned that somebody has it.
const PROBE: Limit = Limit { free_failures: 20, longest_seconds: 15 * 60 };

/// After how many seconds without a failure the count begins anew.
const FORGET_SECONDS: i32 = 60 * 60;
/// For how many seconds a client that has signed in to an account is known there: thirty days.
const KNOWN_SECONDS: i32 = 30 * 24 * 60 * 60;
/// For how many seconds somebody has a place to hash in at most.
const PLACE_SECONDS: i32 = 30;
/// How many places there are in the database.
pub const MAX_PLACES: u32 = 256;

/// A digest that failures are counted under, with its limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counter {
    key: String,
    free: u32,
    longest: u32,
    /// The counter does not concern a client that is known under this key.
    known_as: Option<String>,
}

impl Counter {
    fn new(key: &str, limit: Limit) -> Self {
        let Limit { free_failures: free, longest_seconds: longest } = limit;
        Self { key: key.to_owned(), free, longest, known_as: None }
    }

    /// The counters of an attempt to sign in.
    #[must_use]
    pub fn of_attempt(keys: &AttemptKeys) -> Vec<Self> {
        let account = Self { known_as: Some(keys.pair.clone()), ..Self::new(&keys.account, ACCOUNT) };
        vec![account, Self::new(&keys.client, CLIENT), Self::new(&keys.pair, PAIR)]
    }

    /// The counter of sign-ups and changes of an email that find out who is there already.
    #[must_use]
    pub fn of_probe(client: &str) -> Vec<Self> {
        vec![Self::new(client, PROBE)]
    }
}

/// A place to hash in: which one, and who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Which, from 1.
    #[serde(deserialize_with = "integer")]
    pub number: i32,
    /// Who holds it.
    #[serde(deserialize_with = "uuid")]
    pub holder: Uuid,
}

/// What the database's function `acquire_hash_permit` is asked.
#[derive(Debug, Serialize)]
pub struct AcquirePermit<'a> {
    counters: &'a [Counter],
    permits: u32,
    seconds: i32,
}

impl<'a> AcquirePermit<'a> {
    /// Asks for one of the first `permits` permits, unless these rate limits make wait.
    #[must_use]
    pub fn new(counters: &'a [Counter], permits: u32) -> Self {
        Self { counters, permits, seconds: PLACE_SECONDS }
    }

    /// The statement's parameter.
    #[must_use]
    pub fn to_json(&self) -> String {
        json(self)
    }
}

/// What the database's function `release_hash_permit` is asked.
#[derive(Debug, Serialize)]
pub struct ReleasePermit<'a> {
    place: Option<&'a Place>,
    counters: &'a [Counter],
    known_as: Option<&'a str>,
    succeeded: Option<bool>,
    forget_seconds: i32,
    known_seconds: i32,
}

impl<'a> ReleasePermit<'a> {
    /// Releases a permit. The attempt counts as a failure under all of the counters, or as a success that ends the
    /// failures of `known_as`; as neither if the password was not looked at.
    #[must_use]
    pub fn new(place: &'a Place, counters: &'a [Counter], known_as: Option<&'a str>, succeeded: Option<bool>) -> Self {
        let (forget_seconds, known_seconds) = (FORGET_SECONDS, KNOWN_SECONDS);
        Self { place: Some(place), counters, known_as, succeeded, forget_seconds, known_seconds }
    }

    /// Counts a failure for which no permit is held.
    #[must_use]
    pub fn failure(counters: &'a [Counter]) -> Self {
        let (forget_seconds, known_seconds) = (FORGET_SECONDS, KNOWN_SECONDS);
        Self { place: None, counters, known_as: None, succeeded: Some(false), forget_seconds, known_seconds }
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
    use identity::Pepper;

    fn keys() -> AttemptKeys {
        AttemptKeys::new(&Pepper::new("pepper").unwrap(), "ada@example.org", "10.0.0.1")
    }

    #[test]
    fn guessing_from_one_place_waits_before_guessing_from_many() {
        let counters = Counter::of_attempt(&keys());
        let free = |key: &str| counters.iter().find(|counter| counter.key == key).unwrap().free;
        assert!(free(&keys().pair) < free(&keys().account) && free(&keys().account) < free(&keys().client));
    }

    #[test]
    fn an_owner_is_not_kept_out_by_others() {
        let keys = keys();
        let account = &Counter::of_attempt(&keys)[0];
        assert_eq!(account.known_as.as_ref(), Some(&keys.pair));
        assert!(account.longest <= 60);
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        assert!(judge_keys("/keys", keys()).is_ok());
        let odd = AttemptKeys { client: "10.0.0.1".into(), ..keys() };
        assert_eq!(judge_keys("/keys", odd).unwrap_err().kind(), Kind::InvalidValue);
    }
}
