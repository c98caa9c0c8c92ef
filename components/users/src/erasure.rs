//! Erasure: the personal data of deleted users is removed from the broker and the audit log too. Right after the deletion, and by sweeps: once
//! more after a while, and whenever the broker did not respond or there was much to scan.

use crate::store::erasures::{self, Checkpoint, Erasure, Leased};
use crate::store::{Store, audit};
use events::redis::{self, Step};
use identity::UserId;
use problem::Problem;
use service_kit::broker::{BrokerError, Redis};
use service_kit::log;
use std::time::{Duration, Instant};

/// How long a deletion scans before it leaves the rest to a sweep.
const AT_ONCE: Duration = Duration::from_secs(1);
/// How long a sweep scans.
const SWEEP: Duration = Duration::from_secs(10);
/// How many users one sweep erases, all in the same scan.
const USERS: i32 = 200;
/// How many recipients of a user are read at once.
const RECIPIENTS: u64 = 100;

/// Erases the personal data of a user who was just deleted. Whatever goes wrong, the user is deleted, and a sweep does the
/// rest.
///
/// The database connection is opened after the broker has responded, so a broker that hangs holds none.
pub(crate) fn erase_now(user_id: UserId) {
    let leased = Leased { erasures: vec![Erasure { user_id, scans: 0 }], checkpoint: None };
    let outcome = scan(&leased, AT_ONCE);
    if let Err(problem) = Store::open().and_then(|store| record(&store, &leased, outcome)) {
        log::warn("failed to update erasures", &[("cause", problem.cause().unwrap_or_default())]);
    }
}

/// Processes the erasures that are due.
pub(crate) fn sweep(store: &Store) -> Result<(), Problem> {
    let leased = erasures::lease(store, USERS)?;
    if leased.erasures.is_empty() { Ok(()) } else { record(store, &leased, scan(&leased, SWEEP)) }
}

/// Runs one scan; returns a checkpoint if it ran out of time.
fn scan(leased: &Leased, limit: Duration) -> Result<Option<Checkpoint>, BrokerError> {
    // Without Redis there is nothing to scan: RabbitMQ's queues cannot be searched.
    match Redis::find()? {
        Some(broker) => Scan { broker, end: Instant::now() + limit }.run(&leased.erasures, leased.checkpoint.as_ref()),
        None => Ok(None),
    }
}

/// Records the outcome of a scan.
fn record(store: &Store, leased: &Leased, outcome: Result<Option<Checkpoint>, BrokerError>) -> Result<(), Problem> {
    let users: Vec<_> = leased.erasures.iter().map(|erasure| erasure.user_id).collect();
    let is_forgotten = audit::forget(store, &users)?;
    match outcome {
        // The scan is made again: there is seldom so much in the audit log about anybody.
        Ok(None) if !is_forgotten => erasures::release(store, &leased.erasures, None),
        Ok(None) => {
            let complete = erasures::finish(store, &leased.erasures)?;
            if complete > 0 {
                log::info("erasures are complete", &[("count", &complete.to_string())]);
            }
            Ok(())
        }
        Ok(Some(checkpoint)) => erasures::release(store, &leased.erasures, Some(&checkpoint)),
        Err(error) => {
            let count = leased.erasures.len().to_string();
            log::warn("erasures are left for a later sweep", &[("count", &count), ("cause", &error.to_string())]);
            erasures::release(store, &leased.erasures, leased.checkpoint.as_ref())
        }
    }
}

/// One scan of all that the broker keeps.
struct Scan {
    broker: Redis,
    end: Instant,
}

impl Scan {
    /// Erases the personal data of these users. Returns a checkpoint if it runs out of time.
    fn run(&self, erasures: &[Erasure], checkpoint: Option<&Checkpoint>) -> Result<Option<Checkpoint>, BrokerError> {
        let users: Vec<_> = erasures.iter().map(|erasure| erasure.user_id).collect();
        // Their last mail has had its time.
        let told: Vec<_> = erasures.iter().filter(|erasure| erasure.scans > 0).map(|erasure| erasure.user_id).collect();
        let streams = redis::shared_streams();
        // A checkpoint in a stream that no longer exists is void.
        let begin = checkpoint.and_then(|checkpoint| streams.iter().position(|stream| *stream == checkpoint.stream));
        let mut after = checkpoint.filter(|_| begin.is_some()).and_then(|checkpoint| checkpoint.after.clone());
        for user in &users {
            if !self.erase_deliveries(*user)? {
                return Ok(Some(Checkpoint { stream: streams[begin.unwrap_or(0)].clone(), after }));
            }
        }
        for stream in &streams[begin.unwrap_or(0)..] {
            let users = if redis::has_removal_notices(stream) { &told } else { &users };
            if users.is_empty() {
                continue;
            }
            loop {
                let step = self.step(&redis::erase_personal_data(stream, users, after.as_deref()))?;
                after = step.next;
                if after.is_none() {
                    break;
                }
                if self.is_over() {
                    return Ok(Some(Checkpoint { stream: stream.clone(), after }));
                }
            }
        }
        Ok(None)
    }

    /// Clears the delivery logs of all recipients of the user; false if time ran out. A recipient is removed once its log is
    /// clear, so no work is repeated.
    fn erase_deliveries(&self, user: UserId) -> Result<bool, BrokerError> {
        loop {
            let replies = self.broker.run(&redis::read_recipients(user, RECIPIENTS))?;
            let digests = redis::recipients(&replies)?;
            if digests.is_empty() {
                return Ok(true);
            }
            for digest in digests {
                let mut after = None;
                loop {
                    after = self.step(&redis::erase_deliveries(&digest, user, after.as_deref()))?.next;
                    if after.is_none() {
                        break;
                    }
                }
                self.broker.run(&redis::remove_recipient(user, &digest))?;
                if self.is_over() {
                    return Ok(false);
                }
            }
        }
    }

    fn step(&self, command: &redis::Command) -> Result<Step, BrokerError> {
        Ok(Step::from_replies(&self.broker.run(command)?)?)
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }
}
