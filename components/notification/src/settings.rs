//! The variables of this component, read by requests and consumers and checked by readiness.

use crate::delivery::Outlets;
use crate::management::Management;
use crate::sender::{Apis, Sender};
use crate::templates;
use crate::webhooks::{self, Webhooks};
use events::DeliveryPolicy;
use problem::Problem;
use service_kit::broker::{Broker, BrokerKind};
use service_kit::settings::{Setting, allowed_origins};
use service_kit::{Credential, Service, TokenVerifier, config};
use std::time::Duration;

/// All of them.
pub(crate) const ALL: &[Setting] = &[
    || Credential::of(Service::Operator).map(drop),
    || Credential::of(Service::Scheduler).map(drop),
    || Credential::find(Service::Scraper).map(drop),
    || TokenVerifier::usable_from_config().map(drop),
    || consumer_name().map(drop),
    allowed_origins,
    || Sender::from_config().map(drop),
    // Checked whichever sender is configured, so that switching it holds no surprise.
    Apis::check_mail,
    Apis::check_sms,
    || Apis::mail_url().map(drop),
    || Apis::mail_token().map(drop),
    || Apis::mail_from().map(drop),
    || Apis::reply_to().map(drop),
    || Apis::sms_token().map(drop),
    || templates::brand_name().map(drop),
    || templates::public_url().map(drop),
    || templates::default_locale().map(drop),
    || templates::login_notice().map(drop),
    templates::check,
    || Webhooks::from_config().map(drop),
    || on_redis(Broker::check_config),
    || on_redis(|| claim_after(&outlets()?).map(drop)),
    || on_redis(|| first_retry().map(drop)),
    || on_redis(|| retry_for().map(drop)),
    || on_redis(|| max_attempts().map(drop)),
    || on_redis(|| pause_after().map(drop)),
    || on_redis(|| concurrency().map(drop)),
    || on_rabbitmq(Management::check_config),
];

/// A setting of the consumer of Redis. For RabbitMQ the trigger has the delivery policy.
fn on_redis(read: Setting) -> Result<(), Problem> {
    if matches!(BrokerKind::from_config(), Ok(BrokerKind::RabbitMq)) { Ok(()) } else { read() }
}

fn on_rabbitmq(read: Setting) -> Result<(), Problem> {
    if matches!(BrokerKind::from_config(), Ok(BrokerKind::RabbitMq)) { read() } else { Ok(()) }
}

/// The shortest time after which a delivery may be taken over.
const MIN_CLAIM_AFTER: Duration = Duration::from_millis(500);
/// The most concurrent sends of one consumer.
const MAX_CONCURRENCY: usize = 64;

/// The settings of a consumer of Redis.
pub(crate) struct Settings {
    /// Its name, which the delivery log shows. On Kubernetes the pod's.
    pub(crate) consumer: String,
    /// When deliveries are retried.
    pub(crate) policy: DeliveryPolicy,
    /// How many messages it sends concurrently.
    pub(crate) concurrency: usize,
}

impl Settings {
    /// Reads the component variables `consumer_name`, `claim_ms`, `retry_ms`, `retry_for`, `max_attempts`,
    /// `pause_after` and `concurrency`.
    ///
    /// # Errors
    /// If one cannot be used, or a message could be taken over while it is still being sent.
    pub(crate) fn from_config(outlets: &Outlets) -> Result<Self, Problem> {
        let policy = DeliveryPolicy {
            claim_after: claim_after(outlets)?,
            first_retry: first_retry()?,
            retry_for: retry_for()?,
            max_attempts: Some(max_attempts()?).filter(|most| *most > 0),
            pause_after: pause_after()?,
        };
        Ok(Self { consumer: consumer_name()?, policy, concurrency: concurrency()? })
    }
}

/// Reads all variables by which messages are made and sent.
///
/// # Errors
/// If one cannot be used.
pub(crate) fn outlets() -> Result<Outlets, Problem> {
    Ok(Outlets { sender: Sender::from_config()?, renderer: templates::renderer()?, webhooks: Webhooks::from_config()? })
}

fn claim_after(outlets: &Outlets) -> Result<Duration, Problem> {
    let claim_after = Duration::from_millis(config::parsed("claim_ms")?).max(MIN_CLAIM_AFTER);
    let longest = longest_send(outlets);
    if !may_be_claimed_after(claim_after, longest) {
        let what = format!("must be longer than a send may take, by a tenth: {} ms", longest.as_millis());
        return Err(config::fault("claim_ms", &what));
    }
    Ok(claim_after)
}

/// How long a send may take.
pub(crate) fn longest_send(outlets: &Outlets) -> Duration {
    if outlets.webhooks.is_on() { webhooks::LIMIT } else { Duration::ZERO }.max(outlets.sender.limit())
}

fn first_retry() -> Result<Duration, Problem> {
    config::parsed("retry_ms").map(Duration::from_millis)
}

fn retry_for() -> Result<Duration, Problem> {
    config::parsed("retry_for").map(Duration::from_secs)
}

fn max_attempts() -> Result<u64, Problem> {
    config::parsed("max_attempts")
}

fn pause_after() -> Result<u64, Problem> {
    config::parsed("pause_after")
}

fn concurrency() -> Result<usize, Problem> {
    let concurrency = config::parsed("concurrency")?;
    if !(1..=MAX_CONCURRENCY).contains(&concurrency) {
        return Err(config::fault("concurrency", "must be from 1 to 64"));
    }
    Ok(concurrency)
}

/// Whether a message that is taken over after this time is no longer being sent.
fn may_be_claimed_after(claim_after: Duration, longest_send: Duration) -> bool {
    claim_after >= longest_send + longest_send / 10
}

/// The component variable `consumer_name`.
pub(crate) fn consumer_name() -> Result<String, Problem> {
    config::word("consumer_name")
}
