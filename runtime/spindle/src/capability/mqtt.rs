//! MQTT: `fermyon:spin/mqtt@2.0.0`.
//!
//! Spin makes a connection for each `open`; here they come from a pool for each component, address and user. A publish
//! has its connection to itself until the broker has answered, so an answer is never taken for another's. The client ids are
//! our own: two connections of one id would end each other, which is why guests have to make up a new one each time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, Incoming, MqttOptions, Outgoing, QoS};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;
use uuid::Uuid;
use wasmtime::component::{Linker, Resource};

use super::HasState;
use crate::bindings::mqtt::{self as guest, Error as GuestError, Host, HostConnection, Qos};
use crate::hosts::{Destination, default_port};
use crate::pool::{Exhausted, Lease, Pool};
use crate::state::State;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an answer may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long `publish` waits for a free connection.
const LEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// The most connections of one component to one address as one user, unless configured.
const DEFAULT_MAX_CONNECTIONS: usize = 32;

/// The most addresses that one component's pools are kept for.
const MAX_POOLS: usize = 16;

/// The largest message, topic and all.
const MAX_PACKET: usize = 64 * 1024 * 1024;

/// The longest text that the protocol can carry: a topic, a user, a password.
const LONGEST_TEXT: usize = u16::MAX as usize;

/// The usual time between two signs of life; a guest may ask for another, within these limits.
const KEEP_ALIVE_SECONDS: std::ops::RangeInclusive<u64> = 5..=3600;

/// The pools of one component.
#[derive(Debug)]
pub struct Pools {
    max_connections: usize,
    pools: Mutex<HashMap<Login, Arc<Pool<Server>>>>,
}

/// Where a connection goes, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Login {
    host: String,
    port: u16,
    user: String,
    password: String,
    keep_alive: Duration,
}

impl Pools {
    /// Pools of at most so many connections each.
    #[must_use]
    pub fn new(max_connections: Option<usize>) -> Self {
        Self { max_connections: max_connections.unwrap_or(DEFAULT_MAX_CONNECTIONS), pools: Mutex::default() }
    }

    fn pool(&self, login: &Login) -> Arc<Pool<Server>> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(login) {
            return Arc::clone(pool);
        }
        let pool = Pool::new(self.max_connections);
        // An app that makes up addresses gets a pool that nobody will find again.
        if pools.len() < MAX_POOLS {
            pools.insert(login.clone(), Arc::clone(&pool));
        }
        pool
    }
}

/// A connection to a server, and the task that keeps it alive.
#[derive(Debug)]
struct Server {
    client: AsyncClient,
    /// What ends a publish: nothing if it is well.
    answers: mpsc::Receiver<Result<(), String>>,
    open: Arc<AtomicBool>,
    _stop: DropGuard,
}

impl Server {
    async fn connect(login: &Login) -> Result<Self, String> {
        let mut options = MqttOptions::new(format!("spindle-{}", Uuid::new_v4()), &login.host, login.port);
        options.set_keep_alive(login.keep_alive).set_inflight(1).set_max_packet_size(MAX_PACKET, MAX_PACKET);
        if !login.user.is_empty() {
            options.set_credentials(&login.user, &login.password);
        }
        let (client, mut events) = AsyncClient::new(options, 1);
        events.network_options.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
        events.network_options.set_tcp_nodelay(true);
        // The first event is the answer to our greeting.
        match tokio::time::timeout(CONNECT_TIMEOUT * 2, events.poll()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(format!("cannot connect: {}", describe(&error))),
            Err(_) => return Err("cannot connect: no answer in time".to_owned()),
        }
        let (send, answers) = mpsc::channel(1);
        let (open, stop) = (Arc::new(AtomicBool::new(true)), CancellationToken::new());
        let goodbye = client.clone();
        tokio::spawn({
            let (open, stop) = (Arc::clone(&open), stop.clone());
            async move {
                tokio::select! {
                    () = stop.cancelled() => {
                        let close = async {
                            if goodbye.disconnect().await.is_ok() {
                                while !matches!(events.poll().await, Ok(Event::Outgoing(Outgoing::Disconnect)) | Err(_)) {}
                            }
                        };
                        // A server that does not hear it learns it from the socket.
                        let _ = tokio::time::timeout(CLOSE_TIMEOUT, close).await;
                    }
                    () = drive(&mut events, &send) => {}
                }
                open.store(false, Ordering::Release);
            }
        });
        Ok(Self { client, answers, open, _stop: stop.drop_guard() })
    }

    /// Publishes a message and waits for the answer that belongs to its quality of service.
    async fn publish(&mut self, topic: String, payload: Vec<u8>, qos: QoS) -> Result<(), String> {
        let publish = async {
            self.client.publish(topic, qos, false, payload).await.map_err(|_| "the connection is closed".to_owned())?;
            self.answers.recv().await.unwrap_or_else(|| Err("the connection is closed".to_owned()))
        };
        tokio::time::timeout(RESPONSE_TIMEOUT, publish)
            .await
            .unwrap_or_else(|_| Err("the broker has not confirmed it in time".to_owned()))
    }
}

/// Keeps a connection going until it breaks.
async fn drive(events: &mut EventLoop, answers: &mpsc::Sender<Result<(), String>>) {
    loop {
        let answer = match events.poll().await {
            // The last stands for at-most-once, whose packets have no number: it is sent, and nothing comes back.
            Ok(Event::Incoming(Incoming::PubAck(_) | Incoming::PubComp(_)) | Event::Outgoing(Outgoing::Publish(0))) => {
                Ok(())
            }
            Ok(_) => continue,
            Err(error) => Err(describe(&error)),
        };
        let broken = answer.is_err();
        // Nobody hears it if the publish has been given up, with its connection.
        let _ = answers.send(answer).await;
        if broken {
            return;
        }
    }
}

fn describe(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => format!("the broker refuses: {code:?}"),
        ConnectionError::NetworkTimeout => "no answer in time".to_owned(),
        other => other.to_string(),
    }
}

/// A connection that a guest has opened: a right to publish; the network is not touched before that.
#[derive(Debug)]
pub struct Connection {
    login: Login,
    pool: Arc<Pool<Server>>,
}

/// Offers the capability to components.
///
/// # Errors
/// When the linker has it already.
pub fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    guest::add_to_linker::<_, HasState>(linker, |state| state)
}

/// Reads `mqtt://host[:port]?client_id=name`. The client id has to be there, as on Spin, and has no other use.
fn parse_address(address: &str) -> Option<(String, u16)> {
    let url = Url::parse(address).ok().filter(|url| url.scheme() == "mqtt")?;
    url.query_pairs().find(|(name, value)| name == "client_id" && !value.is_empty())?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    // An IPv6 address has brackets in a URL alone.
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some((host, url.port().or_else(|| default_port("mqtt"))?))
}

impl Host for State {}

impl HostConnection for State {
    async fn open(
        &mut self,
        address: String,
        user: String,
        password: String,
        keep_alive: u64,
    ) -> wasmtime::Result<Result<Resource<Connection>, GuestError>> {
        let Some((host, port)) = parse_address(&address) else {
            return Ok(Err(GuestError::InvalidAddress));
        };
        if !self.component.hosts.allows(Destination { scheme: "mqtt", host: &host, port }) {
            let denied = format!("mqtt://{host}:{port}");
            tracing::warn!(
                component = self.component.id,
                denied,
                "a connection was denied: it is not in allowed_outbound_hosts"
            );
            return Ok(Err(GuestError::ConnectionFailed(format!("address {denied} is not permitted"))));
        }
        if user.len() > LONGEST_TEXT || password.len() > LONGEST_TEXT {
            return Ok(Err(GuestError::Other("the user or the password is too long".to_owned())));
        }
        let keep_alive = Duration::from_secs(keep_alive.clamp(*KEEP_ALIVE_SECONDS.start(), *KEEP_ALIVE_SECONDS.end()));
        let login = Login { host, port, user, password, keep_alive };
        let pool = self.component.mqtt.pool(&login);
        Ok(Ok(self.table.push(Connection { login, pool })?))
    }

    async fn publish(
        &mut self,
        connection: Resource<Connection>,
        topic: String,
        payload: Vec<u8>,
        qos: Qos,
    ) -> wasmtime::Result<Result<(), GuestError>> {
        let Connection { login, pool } = self.table.get(&connection)?;
        // Only filters may have wildcards.
        if topic.is_empty() || topic.len() > LONGEST_TEXT || topic.contains(['#', '+', '\0']) {
            return Ok(Err(GuestError::Other("this is no topic to publish to".to_owned())));
        }
        if payload.len() + topic.len() > MAX_PACKET - 16 {
            return Ok(Err(GuestError::Other(format!("the message is larger than {MAX_PACKET} bytes"))));
        }
        let mut lease = match pool.lease(LEASE_TIMEOUT, |server| server.open.load(Ordering::Acquire)).await {
            Ok(lease) => lease,
            Err(Exhausted) => return Ok(Err(GuestError::TooManyConnections)),
        };
        let qos = match qos {
            Qos::AtMostOnce => QoS::AtMostOnce,
            Qos::AtLeastOnce => QoS::AtLeastOnce,
            Qos::ExactlyOnce => QoS::ExactlyOnce,
        };
        let result = publish(&mut lease, login, topic, payload, qos).await;
        if result.is_ok() {
            lease.give_back();
        }
        Ok(result.map_err(GuestError::ConnectionFailed))
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

/// Publishes on a leased connection, which is made first if there is none yet.
async fn publish(
    lease: &mut Lease<Server>,
    login: &Login,
    topic: String,
    payload: Vec<u8>,
    qos: QoS,
) -> Result<(), String> {
    if lease.connection().is_none() {
        lease.fill(Server::connect(login).await?);
    }
    match lease.connection() {
        Some(server) => server.publish(topic, payload, qos).await,
        None => Err("the connection is closed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_spin_does() {
        let host = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(parse_address("mqtt://broker?client_id=a"), host("broker", 1883));
        assert_eq!(parse_address("mqtt://[::1]:7?client_id=a"), host("::1", 7));
        for bad in [
            "mqtt://broker",
            "mqtt://broker?client_id=",
            "mqtts://broker?client_id=a",
            "broker:1883",
            "mqtt://?client_id=a",
        ] {
            assert_eq!(parse_address(bad), None, "{bad}");
        }
    }
}
