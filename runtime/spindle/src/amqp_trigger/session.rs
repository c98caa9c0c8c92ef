//! A session with the broker: one connection for one queue, with a channel to consume and one for dead letters.
//!
//! A session is never mended. When anything about it breaks, it has ended, and the next one is made from the start.

use std::net::{Shutdown, TcpStream as Socket};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_compat::Compat;
use futures_util::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions};
use lapin::tcp::{AsyncTcpStream, TLSConfig};
use lapin::types::FieldTable;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, Consumer, Event};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::config::TriggerConfig;
use super::topology::{self, Declare};

/// How long the broker may take to let us in and to declare everything.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a TCP connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the broker may take to say goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why there is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The broker cannot be reached, or does not let us in.
    Connect,
    /// What the trigger needs is not there, is different, or may not be used.
    Topology,
}

/// A session.
pub(super) struct Session {
    connection: Connection,
    consuming: Channel,
    /// Publishes dead letters, with confirms.
    pub(super) burying: Channel,
    queue: String,
    consumer: String,
    ending: Arc<Ending>,
    _grip: Grip,
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
    pub(super) async fn open(config: &TriggerConfig) -> Result<Self, (Trouble, String)> {
        let declare = if config.declare { Declare::Everything } else { Declare::Nothing };
        let open = async {
            match Self::try_open(config, declare).await {
                Err((Trouble::Topology, reason)) if topology::has_another_limit(&reason) => {
                    let queue = config.queue.as_str();
                    tracing::warn!(queue, reason, "a queue was declared with another limit: it is used as it is");
                    Self::try_open(config, Declare::AllButQueues).await
                }
                opened => opened,
            }
        };
        tokio::time::timeout(OPEN_TIMEOUT, open)
            .await
            .unwrap_or_else(|_| Err((Trouble::Connect, "the broker does not answer in time".to_owned())))
    }

    async fn try_open(config: &TriggerConfig, declare: Declare) -> Result<Self, (Trouble, String)> {
        let connect = |error: lapin::Error| (Trouble::Connect, error.to_string());
        let topology = |error: lapin::Error| (Trouble::Topology, error.to_string());
        let grip = Grip::default();
        let connection = connection(config, &grip).await.map_err(connect)?;
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
        let burying = connection.create_channel().await.map_err(connect)?;
        burying.confirm_select(ConfirmSelectOptions::default()).await.map_err(topology)?;
        Ok(Self {
            connection,
            consuming,
            burying,
            queue: config.queue.clone(),
            consumer: config.component.clone(),
            ending,
            _grip: grip,
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

/// Connects, by a socket that `grip` can shut down.
async fn connection(config: &TriggerConfig, grip: &Grip) -> lapin::Result<Connection> {
    let properties = ConnectionProperties::default()
        .with_connection_name(format!("{} from {}", config.component, config.queue).into());
    let grip = Arc::clone(&grip.0);
    let connect = async move |uri: AMQPUri, _| {
        let host = uri.authority.host.as_str();
        let connect = TcpStream::connect((host, uri.authority.port));
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, connect).await.map_err(std::io::Error::from)??;
        stream.set_nodelay(true)?;
        grip.take(&stream)?;
        let stream = AsyncTcpStream::Plain(Compat::new(stream));
        match uri.scheme {
            AMQPScheme::AMQP => Ok(stream),
            AMQPScheme::AMQPS => Ok(stream.into_tls(host, TLSConfig::default()).await?),
        }
    };
    Connection::connector(config.address.uri.clone(), lapin::runtime::default_runtime()?, connect, properties).await
}

/// The right to shut a connection's socket down, which is done when this is dropped. The client has a thread for each
/// connection, and a broker that says nothing would keep it for ever.
#[derive(Debug, Default)]
struct Grip(Arc<Gripped>);

#[derive(Debug, Default)]
struct Gripped(Mutex<Grasp>);

#[derive(Debug, Default)]
enum Grasp {
    #[default]
    Nothing,
    Socket(Socket),
    Released,
}

impl Gripped {
    fn take(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut grasp = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*grasp, Grasp::Released) {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        *grasp = Grasp::Socket(stream.as_fd().try_clone_to_owned()?.into());
        Ok(())
    }
}

impl Drop for Grip {
    fn drop(&mut self) {
        let mut grasp = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Grasp::Socket(socket) = std::mem::replace(&mut *grasp, Grasp::Released) {
            // It is closed already, or is now.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}
