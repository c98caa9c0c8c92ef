//! The listener of one queue: it sees to it that there is a session with the broker, and starts the workers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config;
use super::panic::caught;
use super::queue::Queue;
use super::session::{OpenError, Session};
use super::worker;
use crate::app::App;
use crate::backoff::Backoff;
use crate::counters::QueueCounters;
use crate::trigger::TriggerError;

/// The pauses between attempts to get a session.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The same where an operator has to do something first.
const FIRST_TOPOLOGY_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_TOPOLOGY_PAUSE: Duration = Duration::from_secs(30);

/// How long the start of the rest of an app waits for its queues.
const FIRST_TRY: Duration = Duration::from_secs(5);

/// A session that lasted this long was a good one: the next is tried for almost at once.
const STEADY: Duration = Duration::from_secs(10);

/// One queue, and whether its first session has been tried for.
pub(crate) struct Listener {
    queue: Arc<Queue>,
    /// That the first session is there, or could not be had.
    tried: CancellationToken,
}

/// Reads the app's `amqp` triggers.
///
/// # Errors
/// When one is malformed, has no address, or its component has no handler.
pub(crate) fn listeners(app: &Arc<App>) -> Result<Vec<Arc<Listener>>, TriggerError> {
    let mut listeners = Vec::new();
    for config in config::read(app)? {
        let name = config.queue.clone();
        let queue = Queue::new(app, config).map_err(|reason| TriggerError::Config {
            trigger_type: config::TRIGGER_TYPE,
            id: name,
            reason,
        })?;
        listeners.push(Arc::new(Listener { queue: Arc::new(queue), tried: CancellationToken::new() }));
    }
    Ok(listeners)
}

impl Listener {
    /// The name of the queue, and what is counted of it.
    pub(crate) fn counters(&self) -> (&str, &QueueCounters) {
        (&self.queue.config.queue, &self.queue.counters)
    }

    /// Consumes until `stop`, through all troubles of the broker. Then what is being handled is finished, and the rest is
    /// left to others.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let (sessions, session) = watch::channel(None);
        let tasks = TaskTracker::new();
        for _ in 0..self.queue.config.prefetch {
            tasks.spawn(worker::run(Arc::clone(&self.queue), session.clone(), stop.clone(), tasks.clone()));
        }
        let last = loop {
            match caught(self.keep_session(&sessions, &stop)).await {
                Ok(last) => break last,
                Err(_) => tokio::time::sleep(FIRST_TOPOLOGY_PAUSE).await,
            }
        };
        tasks.close();
        tasks.wait().await;
        if let Some(session) = last {
            session.close().await;
        }
        self.queue.dead_letters.close().await;
    }

    /// Waits until the queue is there, or could not be had, but not for long. Before that, nobody keeps what is
    /// published.
    pub(crate) async fn first_try(&self) {
        // Afterwards it is as if it could not be had.
        let _ = tokio::time::timeout(FIRST_TRY, self.tried.cancelled()).await;
    }

    /// Sees to it that there is a session, until `stop`. Returns the session that is open then.
    async fn keep_session(
        &self,
        sessions: &watch::Sender<Option<Arc<Session>>>,
        stop: &CancellationToken,
    ) -> Option<Arc<Session>> {
        let config = &self.queue.config;
        let (queue, address) = (config.queue.as_str(), config.address.name.as_str());
        let mut connecting = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut declaring = Backoff::new(FIRST_TOPOLOGY_PAUSE, LONGEST_TOPOLOGY_PAUSE);
        // Sessions in a row that did not last.
        let mut short = 0_u32;
        let mut reported = None;
        let mut differences = Vec::new();
        loop {
            let opened = tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                opened = Session::open(config, &self.queue.app.limits) => opened,
            };
            self.tried.cancel();
            let backoff = match opened {
                Ok(session) => {
                    tracing::info!(queue, address, "the amqp trigger is connected");
                    self.queue.counters.sessions.add();
                    reported = None;
                    if session.differences != differences {
                        differences.clone_from(&session.differences);
                        for difference in &differences {
                            tracing::warn!(queue, address, "{}", difference.text);
                        }
                    }
                    let (session, since) = (Arc::new(session), Instant::now());
                    sessions.send_replace(Some(Arc::clone(&session)));
                    let reason = tokio::select! {
                        biased;
                        () = stop.cancelled() => return Some(session),
                        reason = session.ended() => reason,
                    };
                    sessions.send_replace(None);
                    tracing::warn!(queue, address, reason, "the amqp trigger has lost its connection and tries again");
                    short = if since.elapsed() < STEADY { short + 1 } else { 0 };
                    connecting.reset(short);
                    declaring.reset(0);
                    &mut connecting
                }
                Err(error) => {
                    // Once for each reason: it is tried again for as long as it takes.
                    if reported.as_ref() != Some(&error) {
                        report(&error, queue, address);
                    }
                    let backoff = match error {
                        OpenError::Connect(_) => &mut connecting,
                        OpenError::Topology(_) => &mut declaring,
                    };
                    reported = Some(error);
                    backoff
                }
            };
            tokio::select! {
                () = stop.cancelled() => return None,
                () = backoff.wait() => {}
            }
        }
    }
}

fn report(error: &OpenError, queue: &str, address: &str) {
    match error {
        OpenError::Connect(reason) => {
            tracing::warn!(queue, address, reason, "the amqp trigger cannot connect and keeps trying");
        }
        OpenError::Topology(reason) => tracing::error!(
            queue,
            address,
            reason,
            "the amqp trigger cannot use the broker as it is: an exchange or a queue is missing, is of another kind, or may \
             not be used; it keeps looking"
        ),
    }
}
