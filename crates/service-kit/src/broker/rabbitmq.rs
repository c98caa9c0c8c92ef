//! Publishing to RabbitMQ: over MQTT, on topics named after the exchanges.

use super::BrokerError;
use crate::config;
use events::Exchange;
use problem::Problem;
use spin_sdk::mqtt::{Connection, Error, Qos};
use std::cell::RefCell;
use uuid::Uuid;

/// MQTT's keep-alive. No connection lives that long.
const KEEP_ALIVE_SECONDS: u64 = 30;

/// The broker's address and the credentials for publishing.
pub(super) struct Login {
    url: String,
    user: String,
    password: String,
}

impl Login {
    /// Reads the component variables `mqtt_url`, `mqtt_user` and `mqtt_password`.
    pub(super) fn from_config() -> Result<Self, Problem> {
        let url = config::address("mqtt_url", &["mqtt", "mqtts"])?;
        Ok(Self { url, user: config::word("mqtt_user")?, password: config::text("mqtt_password")? })
    }
}

/// A connection to RabbitMQ's MQTT plugin, established by the first event that is published.
pub struct RabbitMq {
    connection: Connection,
    /// Why an event could not be published. The following ones then fail at once, since each could take until its timeout.
    failed: RefCell<Option<BrokerError>>,
}

impl RabbitMq {
    /// Reads the component variables `mqtt_url`, `mqtt_user` and `mqtt_password`.
    pub(super) fn connect() -> Result<Self, BrokerError> {
        let Login { url, user, password } =
            Login::from_config().map_err(|_| BrokerError::NotConfigured("mqtt_url, mqtt_user or mqtt_password"))?;
        // Two connections of one client id would end each other.
        let address = format!("{url}?client_id={}", Uuid::new_v4());
        let connection = Connection::open(&address, &user, &password, KEEP_ALIVE_SECONDS).map_err(describe)?;
        Ok(Self { connection, failed: RefCell::new(None) })
    }

    /// Publishes on the topic named after the exchange, and waits for the confirmation. `amq.topic` routes it to the
    /// exchange.
    pub(super) fn publish(&self, exchange: Exchange, event: &str) -> Result<(), BrokerError> {
        if let Some(error) = &*self.failed.borrow() {
            return Err(error.clone());
        }
        let result = self.connection.publish(exchange.name(), event.as_bytes(), Qos::AtLeastOnce).map_err(describe);
        if let Err(error) = &result {
            self.failed.replace(Some(error.clone()));
        }
        result
    }
}

fn describe(error: Error) -> BrokerError {
    BrokerError::RabbitMq(match error {
        Error::InvalidAddress => "the address is not valid".to_owned(),
        Error::TooManyConnections => "too many connections".to_owned(),
        Error::ConnectionFailed(message) | Error::Other(message) => message,
    })
}
