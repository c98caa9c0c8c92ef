//! GET /notification-ms/readiness: whether requests should be sent here.

use crate::settings;
use api::notification::{Checks, Readiness};
use service_kit::Response;
use service_kit::broker::{BrokerKind, Redis};
use service_kit::health::run_check;
use service_kit::settings::check;
use std::time::Duration;

/// The broker has to answer within this time.
const DEADLINE: Duration = Duration::from_secs(2);

/// Ready if every setting is valid and the broker answers. The AMQP trigger has the connection to RabbitMQ, and this component
/// is only called when there is a message.
pub(super) fn readiness() -> Response {
    let broker = (!is_rabbitmq()).then(|| run_check(DEADLINE, Redis::is_alive));
    let readiness = Readiness::new(Checks { configuration: check(settings::ALL), broker });
    service_kit::health::readiness(readiness.status, &readiness)
}

fn is_rabbitmq() -> bool {
    matches!(BrokerKind::from_config(), Ok(BrokerKind::RabbitMq))
}
