//! Messages that stay unacknowledged for a while: until their next delivery, or until their dead letter is safe.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lapin::Acker;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::queue::Queue;
use super::session::{Lost, Session};
use crate::limits::AMQP_HOLD;

/// A message that is held.
pub(super) struct Held {
    pub(super) acker: Acker,
    pub(super) until: Until,
    /// Since when it is unacknowledged.
    pub(super) since: Instant,
    /// How many bytes of it are kept here.
    pub(super) size: usize,
}

/// What a held message waits for.
pub(super) enum Until {
    /// Its next delivery.
    Delay(Duration),
    /// That its dead letter is safe.
    DeadLetter(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// Room for a message to be held.
pub(super) struct Room(#[expect(dead_code, reason = "it is given back when it is dropped")] [OwnedSemaphorePermit; 2]);

impl Held {
    /// Room for it, if there is any.
    pub(super) fn room(&self, queue: &Queue) -> Option<Room> {
        let kib = u32::try_from(self.size / 1024).ok()?;
        let message = Arc::clone(&queue.waiting).try_acquire_owned().ok()?;
        let bytes = Arc::clone(&queue.waiting_kib).try_acquire_many_owned(kib).ok()?;
        Some(Room([message, bytes]))
    }

    /// Waits, and settles the message. At the end of the app nothing waits: others may have the message now.
    pub(super) async fn settle(self, session: &Session, stop: &CancellationToken) -> Result<(), Lost> {
        let Self { acker, until, since, .. } = self;
        let left = left(since.elapsed());
        match until {
            Until::Delay(delay) => {
                tokio::select! {
                    // It comes again by itself.
                    _ = session.ended() => return Ok(()),
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(delay.min(left)) => {}
                }
                session.reject(&acker).await
            }
            Until::DeadLetter(safe) => tokio::select! {
                biased;
                () = safe => session.acknowledge(&acker).await,
                _ = session.ended() => Ok(()),
                () = stop.cancelled() => session.give_back(&acker).await,
                () = tokio::time::sleep(left) => session.reject(&acker).await,
            },
        }
    }
}

/// For how long a message may still be held that has been for so long.
pub(super) fn left(held: Duration) -> Duration {
    AMQP_HOLD.0.saturating_sub(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_for_a_message_and_its_delay_together_have_a_limit() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        assert_eq!(left(minutes(1)), minutes(28));
        assert_eq!(left(minutes(20)), minutes(9));
        assert_eq!(left(minutes(31)), Duration::ZERO);
    }
}
