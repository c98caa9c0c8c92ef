//! A session with the broker: one connection for one queue, with a channel to consume and one for dead letters.
//!
//! A session is never mended. When anything about it breaks, it has ended, and the next one is made from the start.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions};
use lapin::tcp::AsyncTcpStream;
use lapin::types::FieldTable;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, Consumer, Event};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::config::TriggerConfig;
use super::socket::{SocketGuard, SocketHandle};
use super::topology::{self, Declare};
use super::transport;
use crate::limits::Limits;

/// How long the broker may take to say goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

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
    connection: Connection,
    consuming: Channel,
    /// Publishes dead letters, with confirms.
    pub(super) dead_letters: Channel,
    queue: String,
    consumer: String,
    ending: Arc<Ending>,
    _socket: SocketGuard,
    /// Ends the task that looks after the connection.
    _watched: DropGuard,
}

/// That a session has ended, and why.
#[derive(Debug, Default)]
struct Ending {
    ended: CancellationToken,
    reason: Mutex<String>,
}

impl Ending {
    /// The first reason counts.
    fn set(&self, reason: impl ToString) {
        let mut first = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_empty() {
            *first = reason.to_string();
        }
        drop(first);
        self.ended.cancel();
    }
}

impl Session {
    /// Connects, and sees to it that everything is there.
    pub(super) async fn open(config: &TriggerConfig, limits: &Limits) -> Result<Self, OpenError> {
        let declare = if config.declare { Declare::Everything } else { Declare::Nothing };
        let open = async {
            match Self::try_open(config, declare, limits).await {
                Err(OpenError::Topology(reason)) if topology::has_another_limit(&reason) => {
                    let queue = config.queue.as_str();
                    tracing::warn!(queue, reason, "a queue was declared with another limit: it is used as it is");
                    Self::try_open(config, Declare::AllButQueues, limits).await
                }
                opened => opened,
            }
        };
        tokio::time::timeout(limits.amqp_open.0, open)
            .await
            .unwrap_or_else(|_| Err(OpenError::Connect("the broker does not answer in time".to_owned())))
    }

    async fn try_open(config: &TriggerConfig, declare: Declare, limits: &Limits) -> Result<Self, OpenError> {
        let connect = |error: lapin::Error| OpenError::Connect(error.to_string());
        let topology = |error: lapin::Error| OpenError::Topology(error.to_string());
        let socket = SocketGuard::default();
        let connection = connection(config, socket.handle(), limits.amqp_connect.0).await.map_err(connect)?;
        let ending = Arc::new(Ending::default());
        let watched = CancellationToken::new();
        tokio::spawn(watch(connection.events_listener(), Arc::clone(&ending), watched.clone()));
        // A channel of its own: a refusal closes it.
        let declaring = connection.create_channel().await.map_err(connect)?;
        topology::establish(&declaring, config, declare).await.map_err(topology)?;
        // It has done what it was for.
        let _ = declaring.close(200, "done".into()).await;
        let consuming = connection.create_channel().await.map_err(connect)?;
        // Each consumer gets its next message when it is done with the one before.
        consuming.basic_qos(1, BasicQosOptions::default()).await.map_err(topology)?;
        let dead_letters = connection.create_channel().await.map_err(connect)?;
        dead_letters.confirm_select(ConfirmSelectOptions::default()).await.map_err(topology)?;
        Ok(Self {
            connection,
            consuming,
            dead_letters,
            queue: config.queue.clone(),
            consumer: config.component.clone(),
            ending,
            _socket: socket,
            _watched: watched.drop_guard(),
        })
    }

    /// A new consumer, which gets one message at a time.
    pub(super) async fn consume(&self) -> lapin::Result<Consumer> {
        let tag = format!("{}-{}", self.consumer, Uuid::new_v4());
        let options = BasicConsumeOptions::default();
        self.consuming.basic_consume(self.queue.as_str().into(), tag.into(), options, FieldTable::default()).await
    }

    /// Ends a consumer: no further message comes. What it has not settled yet it may still settle.
    pub(super) async fn cancel(&self, consumer: &Consumer) -> lapin::Result<()> {
        self.consuming.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await
    }

    /// Says that the session is of no more use, and why.
    pub(super) fn end(&self, reason: impl ToString) {
        self.ending.set(reason);
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.ending.ended.is_cancelled()
    }

    /// Waits until it has ended; gives the reason.
    pub(super) async fn ended(&self) -> String {
        self.ending.ended.cancelled().await;
        self.ending.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes the connection. What was not settled goes back to the queue.
    pub(super) async fn close(&self) {
        // A broker that does not answer learns it from the socket.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.connection.close(200, "done".into())).await;
    }
}

/// Looks out for the end of a connection on which nothing else may be happening.
async fn watch(events: impl futures_util::Stream<Item = Event> + Send, ending: Arc<Ending>, until: CancellationToken) {
    let mut events = std::pin::pin!(events);
    loop {
        tokio::select! {
            () = until.cancelled() => return,
            event = events.next() => match event {
                Some(Event::Error(error)) => return ending.set(error),
                Some(_) => {}
                None => return ending.set("the connection is gone"),
            },
        }
    }
}

/// Connects, by a socket whose guard can shut it down.
async fn connection(config: &TriggerConfig, socket: SocketHandle, connect_time: Duration) -> lapin::Result<Connection> {
    let properties = ConnectionProperties::default()
        .with_connection_name(format!("{} from {}", config.component, config.queue).into());
    let connect = async move |uri: AMQPUri, _| {
        let host = uri.authority.host.as_str();
        let connect = TcpStream::connect((host, uri.authority.port));
        let stream = tokio::time::timeout(connect_time, connect).await.map_err(std::io::Error::from)??;
        stream.set_nodelay(true)?;
        socket.set(&stream)?;
        let transport = match uri.scheme {
            AMQPScheme::AMQP => transport::plain(stream),
            AMQPScheme::AMQPS => transport::tls(stream, host).await?,
        };
        Ok(AsyncTcpStream::Plain(transport))
    };
    Connection::connector(config.address.uri.clone(), transport::runtime(), connect, properties).await
}
