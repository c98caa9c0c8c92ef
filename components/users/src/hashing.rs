//! Hashing permits: so many passwords are hashed or verified at once, over all replicas, and no more. Hashing is slow on
//! purpose; without a concurrency limit, a storm of sign-ins would use up every core.
//!
//! One client gets a few of them at most, and some are reserved for sign-ins. A caller that finds none free waits for a
//! moment, in a bounded queue, and holds no connection to the database meanwhile.

use crate::settings;
use crate::store::{Store, hash_permits};
use api::users::HashPermit;
use identity::UserId;
use problem::Problem;
use service_kit::attempts::{account_locked, too_busy, too_many_attempts};
use service_kit::trace::{Span, SpanKind};
use service_kit::{config, log, random, sleep};
use std::time::Duration;
use users_domain::{AcquirePermit, Acquired, Attempt, AuditEntry, PermitLimits, ReleasePermit};

/// The pauses between two requests for a permit, in milliseconds; each is made shorter or longer by up to a half, so that
/// those who wait do not come all at once.
const PAUSES: [u64; 7] = [150, 250, 350, 400, 450, 450, 450];

/// After how many milliseconds, made shorter or longer likewise, a caller is refused who finds no place to wait in. One that
/// asks again at once would otherwise take the processor from those who hash.
const REFUSAL_DELAY: u64 = 300;

/// The span of a hash.
pub(crate) const HASH: Span<'_> =
    Span { service: "users", name: "hash password", kind: SpanKind::Internal, attributes: &[] };
/// That of a verification.
pub(crate) const VERIFY: Span<'_> = Span { name: "verify password", ..HASH };

/// A permit that is held, with the connection that it was acquired on.
pub(crate) struct PermitGuard {
    store: Store,
    permit: HashPermit,
    attempt: Attempt,
}

impl PermitGuard {
    /// Acquires a permit. Fails if a rate limit applies, or if no permit is free for longer than a caller waits.
    pub(crate) async fn acquire(attempt: Attempt) -> Result<Self, Problem> {
        let attempt = with_enabled_limits(attempt);
        let ask = |store: &Store, request: &str| Ok((hash_permits::acquire(store, request)?, ()));
        match acquire(&attempt, ask).await? {
            (Acquired { permit: Some(permit), .. }, (), Some(store)) => Ok(Self { store, permit, attempt }),
            (Acquired { locked: true, .. }, ..) => Err(account_locked()),
            (Acquired { retry_after: Some(seconds), .. }, ..) => Err(too_many_attempts(seconds)),
            _ => Err(too_busy()),
        }
    }

    /// The connection to the database.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The sign-up has found its address free.
    pub(crate) fn without_enumeration_limit(self) -> Self {
        Self { attempt: self.attempt.without_enumeration_limit(), ..self }
    }

    /// Releases the permit and counts the attempt's outcome. `user_id` is whose account it was about.
    pub(crate) fn release(self, succeeded: Option<bool>, user_id: Option<UserId>) -> Store {
        self.release_audited(succeeded, user_id, None)
    }

    /// The same, and writes a row of the audit log.
    pub(crate) fn release_audited(
        self,
        succeeded: Option<bool>,
        user_id: Option<UserId>,
        entry: Option<AuditEntry>,
    ) -> Store {
        let request = ReleasePermit::new(&self.permit, &self.attempt, succeeded, user_id).audited(entry).to_json();
        if let Err(problem) = hash_permits::release(&self.store, &request) {
            // The permit expires, and the attempt counts as a failure then.
            log::warn("failed to count an attempt", &[("cause", problem.cause().unwrap_or_default())]);
        }
        self.store
    }
}

/// Releases the permit of a sign-in that begins nothing. If that fails, the permit expires, and the attempt counts as a failure then.
pub(crate) fn release_failed(
    store: &Store,
    permit: &HashPermit,
    attempt: &Attempt,
    succeeded: Option<bool>,
    entry: AuditEntry,
) {
    let request = ReleasePermit::new(permit, attempt, succeeded, entry.user_id).audited(Some(entry)).to_json();
    if let Err(problem) = hash_permits::release(store, &request) {
        log::warn("failed to count an attempt", &[("cause", problem.cause().unwrap_or_default())]);
    }
}

/// Counts a failure for which no permit is held, and writes it in the audit log.
pub(crate) fn count_failure(store: &Store, attempt: Attempt, entry: AuditEntry) {
    let request = ReleasePermit::failure(&with_enabled_limits(attempt)).audited(Some(entry)).to_json();
    if let Err(problem) = hash_permits::release(store, &request) {
        log::warn("failed to count an attempt", &[("cause", problem.cause().unwrap_or_default())]);
    }
}

/// Requests a permit, by a statement that may do more than that, until there is one or there is no use in waiting. The
/// connection that a permit was acquired on comes with it.
pub(crate) async fn acquire<T>(
    attempt: &Attempt,
    ask: impl Fn(&Store, &str) -> Result<(Acquired, T), Problem>,
) -> Result<(Acquired, T, Option<Store>), Problem> {
    let limits = limits()?;
    let mut waiter = None;
    let mut pauses = PAUSES.into_iter();
    loop {
        let store = Store::open()?;
        let request = AcquirePermit::new(attempt, &limits, waiter.as_ref()).to_json();
        let (acquired, more) = ask(&store, &request)?;
        if acquired.permit.is_some() {
            return Ok((acquired, more, Some(store)));
        }
        // Another request may need the connection more.
        drop(store);
        if acquired.locked || acquired.retry_after.is_some() {
            return Ok((acquired, more, None));
        }
        let is_queued = acquired.waiter.is_some();
        let Some(pause) = pauses.next().filter(|_| is_queued) else {
            if !is_queued {
                sleep(jittered(REFUSAL_DELAY)).await;
            }
            return Ok((acquired, more, None));
        };
        waiter = acquired.waiter;
        sleep(jittered(pause)).await;
    }
}

fn jittered(milliseconds: u64) -> Duration {
    let [random] = random::bytes();
    Duration::from_micros(milliseconds * 1000 / 2 + milliseconds * 1000 * u64::from(random) / 256)
}

/// How the permits are shared, by the component variables.
fn limits() -> Result<PermitLimits, Problem> {
    Ok(PermitLimits {
        permits: settings::hash_permits()?,
        per_client: settings::hash_permits_per_client()?,
        for_sign_ins: settings::hash_permits_for_sign_ins()?,
        cost: config::cost()?,
    })
}

/// The attempt as it is, or without rate limits with `login_throttling = "off"`.
pub(crate) fn with_enabled_limits(attempt: Attempt) -> Attempt {
    match config::switch("login_throttling") {
        Ok(false) => attempt.without_limits(),
        Ok(true) | Err(_) => attempt,
    }
}
