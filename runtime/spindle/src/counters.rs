//! What is counted while the app runs, for `metrics`: plain atomic numbers, so that counting never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};

/// Upper bounds of the buckets for times, in seconds; one more has no bound.
pub(crate) const BOUNDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The methods that are told apart. Others are the last.
pub(crate) const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];

/// The classes of status. Without an answer the client, or the component that asked, has gone.
pub(crate) const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];
const NO_ANSWER: usize = 5;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are now.
#[derive(Debug, Default)]
pub(crate) struct Level(AtomicU64);

impl Level {
    /// One more, until what is returned is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Inside {
        self.0.fetch_add(1, Ordering::Relaxed);
        Inside(Arc::clone(self))
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of a [`Level`].
#[derive(Debug)]
pub(crate) struct Inside(Arc<Level>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How often times were how long.
#[derive(Debug, Default)]
pub(crate) struct Times {
    buckets: [Count; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

impl Times {
    fn add(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        self.buckets[BOUNDS.partition_point(|bound| *bound < seconds)].add();
        self.microseconds.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many were in each bucket, and the sum of all in microseconds.
    pub(crate) fn read(&self) -> (Vec<u64>, u64) {
        (self.buckets.iter().map(Count::get).collect(), self.microseconds.load(Ordering::Relaxed))
    }
}

/// Who has sent a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sender {
    /// A client of the app.
    Client,
    /// Another component of the app.
    Component,
}

/// The names of [`Sender`].
pub(crate) const SOURCES: [&str; 2] = ["client", "component"];

/// Why a call of a component has no result.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failed {
    /// The guest trapped, or the engine failed.
    Trap,
    /// It took longer than it may.
    Deadline,
    /// There could be no instance.
    Start,
}

/// The names of [`Failed`].
pub(crate) const FAILURES: [&str; 3] = ["trap", "deadline", "start"];

/// What a component asks others for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outgoing {
    /// A request to a server.
    Http,
    /// A request to a component of the app, or to the app itself.
    Component,
    /// A statement.
    Postgres,
    /// A command.
    Redis,
    /// A message to be published.
    Mqtt,
}

/// The names of [`Outgoing`].
pub(crate) const OUTGOING: [&str; 5] = ["http", "component", "postgres", "redis", "mqtt"];

/// Why a request was refused before its component was called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refused {
    /// The client has its share of the connections.
    Connections,
    /// The client, or all together, have as many requests as there may be.
    Requests,
    /// There is no room for its body.
    Bodies,
    /// Too many wait for a place already.
    QueueFull,
    /// No place was free in time.
    QueueTime,
}

/// The names of [`Refused`].
pub(crate) const REFUSALS: [&str; 5] = ["connections", "requests", "bodies", "queue-full", "queue-time"];

/// What is counted of one component.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: [[[Count; CLASSES.len()]; METHODS.len()]; SOURCES.len()],
    in_flight: Arc<Level>,
    times: Times,
    failures: [Count; FAILURES.len()],
    outgoing: [Count; OUTGOING.len()],
    /// Instances that there are now.
    pub(crate) instances: Arc<Level>,
}

impl Counters {
    /// Begins to count a request.
    pub(crate) fn request(self: &Arc<Self>, from: Sender, method: &Method) -> Counted {
        Counted {
            counters: Arc::clone(self),
            from: from as usize,
            method: METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1),
            class: NO_ANSWER,
            start: Instant::now(),
            _inside: self.in_flight.enter(),
        }
    }

    pub(crate) fn failed(&self, failed: Failed) {
        self.failures[failed as usize].add();
    }

    pub(crate) fn asked(&self, outgoing: Outgoing) {
        self.outgoing[outgoing as usize].add();
    }

    /// Requests by who has sent them, method and class of status, without those of which there was none.
    pub(crate) fn requests(&self) -> impl Iterator<Item = ([&'static str; 3], u64)> {
        let by_source = self.requests.iter().zip(SOURCES);
        by_source.flat_map(|(methods, source)| {
            methods.iter().zip(METHODS).flat_map(move |(classes, method)| {
                let classes =
                    classes.iter().zip(CLASSES).map(move |(count, class)| ([source, method, class], count.get()));
                classes.filter(|(_, count)| *count > 0)
            })
        })
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.get()
    }

    pub(crate) fn times(&self) -> &Times {
        &self.times
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        FAILURES.into_iter().zip(self.failures.iter().map(Count::get))
    }

    pub(crate) fn outgoing(&self) -> impl Iterator<Item = (&'static str, u64)> {
        OUTGOING.into_iter().zip(self.outgoing.iter().map(Count::get))
    }
}

/// A request that is being counted, until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    counters: Arc<Counters>,
    from: usize,
    method: usize,
    class: usize,
    start: Instant,
    _inside: Inside,
}

impl Counted {
    /// It is answered, with this status.
    pub(crate) fn answered(mut self, status: StatusCode) {
        self.class = usize::from(status.as_u16() / 100).clamp(1, NO_ANSWER) - 1;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Self { counters, from, method, class, start, .. } = self;
        counters.requests[*from][*method][*class].add();
        if *class != NO_ANSWER {
            counters.times.add(start.elapsed());
        }
    }
}

/// What is counted of the app as a whole.
#[derive(Debug, Default)]
pub(crate) struct AppCounters {
    /// What the runtime answers by itself.
    pub(crate) own: Arc<Counters>,
    refused: [Count; REFUSALS.len()],
    /// Calls that have computed for long, and were moved to threads of a lower priority.
    pub(crate) moved: Count,
    /// How often a call that computes had to queue for a core.
    pub(crate) queued: Arc<Count>,
}

impl AppCounters {
    pub(crate) fn refused(&self, refused: Refused) {
        self.refused[refused as usize].add();
    }

    pub(crate) fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REFUSALS.into_iter().zip(self.refused.iter().map(Count::get))
    }
}

/// What is counted of one queue.
#[derive(Debug, Default)]
pub(crate) struct QueueCounters {
    /// Messages that the broker has delivered.
    pub(crate) delivered: Count,
    /// Those that were handled.
    pub(crate) acknowledged: Count,
    /// Those that come again.
    pub(crate) requeued: Count,
    /// Those that went to the dead letters.
    pub(crate) dead_lettered: Count,
    /// Sessions that were opened; all after the first are reconnections.
    pub(crate) sessions: Count,
    /// Messages that a component has now.
    pub(crate) in_hand: Arc<Level>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_once_whatever_becomes_of_it() {
        let counters = Arc::new(Counters::default());
        let (first, gone) = (Method::GET, Method::from_bytes(b"BREW").unwrap());
        let (first, gone) = (counters.request(Sender::Client, &first), counters.request(Sender::Component, &gone));
        assert_eq!(counters.in_flight(), 2);
        first.answered(StatusCode::NOT_FOUND);
        drop(gone);
        let counted: Vec<_> = counters.requests().collect();
        assert_eq!(counted, [(["client", "GET", "4xx"], 1), (["component", "other", "none"], 1)]);
        assert_eq!(counters.in_flight(), 0);
        assert_eq!(counters.times().read().0.iter().sum::<u64>(), 1, "who has gone has not waited for an answer");
    }

    #[test]
    fn a_time_is_in_the_bucket_whose_bound_it_does_not_exceed() {
        let times = Times::default();
        for milliseconds in [1, 2, 60_000] {
            times.add(Duration::from_millis(milliseconds));
        }
        let (buckets, sum) = times.read();
        assert_eq!((buckets[0], buckets[1], buckets[BOUNDS.len()], sum), (1, 1, 1, 60_003_000));
    }
}
