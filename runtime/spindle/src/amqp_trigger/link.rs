//! A connection to the broker, and what is known about it: that it has ended and why, and whether the broker is short of
//! memory or disk space and reads nothing more from it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::tcp::AsyncTcpStream;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::config::TriggerConfig;
use super::socket::{SocketGuard, SocketHandle};
use super::transport;

/// How long the broker may take to say goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection.
pub(super) struct Link {
    connection: Connection,
    state: Arc<State>,
    _socket: SocketGuard,
    /// Ends the task that looks after the connection.
    _watched: DropGuard,
}

/// What is known about a connection.
#[derive(Debug, Default)]
struct State {
    ended: CancellationToken,
    reason: Mutex<String>,
    blocked: watch::Sender<bool>,
}

impl State {
    /// The first reason counts.
    fn end(&self, reason: impl ToString) {
        let mut first = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_empty() {
            *first = reason.to_string();
        }
        drop(first);
        self.ended.cancel();
    }
}

impl Link {
    /// Connects; what for is in the name of the connection.
    pub(super) async fn open(config: &TriggerConfig, purpose: &str, connect_time: Duration) -> lapin::Result<Self> {
        let socket = SocketGuard::default();
        let connection = connect(config, purpose, socket.handle(), connect_time).await?;
        let state = Arc::new(State::default());
        let watched = CancellationToken::new();
        let queue = config.queue.clone();
        tokio::spawn(watch(connection.events_listener(), Arc::clone(&state), queue, watched.clone()));
        Ok(Self { connection, state, _socket: socket, _watched: watched.drop_guard() })
    }

    pub(super) async fn channel(&self) -> lapin::Result<Channel> {
        self.connection.create_channel().await
    }

    /// Says that the connection is of no more use, and why.
    pub(super) fn end(&self, reason: impl ToString) {
        self.state.end(reason);
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.state.ended.is_cancelled()
    }

    /// Waits until it has ended; gives the reason.
    pub(super) async fn ended(&self) -> String {
        self.state.ended.cancelled().await;
        self.state.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the broker reads from the connection (`false`), or no longer does (`true`).
    pub(super) async fn is_blocked(&self, blocked: bool) {
        // The sender lives as long as we do.
        let _ = self.state.blocked.subscribe().wait_for(|now| *now == blocked).await;
    }

    /// Closes the connection. What was not settled goes back to the queue.
    pub(super) async fn close(&self) {
        // A broker that does not answer learns it from the socket.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.connection.close(200, "done".into())).await;
    }
}

/// Looks out for the end of a connection on which nothing else may be happening.
async fn watch(
    events: impl futures_util::Stream<Item = Event> + Send,
    state: Arc<State>,
    queue: String,
    until: CancellationToken,
) {
    let mut events = std::pin::pin!(events);
    loop {
        let event = tokio::select! {
            () = until.cancelled() => return,
            event = events.next() => event,
        };
        match event {
            Some(Event::Error(error)) => return state.end(error),
            Some(Event::ConnectionBlocked(reason)) => {
                if !state.blocked.send_replace(true) {
                    tracing::warn!(queue, reason, "the broker takes no messages, and so no dead letters: they wait");
                }
            }
            Some(Event::ConnectionUnblocked) => {
                if state.blocked.send_replace(false) {
                    tracing::info!(queue, "the broker takes messages again");
                }
            }
            Some(_) => {}
            None => return state.end("the connection is gone"),
        }
    }
}

/// Connects, by a socket whose guard can shut it down.
async fn connect(
    config: &TriggerConfig,
    purpose: &str,
    socket: SocketHandle,
    connect_time: Duration,
) -> lapin::Result<Connection> {
    let properties = ConnectionProperties::default()
        .with_connection_name(format!("{} {purpose} {}", config.component, config.queue).into());
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
