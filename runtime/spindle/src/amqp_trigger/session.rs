//! A session with the broker: one connection for one queue, to consume. Nothing is published on it: the broker stops reading
//! from a connection that publishes when it is short of memory or disk space, and so would not see acknowledgements either.
//!
//! A session is never mended. When anything about it breaks, it has ended, and the next one is made from the start.

use std::time::Duration;

use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::types::FieldTable;
use lapin::{Acker, Channel, Consumer, ErrorKind};
use uuid::Uuid;

use super::config::TriggerConfig;
use super::link::Link;
use super::topology::{self, Difference, EstablishError};
use crate::limits::Limits;

/// How long the reason for the end of a channel may take to be known.
const CAUSE_KNOWN: Duration = Duration::from_secs(1);

/// Why a session is of no more use.
pub(super) type Lost = String;

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OpenError {
    /// The broker cannot be reached, or does not let us in.
    Connect(String),
    /// What the trigger needs is not there, is different, or may not be used.
    Topology(String),
}

/// A session.
pub(super) struct Session {
    link: Link,
    consuming: Channel,
    queue: String,
    consumer: String,
    settle_time: Duration,
    /// Queues that are used as they are.
    pub(super) differences: Vec<Difference>,
}

impl Session {
    /// Connects, and sees to it that everything is there.
    pub(super) async fn open(config: &TriggerConfig, limits: &Limits) -> Result<Self, OpenError> {
        tokio::time::timeout(limits.amqp_open.0, Self::open_untimed(config, limits))
            .await
            .unwrap_or_else(|_| Err(OpenError::Connect("the broker does not answer in time".to_owned())))
    }

    async fn open_untimed(config: &TriggerConfig, limits: &Limits) -> Result<Self, OpenError> {
        let connect = |error: lapin::Error| OpenError::Connect(error.to_string());
        let topology = |error: lapin::Error| OpenError::Topology(error.to_string());
        let mut differences = Vec::new();
        let link = loop {
            let link = Link::open(config, "from", limits.amqp_connect.0).await.map_err(connect)?;
            match topology::establish(&link, config, &differences).await {
                Ok(()) => break link,
                // Once for each queue.
                Err(EstablishError::Different(difference)) => differences.push(difference),
                Err(EstablishError::Failed(error)) => return Err(topology(error)),
            }
        };
        let consuming = link.channel().await.map_err(connect)?;
        // Each consumer gets its next message when it is done with the one before.
        consuming.basic_qos(1, BasicQosOptions::default()).await.map_err(topology)?;
        Ok(Self {
            link,
            consuming,
            queue: config.queue.clone(),
            consumer: config.component.clone(),
            settle_time: limits.amqp_settle.0,
            differences,
        })
    }

    /// A new consumer, which gets one message at a time.
    pub(super) async fn consume(&self) -> Result<Consumer, Lost> {
        let tag = format!("{}-{}", self.consumer, Uuid::new_v4());
        let options = BasicConsumeOptions::default();
        let (queue, table) = (self.queue.as_str().into(), FieldTable::default());
        self.in_time(self.consuming.basic_consume(queue, tag.into(), options, table)).await
    }

    /// Ends a consumer: no further message comes. What it has not settled yet it may still settle.
    pub(super) async fn cancel(&self, consumer: &Consumer) -> Result<(), Lost> {
        self.in_time(self.consuming.basic_cancel(consumer.tag(), BasicCancelOptions::default())).await
    }

    /// Acknowledges a message.
    pub(super) async fn acknowledge(&self, acker: &Acker) -> Result<(), Lost> {
        if self.in_time(acker.ack(BasicAckOptions::default())).await? {
            return Ok(());
        }
        // The broker delivers it again: it was handled, and may be handled twice.
        Err("it was lost before a message could be acknowledged, which comes again".to_owned())
    }

    /// Gives a message back as one that was not handled. By `reject` and not by `nack`: RabbitMQ counts only the former
    /// since 4.3.
    pub(super) async fn reject(&self, acker: &Acker) -> Result<(), Lost> {
        self.in_time(acker.reject(BasicRejectOptions { requeue: true })).await.map(drop)
    }

    /// Gives a message back that nobody has tried to handle.
    pub(super) async fn give_back(&self, acker: &Acker) -> Result<(), Lost> {
        let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        self.in_time(acker.nack(options)).await.map(drop)
    }

    async fn in_time<T>(&self, asked: impl Future<Output = lapin::Result<T>>) -> Result<T, Lost> {
        match tokio::time::timeout(self.settle_time, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.cause(&error).await),
            Err(_) => Err("the broker takes no acknowledgements, or does not answer".to_owned()),
        }
    }

    /// Why something failed. That a channel is closing already is what comes of another reason, which is about to be known.
    async fn cause(&self, error: &lapin::Error) -> Lost {
        let known = match error.kind() {
            ErrorKind::InvalidChannelState(..) | ErrorKind::InvalidConnectionState(..) => {
                tokio::time::timeout(CAUSE_KNOWN, self.ended()).await.ok()
            }
            _ => None,
        };
        known.unwrap_or_else(|| error.to_string())
    }

    /// Says that the session is of no more use, and why.
    pub(super) fn end(&self, reason: impl ToString) {
        self.link.end(reason);
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.link.has_ended()
    }

    /// Waits until it has ended; gives the reason.
    pub(super) async fn ended(&self) -> Lost {
        self.link.ended().await
    }

    /// Closes the connection. What was not settled goes back to the queue.
    pub(super) async fn close(&self) {
        self.link.close().await;
    }
}
