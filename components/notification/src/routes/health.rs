//! GET /notification-ms/readiness: whether requests should be sent here.

use crate::sender::Sender;
use crate::settings::{Settings, consumer_name};
use problem::Problem;
use service_kit::broker::{Broker, BrokerKind, Redis};
use service_kit::health::{Check, readiness as report};
use service_kit::settings::{self, Setting};
use service_kit::{AccessTokens, Credential, Response, Service};
use std::collections::BTreeMap;
use std::time::Duration;

/// The broker has to answer within this time.
const DEADLINE: Duration = Duration::from_secs(2);

/// All variables of this component.
const SETTINGS: &[Setting] = &[
    || Credential::of(Service::Operator).map(drop),
    || Credential::of(Service::Scheduler).map(drop),
    || AccessTokens::usable_from_config().map(drop),
    || Sender::from_config().map(drop),
    consuming,
];

/// Ready if every setting can be used and the broker answers. Of RabbitMQ the AMQP trigger knows, and this component hears when
/// there is a message.
pub(super) fn readiness() -> Response {
    let mut checks = BTreeMap::from([("configuration", settings::check(SETTINGS))]);
    if !is_rabbitmq() {
        checks.insert("broker", Check::run(DEADLINE, Redis::is_alive));
    }
    report(checks)
}

/// What consumers need. Those of RabbitMQ are told when to repeat by their trigger.
fn consuming() -> Result<(), Problem> {
    if is_rabbitmq() {
        return consumer_name().map(drop);
    }
    Broker::check_config()?;
    Settings::from_config(&Sender::from_config()?).map(drop)
}

fn is_rabbitmq() -> bool {
    matches!(BrokerKind::from_config(), Ok(BrokerKind::RabbitMq))
}
