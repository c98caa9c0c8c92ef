//! The report's sender: it counts down and sends nothing.

use problem::Problem;
use service_kit::config;
use std::time::Duration;

/// Takes `send_ms` milliseconds for each message.
pub(crate) struct Simulate {
    takes: Duration,
}

impl Simulate {
    /// Reads the component variable `send_ms`.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        Ok(Self { takes: Duration::from_millis(config::parsed("send_ms")?) })
    }

    /// How long a send takes.
    pub(crate) fn takes(&self) -> Duration {
        self.takes
    }

    /// Waits.
    pub(crate) async fn send(&self) {
        service_kit::sleep(self.takes).await;
    }
}
