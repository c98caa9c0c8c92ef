//! Publishes the dead letters of a queue, on a connection of its own that is made when the first is needed: a broker short of
//! memory or disk space stops reading from connections that publish, and acknowledgements must not wait for that.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lapin::Channel;
use lapin::options::ConfirmSelectOptions;
use tokio::sync::watch;

use super::config::TriggerConfig;
use super::dead_letter::{DeadLetter, PublishError};
use super::link::Link;
use crate::backoff::Backoff;
use crate::limits::Limits;

/// The pauses between attempts to keep a dead letter.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// For how long a connection that could not be made is not tried for again.
const CONNECT_PAUSE: Duration = Duration::from_millis(500);

/// Where the dead letters of a queue go.
pub(super) struct DeadLetters {
    config: TriggerConfig,
    limits: Limits,
    publisher: tokio::sync::Mutex<Option<Opened>>,
    /// Whether dead letters cannot be kept now.
    stalled: watch::Sender<bool>,
    /// What was said about it last.
    reported: Mutex<Option<String>>,
}

/// The attempt to connect: what came of it, and when.
type Opened = (Result<Arc<Publisher>, String>, Instant);

struct Publisher {
    link: Link,
    channel: Channel,
}

impl DeadLetters {
    pub(super) fn new(config: &TriggerConfig, limits: &Limits) -> Self {
        Self {
            config: config.clone(),
            limits: limits.clone(),
            publisher: tokio::sync::Mutex::default(),
            stalled: watch::Sender::default(),
            reported: Mutex::default(),
        }
    }

    /// Keeps a dead letter, however often that has to be tried.
    pub(super) async fn keep(&self, letter: DeadLetter) {
        let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while let Err(reason) = self.try_to_keep(&letter).await {
            self.stalled.send_replace(true);
            self.report(reason);
            pauses.wait().await;
        }
        self.stalled.send_replace(false);
        *self.reported.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Once for each reason, however many messages it concerns.
    fn report(&self, reason: String) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.as_ref() != Some(&reason) {
            let queue = self.config.queue.as_str();
            tracing::error!(queue, reason, "a dead letter cannot be kept: the message stays, and it is tried again");
            *reported = Some(reason);
        }
    }

    /// Waits until dead letters cannot be kept.
    pub(super) async fn stalled(&self) {
        // The sender lives as long as we do.
        let _ = self.stalled.subscribe().wait_for(|stalled| *stalled).await;
    }

    /// Closes the connection, if there is one.
    pub(super) async fn close(&self) {
        if let Some((Ok(publisher), _)) = self.publisher.lock().await.take() {
            publisher.link.close().await;
        }
    }

    async fn try_to_keep(&self, letter: &DeadLetter) -> Result<(), String> {
        let publisher = self.publisher().await?;
        let link = &publisher.link;
        let publish = letter.publish(&publisher.channel, &self.config.dead_letter);
        tokio::pin!(publish);
        loop {
            let confirm_time = self.limits.amqp_confirm.0;
            let result = tokio::select! {
                biased;
                result = &mut publish => result,
                reason = link.ended() => return Err(reason),
                // What the broker does not read cannot be confirmed. It may have it already, so it is not sent again.
                () = link.is_blocked(true) => {
                    self.stalled.send_replace(true);
                    tokio::select! {
                        biased;
                        result = &mut publish => result,
                        reason = link.ended() => return Err(reason),
                        () = link.is_blocked(false) => continue,
                    }
                }
                () = tokio::time::sleep(confirm_time) => {
                    Err(PublishError::Broken("the broker did not confirm it in time".to_owned()))
                }
            };
            return result.map_err(|error| match error {
                PublishError::Refused(reason) => reason,
                PublishError::Broken(reason) => {
                    link.end(&reason);
                    reason
                }
            });
        }
    }

    /// The connection, which is made if there is none.
    async fn publisher(&self) -> Result<Arc<Publisher>, String> {
        let mut opened = self.publisher.lock().await;
        match opened.as_ref() {
            Some((Ok(publisher), _)) if !publisher.link.has_ended() => return Ok(Arc::clone(publisher)),
            Some((Err(reason), when)) if when.elapsed() < CONNECT_PAUSE => return Err(reason.clone()),
            _ => {}
        }
        let open = tokio::time::timeout(self.limits.amqp_open.0, self.open());
        let publisher = match open.await {
            Ok(publisher) => publisher.map(Arc::new).map_err(|error| error.to_string()),
            Err(_) => Err("the broker does not answer in time".to_owned()),
        };
        *opened = Some((publisher.clone(), Instant::now()));
        publisher
    }

    async fn open(&self) -> lapin::Result<Publisher> {
        let link = Link::open(&self.config, "dead letters of", self.limits.amqp_connect.0).await?;
        let channel = link.channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Publisher { link, channel })
    }
}
