//! GET /notification-ms/readiness: whether requests should be sent here.

use shell::Response;
use shell::broker::{BrokerKind, Redis};
use shell::health::{Check, readiness as report};
use std::collections::BTreeMap;
use std::time::Duration;

/// The broker has to answer within this time.
const DEADLINE: Duration = Duration::from_secs(2);

/// Ready if the broker answers. Of RabbitMQ the AMQP trigger knows, and this component hears when there is a message.
pub(super) fn readiness() -> Response {
    report(match BrokerKind::from_config() {
        Ok(BrokerKind::RabbitMq) => BTreeMap::new(),
        Ok(BrokerKind::Redis) | Err(_) => [("broker", Check::run(DEADLINE, Redis::is_alive))].into(),
    })
}
