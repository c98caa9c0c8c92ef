//! GET /notification-ms/readiness: whether requests should be sent here.

use crate::settings;
use service_kit::Response;
use service_kit::broker::{BrokerKind, Redis};
use service_kit::health::{Check, readiness as report};
use service_kit::settings::check;
use std::collections::BTreeMap;
use std::time::Duration;

/// The broker has to answer within this time.
const DEADLINE: Duration = Duration::from_secs(2);

/// Ready if every setting can be used and the broker answers. Of RabbitMQ the AMQP trigger knows, and this component hears when
/// there is a message.
pub(super) fn readiness() -> Response {
    let mut checks = BTreeMap::from([("configuration", check(settings::ALL))]);
    if !is_rabbitmq() {
        checks.insert("broker", Check::run(DEADLINE, Redis::is_alive));
    }
    report(checks)
}

fn is_rabbitmq() -> bool {
    matches!(BrokerKind::from_config(), Ok(BrokerKind::RabbitMq))
}
