//! The broker of a backend, started again under an app that goes on.

use crate::app::TestApp;
use crate::backend::Backend;
use std::time::Duration;

/// Until the app is in touch with it.
const LIMIT: Duration = Duration::from_secs(20);

impl Backend {
    /// Starts the broker again, on the data that it had, and waits until `app` is in touch with it.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_broker_again(&self, app: &TestApp) {
        match &self.rabbit {
            Some(rabbit) => rabbit.server.start_again().expect("RabbitMQ starts again"),
            None => self.redis.start_again().expect("Redis starts again"),
        }
        app.wait_for("/notification-ms/readiness", 200, LIMIT);
    }
}
