//! MQTT: `fermyon:spin/mqtt@2.0.0`.
//!
//! Spin makes a connection for each `open`; here they come from a pool for each component, address and user. A publish
//! has its connection to itself until the broker has answered, so an answer is never taken for another's. The client ids are
//! our own: two connections of one id would end each other, which is why guests have to make up a new one each time.

mod bindings;
mod client;

use std::sync::Arc;
use std::time::Duration;

use rumqttc::QoS;
use url::Url;
use wasmtime::component::{Linker, Resource};

use self::bindings::{Error as GuestError, Host, HostConnection, Qos};
use self::client::{Connection, Login, Server};
use super::outbound::Outbound;
use super::view::{Provides, View, ViewOf};
use crate::counters::Outgoing;
use crate::hosts::{Destination, default_port};
use crate::limits::Limits;
use crate::pool::{LeaseError, Pool, Pools, Usage};
use crate::telemetry::MqttServer;

/// The longest text that the protocol can carry: a topic, a user, a password.
const LONGEST_TEXT: usize = u16::MAX as usize;

/// Bytes of a packet that are neither topic nor message.
const PACKET_OVERHEAD: usize = 16;

/// The usual time between two signs of life; a guest may ask for another, within these limits.
const KEEP_ALIVE_SECONDS: std::ops::RangeInclusive<u64> = 5..=3600;

/// A component's access to brokers.
#[derive(Debug)]
pub(crate) struct Access {
    outbound: Arc<Outbound>,
    limits: Arc<Limits>,
    pools: Pools<Login, Arc<Pool<Server>>>,
}

impl Access {
    pub(crate) fn new(outbound: &Arc<Outbound>, limits: &Arc<Limits>) -> Self {
        Self {
            outbound: Arc::clone(outbound),
            limits: Arc::clone(limits),
            pools: Pools::new(limits.pools.0, limits.outbound_connections.0),
        }
    }

    /// How the connections are used.
    pub(crate) fn usage(&self) -> Usage {
        self.pools.usage(|pool| pool.idle_connections())
    }

    fn open(&self, address: &str, user: String, password: String, keep_alive: u64) -> Result<Connection, GuestError> {
        let (host, port) = parse_address(address).ok_or(GuestError::InvalidAddress)?;
        let destination = Destination { scheme: "mqtt", host: &host, port };
        let denied = |_| GuestError::ConnectionFailed(format!("address {address} is not permitted"));
        self.outbound.check(destination).map_err(denied)?;
        if user.len() > LONGEST_TEXT || password.len() > LONGEST_TEXT {
            return Err(GuestError::Other("the user or the password is too long".to_owned()));
        }
        let keep_alive = Duration::from_secs(keep_alive.clamp(*KEEP_ALIVE_SECONDS.start(), *KEEP_ALIVE_SECONDS.end()));
        let login = Login { host, port, user, password, keep_alive };
        let (max, rest) = (self.limits.mqtt_connections.0, self.limits.pool_idle.0);
        let make = |total: &_| Ok::<_, std::convert::Infallible>(Pool::new(max, rest, total));
        let Ok(pool) = self.pools.find(&login, make);
        Ok(Connection { login, pool })
    }

    /// Publishes on a connection of its own.
    async fn publish(
        &self,
        connection: &Connection,
        topic: String,
        payload: Vec<u8>,
        qos: Qos,
    ) -> Result<(), GuestError> {
        let limits = &self.limits;
        // Only filters may have wildcards.
        if topic.is_empty() || topic.len() > LONGEST_TEXT || topic.contains(['#', '+', '\0']) {
            return Err(GuestError::Other("this is not a topic to publish to".to_owned()));
        }
        let max = limits.mqtt_packet.0;
        if payload.len() + topic.len() + PACKET_OVERHEAD > max {
            return Err(GuestError::Other(format!("the message is larger than {max} bytes")));
        }
        let qos = match qos {
            Qos::AtMostOnce => QoS::AtMostOnce,
            Qos::AtLeastOnce => QoS::AtLeastOnce,
            Qos::ExactlyOnce => QoS::ExactlyOnce,
        };
        let connect = Server::connect(&connection.login, limits);
        let leased = connection.pool.lease_or_connect(limits.mqtt_wait.0, Server::is_open, connect).await;
        let mut lease = leased.map_err(|error| match error {
            LeaseError::Exhausted => GuestError::TooManyConnections,
            LeaseError::Connect(error) => GuestError::ConnectionFailed(error),
        })?;
        let Some(server) = lease.connection() else {
            return Err(GuestError::ConnectionFailed("the connection is closed".to_owned()));
        };
        self.outbound.counters().asked(Outgoing::Mqtt);
        server.publish(topic, payload, qos, limits).await.map_err(GuestError::ConnectionFailed)?;
        lease.give_back();
        Ok(())
    }
}

/// Offers the capability to components.
///
/// # Errors
/// When the linker has it already.
pub(crate) fn link<T: Provides<Access>>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    bindings::add_to_linker::<T, ViewOf<Access>>(linker, T::view)
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

impl Host for View<'_, Access> {}

impl HostConnection for View<'_, Access> {
    fn open(
        &mut self,
        address: String,
        user: String,
        password: String,
        keep_alive: u64,
    ) -> wasmtime::Result<Result<Resource<Connection>, GuestError>> {
        let span = MqttServer::open(self.trace);
        let opened = self.context.open(&address, user, password, keep_alive);
        span.end(&opened, "no connection");
        Ok(match opened {
            Ok(connection) => Ok(self.table.push(connection)?),
            Err(error) => Err(error),
        })
    }

    async fn publish(
        &mut self,
        connection: Resource<Connection>,
        topic: String,
        payload: Vec<u8>,
        qos: Qos,
    ) -> wasmtime::Result<Result<(), GuestError>> {
        let span = MqttServer::publish(self.trace, &topic);
        let published = self.context.publish(self.table.get(&connection)?, topic, payload, qos).await;
        span.end(&published, "not published");
        Ok(published)
    }

    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
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
