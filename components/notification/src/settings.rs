//! What a consumer is told by its variables.

use crate::sender::Sender;
use events::Policy;
use problem::Problem;
use service_kit::config;
use std::time::Duration;

/// The least time after which a delivery may be taken over.
const MIN_CLAIM_AFTER: Duration = Duration::from_millis(500);
/// The most sends at once of one consumer.
const MAX_CONCURRENCY: usize = 64;

/// The settings of a consumer of Redis.
pub(crate) struct Settings {
    /// Its name, which the delivery log shows. On Kubernetes the pod's.
    pub(crate) consumer: String,
    /// When deliveries are repeated.
    pub(crate) policy: Policy,
    /// How many messages it sends at once.
    pub(crate) concurrency: usize,
}

impl Settings {
    /// Reads the component variables `consumer_name`, `claim_ms`, `retry_ms`, `retry_for`, `max_attempts`,
    /// `pause_after` and `concurrency`.
    ///
    /// # Errors
    /// If one cannot be used, or a message could be taken over while it is still being sent.
    pub(crate) fn from_config(sender: &Sender) -> Result<Self, Problem> {
        let claim_after = Duration::from_millis(config::parsed("claim_ms")?).max(MIN_CLAIM_AFTER);
        if !may_be_claimed_after(claim_after, sender.limit()) {
            let what = format!("must be longer than a send may take, by a tenth: {} ms", sender.limit().as_millis());
            return Err(config::fault("claim_ms", &what));
        }
        let concurrency = config::parsed("concurrency")?;
        if !(1..=MAX_CONCURRENCY).contains(&concurrency) {
            return Err(config::fault("concurrency", "must be from 1 to 64"));
        }
        let policy = Policy {
            claim_after,
            first_retry: Duration::from_millis(config::parsed("retry_ms")?),
            retry_for: Duration::from_secs(config::parsed("retry_for")?),
            max_attempts: Some(config::parsed("max_attempts")?).filter(|most| *most > 0),
            pause_after: config::parsed("pause_after")?,
        };
        Ok(Self { consumer: consumer_name()?, policy, concurrency })
    }
}

/// Whether a message that is taken over after this time is surely not being sent any more.
fn may_be_claimed_after(claim_after: Duration, longest_send: Duration) -> bool {
    claim_after >= longest_send + longest_send / 10
}

/// The component variable `consumer_name`.
pub(crate) fn consumer_name() -> Result<String, Problem> {
    let name = config::text("consumer_name")?;
    if name.trim().is_empty() {
        return Err(config::fault("consumer_name", "is empty"));
    }
    Ok(name)
}
