//! Acknowledging what was sent, although Redis may not answer for a moment: an acknowledgement that is given up leads to a second
//! message.

use events::Queue;
use events::redis::{self, Command};
use service_kit::broker::{BrokerError, Redis};
use std::time::{Duration, Instant};

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(250);
/// How many replies of a Redis that is there end the attempts: it will reply the same again.
const REFUSALS: u32 = 2;

/// Acknowledges, and tries again until `until`. An attempt that got no answer may have succeeded; then nothing is left to do.
pub(crate) async fn acknowledge(
    broker: &Redis,
    command: &Command,
    (queue, event_id): (Queue, &str),
    until: Instant,
) -> Result<(), BrokerError> {
    let Err(mut error) = broker.run(command) else { return Ok(()) };
    let mut refusals = 0;
    while Instant::now() < until && refusals < REFUSALS {
        service_kit::sleep(PAUSE).await;
        // The connection may be what has failed.
        let Ok(broker) = Redis::connect() else { continue };
        let known = broker.run(&redis::get_deduplication_key(queue, event_id));
        let outcome = match known.and_then(|replies| Ok(redis::was_sent(&replies)?)) {
            Ok(true) => return Ok(()),
            Ok(false) => broker.run(command),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(_) => return Ok(()),
            Err(next) => error = next,
        }
        refusals += u32::from(broker.has_refused(&error));
    }
    Err(error)
}
