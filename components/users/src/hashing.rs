//! Places to hash in: so many passwords are hashed or checked at once, in all replicas together, and no more. Hashing
//! is slow on purpose; without a bound, a storm of sign-ins would take every core for itself.
//!
//! One client has a few of them at most, and some are for sign-ins alone. Whoever finds none free waits for a moment, in
//! one of a bounded number of places to wait in, and without a connection to the database meanwhile.

use crate::store::{Store, attempts};
use api::users::HashPermit as Place;
use identity::UserId;
use problem::Problem;
use service_kit::attempts::{account_locked, too_busy, too_many_attempts};
use service_kit::{config, log, random, sleep};
use std::time::Duration;
use users_domain::{AcquirePermit, Acquired, Attempt, MAX_PLACES, Places, ReleasePermit};

/// How long it is between two looks for a place, in milliseconds; each is made shorter or longer by up to a half, so that
/// those who wait do not come all at once.
const PAUSES: [u64; 7] = [150, 250, 350, 400, 450, 450, 450];

/// A place in hand.
pub(crate) struct Held {
    store: Store,
    place: Place,
    attempt: Attempt,
}

impl Held {
    /// Takes a place, unless the attempt has to wait or all places are taken for longer than is waited for.
    pub(crate) async fn take(attempt: Attempt) -> Result<Self, Problem> {
        let attempt = counted(attempt);
        let ask = |store: &Store, request: &str| Ok((attempts::acquire(store, request)?, ()));
        let (store, acquired, ()) = acquire(&attempt, ask).await?;
        match acquired {
            Acquired { place: Some(place), .. } => Ok(Self { store, place, attempt }),
            Acquired { locked: true, .. } => Err(account_locked()),
            Acquired { retry_after: Some(seconds), .. } => Err(too_many_attempts(seconds)),
            Acquired { .. } => Err(too_busy()),
        }
    }

    /// The connection to the database.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The attempt is found to be no probe.
    pub(crate) fn without_probe(self) -> Self {
        Self { attempt: self.attempt.without_probe(), ..self }
    }

    /// Gives the place back and has the attempt counted as what came of it. `user_id` is whose account it was about.
    pub(crate) fn give_back(self, succeeded: Option<bool>, user_id: Option<UserId>) -> Store {
        let request = ReleasePermit::new(&self.place, &self.attempt, succeeded, user_id).to_json();
        if let Err(problem) = attempts::release(&self.store, &request) {
            // The place comes free by itself, and the attempt counts as a failure then.
            log::warn("an attempt was not counted", &[("cause", problem.cause().unwrap_or_default())]);
        }
        self.store
    }
}

/// Counts a failure for which no place is held.
pub(crate) fn count_failure(store: &Store, attempt: Attempt) {
    if let Err(problem) = attempts::release(store, &ReleasePermit::failure(&counted(attempt)).to_json()) {
        log::warn("an attempt was not counted", &[("cause", problem.cause().unwrap_or_default())]);
    }
}

/// Asks for a place, by a statement that may do more than that, until there is one, or no use in waiting for it.
pub(crate) async fn acquire<T>(
    attempt: &Attempt,
    ask: impl Fn(&Store, &str) -> Result<(Acquired, T), Problem>,
) -> Result<(Store, Acquired, T), Problem> {
    let places = all_places()?;
    let mut waiter = None;
    let mut pauses = PAUSES.into_iter();
    loop {
        let store = Store::open()?;
        let request = AcquirePermit::new(attempt, &places, waiter.as_ref()).to_json();
        let (acquired, more) = ask(&store, &request)?;
        let is_refused = acquired.locked || acquired.retry_after.is_some();
        let pause = pauses.next().filter(|_| acquired.place.is_none() && acquired.waiter.is_some() && !is_refused);
        let Some(pause) = pause else { return Ok((store, acquired, more)) };
        waiter = acquired.waiter;
        // Somebody else may need the connection more.
        drop(store);
        sleep(jittered(pause)).await;
    }
}

fn jittered(milliseconds: u64) -> Duration {
    let [random] = random::bytes();
    Duration::from_micros(milliseconds * 1000 / 2 + milliseconds * 1000 * u64::from(random) / 256)
}

/// What places there are, by the component variables.
fn all_places() -> Result<Places, Problem> {
    Ok(Places { places: places()?, per_client: per_client()?, for_sign_ins: for_sign_ins()?, cost: config::cost()? })
}

/// How many there are, `hash_permits`.
pub(crate) fn places() -> Result<u32, Problem> {
    let places = config::parsed("hash_permits")?;
    if !(1..=MAX_PLACES).contains(&places) {
        return Err(config::fault("hash_permits", &format!("must be from 1 to {MAX_PLACES}")));
    }
    Ok(places)
}

/// How many of them one client has at most, `hash_permits_per_client`.
pub(crate) fn per_client() -> Result<u32, Problem> {
    let per_client = config::parsed("hash_permits_per_client")?;
    if per_client == 0 {
        return Err(config::fault("hash_permits_per_client", "must be 1 at least"));
    }
    Ok(per_client)
}

/// How many of them are for sign-ins alone, `hash_permits_for_sign_ins`.
pub(crate) fn for_sign_ins() -> Result<u32, Problem> {
    config::parsed("hash_permits_for_sign_ins")
}

/// The attempt as it is, or with nothing counted with `login_throttling = "off"`.
pub(crate) fn counted(attempt: Attempt) -> Attempt {
    match config::switch("login_throttling") {
        Ok(false) => attempt.uncounted(),
        Ok(true) | Err(_) => attempt,
    }
}
