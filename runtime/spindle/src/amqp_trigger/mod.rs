//! The AMQP trigger: messages of RabbitMQ's queues, handed to components, and acknowledged when they are done with them.
//!
//! Each trigger is one queue. A message is acknowledged after its component has returned ok. When it has not (an error, a
//! trap, no end in time) the message stays with us, unacknowledged, for a while that doubles with each delivery, and is then
//! rejected, so that the broker counts the delivery and gives the message to whoever is free. When it has had its time or its
//! deliveries ([`retry`]) a copy with the reason goes to the dead letters, and only when the broker has confirmed it is the
//! message acknowledged. So at every moment the broker has the message or its copy; what a crash can do is to have something done twice.
//!
//! For `prefetch` messages at once there are as many consumers with one message each ([`slot`]). One whose message has failed
//! is replaced: the message that waits keeps nobody from working.

mod breaker;
mod config;
mod dead_letter;
mod message;
mod retry;
mod session;
mod slot;
mod topology;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use breaker::Breaker;
pub use config::AmqpTriggerError;
pub(crate) use config::TRIGGER_TYPE;
use config::TriggerConfig;
use session::{Session, Trouble};

use crate::app::{App, Component};
use crate::bindings::AmqpHandlerPre;
use crate::state::State;

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

/// Failed messages of one queue that may wait for their next delivery. When there are more, consumers wait with them.
const MAX_WAITING: usize = 1000;

/// One queue, and the component that handles its messages.
pub struct Listener {
    app: Arc<App>,
    component: Arc<Component>,
    handler: AmqpHandlerPre<State>,
    config: TriggerConfig,
    breaker: Breaker,
    /// How many more failed messages may wait.
    waiting: Arc<Semaphore>,
    /// That the first session is there, or could not be had.
    tried: CancellationToken,
}

/// Reads the app's `amqp` triggers.
///
/// # Errors
/// When one is malformed, has no address, or its component has no handler.
pub fn listeners(app: &Arc<App>) -> Result<Vec<Arc<Listener>>, AmqpTriggerError> {
    let mut listeners = Vec::new();
    for config in config::read(app)? {
        let fail = |reason: String| AmqpTriggerError::Config(config.queue.clone(), reason);
        let component = app
            .component(&config.component)
            .ok_or_else(|| fail(format!("there is no component `{}`", config.component)))?;
        let handler = component.amqp_handler.clone().ok_or_else(|| {
            fail(format!("component `{}` does not export concierge:amqp/handler@0.1.0", component.id))
        })?;
        let waiting = Arc::new(Semaphore::new(MAX_WAITING));
        let tried = CancellationToken::new();
        let breaker = Breaker::new(config.pause_after);
        let app = Arc::clone(app);
        listeners.push(Arc::new(Listener { app, component, handler, config, breaker, waiting, tried }));
    }
    Ok(listeners)
}

impl Listener {
    /// Consumes until `stop`, through all troubles of the broker. Then what is being handled is finished, and the rest is
    /// left to others.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let (sessions, session) = watch::channel(None);
        let tasks = TaskTracker::new();
        for _ in 0..self.config.prefetch {
            tasks.spawn(slot::run(Arc::clone(&self), session.clone(), stop.clone(), tasks.clone()));
        }
        let last = self.keep_session(&sessions, &stop).await;
        tasks.close();
        tasks.wait().await;
        if let Some(session) = last {
            session.close().await;
        }
    }

    /// Waits until the queue is there, or could not be had, but not for long. Before that, nobody keeps what is
    /// published.
    pub async fn first_try(&self) {
        // Afterwards it is as if it could not be had.
        let _ = tokio::time::timeout(FIRST_TRY, self.tried.cancelled()).await;
    }

    /// Sees to it that there is a session, until `stop`. What comes back is the one that there is then.
    async fn keep_session(
        &self,
        sessions: &watch::Sender<Option<Arc<Session>>>,
        stop: &CancellationToken,
    ) -> Option<Arc<Session>> {
        let (queue, address) = (self.config.queue.as_str(), self.config.address.name.as_str());
        let mut pause = FIRST_PAUSE;
        // Sessions in a row that did not last.
        let mut short = 0_u32;
        let mut reported = String::new();
        loop {
            let opened = tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                opened = Session::open(&self.config) => opened,
            };
            self.tried.cancel();
            let longest = match opened {
                Ok(session) => {
                    tracing::info!(queue, address, "the amqp trigger is connected");
                    reported.clear();
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
                    pause = FIRST_PAUSE * (1 << short.min(6));
                    LONGEST_PAUSE
                }
                Err((trouble, reason)) => {
                    // Once for each reason: it is tried again for as long as it takes.
                    if reason != reported {
                        report(trouble, queue, address, &reason);
                        reported = reason;
                    }
                    match trouble {
                        Trouble::Connect => LONGEST_PAUSE,
                        Trouble::Topology => {
                            pause = pause.max(FIRST_TOPOLOGY_PAUSE);
                            LONGEST_TOPOLOGY_PAUSE
                        }
                    }
                }
            };
            pause = pause.min(longest);
            tokio::select! {
                () = stop.cancelled() => return None,
                () = crate::pause::up_to(pause) => {}
            }
            pause *= 2;
        }
    }
}

fn report(trouble: Trouble, queue: &str, address: &str, reason: &str) {
    match trouble {
        Trouble::Connect => {
            tracing::warn!(queue, address, reason, "the amqp trigger cannot connect and keeps trying");
        }
        Trouble::Topology => tracing::error!(
            queue,
            address,
            reason,
            "the amqp trigger cannot use the broker as it is: an exchange or a queue is missing, is of another kind, or may \
             not be used; it keeps looking"
        ),
    }
}
