//! What a consumer is told by its variables.

use events::Policy;
use problem::Problem;
use shell::config;
use std::time::Duration;

/// The least time after which a delivery may be taken over.
const MIN_CLAIM_AFTER: Duration = Duration::from_millis(500);

/// The settings of a consumer of Redis.
pub(crate) struct Settings {
    /// Its name, which the delivery log shows. On Kubernetes the pod's.
    pub(crate) consumer: String,
    /// When deliveries are repeated.
    pub(crate) policy: Policy,
}

impl Settings {
    /// Reads the component variables `consumer_name`, `claim_ms` and `retry_ms`.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        let milliseconds = |name: &str| config::parsed(name).map(Duration::from_millis);
        let policy = Policy {
            claim_after: milliseconds("claim_ms")?.max(MIN_CLAIM_AFTER),
            first_retry: milliseconds("retry_ms")?,
        };
        Ok(Self { consumer: consumer_name()?, policy })
    }
}

/// The component variable `consumer_name`.
pub(crate) fn consumer_name() -> Result<String, Problem> {
    let name = config::text("consumer_name")?;
    if name.trim().is_empty() {
        return Err(config::fault("consumer_name", "is empty"));
    }
    Ok(name)
}
