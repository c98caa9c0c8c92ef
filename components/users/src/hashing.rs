//! Places to hash in: so many passwords are hashed or checked at once, in all replicas together, and no more. Hashing
//! is slow on purpose; without a bound, a storm of sign-ins would take every core for itself.

use crate::store::{Store, attempts};
use problem::Problem;
use shell::attempts::{too_busy, too_many_attempts};
use shell::{config, log};
use users_domain::{Counter, MAX_PLACES, Place};

/// A place in hand.
pub(crate) struct Held<'a> {
    store: &'a Store,
    place: Place,
    counters: Vec<Counter>,
}

impl<'a> Held<'a> {
    /// Takes a place, unless these counters make wait or all places are taken.
    pub(crate) fn take(store: &'a Store, counters: Vec<Counter>) -> Result<Self, Problem> {
        let begun = attempts::begin(store, &counted(counters.clone()), places()?)?;
        match (begun.place, begun.retry_after) {
            (Some(place), _) => Ok(Self { store, place, counters }),
            (None, Some(seconds)) => Err(too_many_attempts(seconds)),
            (None, None) => Err(too_busy()),
        }
    }

    /// Gives the place back and has the attempt counted, under `known_as` if it succeeded.
    pub(crate) fn give_back(self, known_as: Option<&str>, succeeded: Option<bool>) {
        if let Err(problem) = attempts::end(self.store, &self.place, &counted(self.counters), known_as, succeeded) {
            // The place comes free by itself.
            log::warn("an attempt was not counted", &[("cause", problem.cause().unwrap_or_default())]);
        }
    }
}

/// Counts a failure for which no place is held.
pub(crate) fn count_failure(store: &Store, counters: Vec<Counter>) {
    if let Err(problem) = attempts::count_failure(store, &counted(counters)) {
        log::warn("an attempt was not counted", &[("cause", problem.cause().unwrap_or_default())]);
    }
}

/// How many places there are: the component variable `hashing_places`.
pub(crate) fn places() -> Result<u32, Problem> {
    let places: u32 = config::parsed("hashing_places")?;
    if !(1..=MAX_PLACES).contains(&places) {
        return Err(config::fault("hashing_places", &format!("must be from 1 to {MAX_PLACES}")));
    }
    Ok(places)
}

/// The counters, or none with `login_throttling = "off"`.
pub(crate) fn counted(counters: Vec<Counter>) -> Vec<Counter> {
    match config::switch("login_throttling") {
        Ok(false) => Vec::new(),
        Ok(true) | Err(_) => counters,
    }
}
