//! Erasure: what the broker keeps about people who were removed goes too. At once after a removal, and by sweeps: after
//! a while once more, and whenever the broker did not answer or there was much to look through.

use crate::store::Store;
use crate::store::erasures::{self as open, Erasure, Leased, Place};
use events::redis::{self, Step};
use identity::UserId;
use problem::Problem;
use service_kit::broker::{BrokerError, Redis};
use service_kit::log;
use std::time::{Duration, Instant};

/// How long a removal looks for traces before it leaves the rest to a sweep.
const AT_ONCE: Duration = Duration::from_secs(1);
/// How long a sweep does.
const SWEEP: Duration = Duration::from_secs(10);
/// How many people's traces one sweep looks for, all in the same pass.
const PEOPLE: i32 = 200;
/// How many recipients of a person are asked for at once.
const RECIPIENTS: u64 = 100;

/// Looks for the traces of somebody who was just removed. Whatever goes wrong, the person is removed, and a sweep does
/// the rest.
///
/// The database is asked after the broker has answered: of one that hangs no connection waits.
pub(crate) fn erase_now(user_id: UserId) {
    let leased = Leased { erasures: vec![Erasure { user_id, passes: 0 }], place: None };
    let pass = look_through(&leased, AT_ONCE);
    if let Err(problem) = Store::open().and_then(|store| settle(&store, &leased, pass)) {
        log::warn("the erasures could not be updated", &[("cause", problem.cause().unwrap_or_default())]);
    }
}

/// Works off the erasures that are due.
pub(crate) fn sweep(store: &Store) -> Result<(), Problem> {
    let leased = open::lease(store, PEOPLE)?;
    if leased.erasures.is_empty() { Ok(()) } else { settle(store, &leased, look_through(&leased, SWEEP)) }
}

/// Makes one pass; says where it has come to if it ran out of time.
fn look_through(leased: &Leased, limit: Duration) -> Result<Option<Place>, BrokerError> {
    let users: Vec<_> = leased.erasures.iter().map(|erasure| erasure.user_id).collect();
    // Without a Redis nothing is kept that could be looked through; RabbitMQ's queues cannot.
    match Redis::find()? {
        Some(broker) => Pass { broker, end: Instant::now() + limit }.run(&users, leased.place.as_ref()),
        None => Ok(None),
    }
}

/// Keeps what came of a pass.
fn settle(store: &Store, leased: &Leased, pass: Result<Option<Place>, BrokerError>) -> Result<(), Problem> {
    match pass {
        Ok(None) => {
            let complete = open::finish(store, &leased.erasures)?;
            if complete > 0 {
                log::info("erasures are complete", &[("count", &complete.to_string())]);
            }
            Ok(())
        }
        Ok(Some(place)) => open::release(store, &leased.erasures, Some(&place)),
        Err(error) => {
            let count = leased.erasures.len().to_string();
            log::warn("erasures are kept for later", &[("count", &count), ("cause", &error.to_string())]);
            open::release(store, &leased.erasures, leased.place.as_ref())
        }
    }
}

/// One pass through all that the broker keeps.
struct Pass {
    broker: Redis,
    end: Instant,
}

impl Pass {
    /// Removes the traces of these users. A pass that runs out of time says where it has come to.
    fn run(&self, users: &[UserId], place: Option<&Place>) -> Result<Option<Place>, BrokerError> {
        let streams = redis::shared_streams();
        // A place in a stream that is none any more is none.
        let begin = place.and_then(|place| streams.iter().position(|stream| *stream == place.stream));
        let mut after = place.filter(|_| begin.is_some()).and_then(|place| place.after.clone());
        for user in users {
            if !self.erase_deliveries(*user)? {
                return Ok(Some(Place { stream: streams[begin.unwrap_or(0)].clone(), after }));
            }
        }
        for stream in &streams[begin.unwrap_or(0)..] {
            loop {
                let step = self.step(&redis::erase_traces(stream, users, after.as_deref()))?;
                after = step.next;
                if after.is_none() {
                    break;
                }
                if self.is_over() {
                    return Ok(Some(Place { stream: stream.clone(), after }));
                }
            }
        }
        Ok(None)
    }

    /// Clears the logs of all recipients that the user was told things at; false if time ran out. A log is forgotten
    /// once it is clear, so what was done need not be done again.
    fn erase_deliveries(&self, user: UserId) -> Result<bool, BrokerError> {
        loop {
            let replies = self.broker.run(&redis::some_recipients(user, RECIPIENTS))?;
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
                self.broker.run(&redis::forget_recipient(user, &digest))?;
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
