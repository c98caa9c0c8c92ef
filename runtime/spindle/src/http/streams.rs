//! The streams of HTTP/2 connections: where they run, and what becomes of one whose answer is not taken.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::runtime::Handle;
use tokio::time::Instant;

tokio::task_local! {
    /// The stream that the current task serves; none on HTTP/1.
    static STREAM: Sending;
}

/// Nothing waits for the client.
const NOT: u64 = u64::MAX;

/// Since when an answer waits for the client to take the next part of it.
#[derive(Debug)]
struct Sending {
    start: Instant,
    since: AtomicU64,
}

impl Sending {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NOT)
    }

    /// How long it has waited.
    fn waits(&self) -> Duration {
        match self.since.load(Ordering::Relaxed) {
            NOT => Duration::ZERO,
            since => Duration::from_millis(self.now().saturating_sub(since)),
        }
    }
}

/// From now on the answer of the current stream waits for the client.
pub(super) fn wait_for_client() {
    let _ = STREAM.try_with(|stream| stream.since.store(stream.now(), Ordering::Relaxed));
}

/// From now on the current stream waits for its component.
pub(super) fn wait_for_component() {
    let _ = STREAM.try_with(|stream| stream.since.store(NOT, Ordering::Relaxed));
}

/// Runs the streams of an HTTP/2 connection: one connection may carry all that a proxy has, too much for one thread.
///
/// HTTP/2 has windows of its own, so that a client can leave one answer untaken while the connection is alive. Such a stream
/// is reset, and what it held is free again.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    /// Where they run.
    pub(super) runtime: Handle,
    /// How long an answer may wait for the client.
    pub(super) write_time: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.runtime.spawn(run(stream, self.write_time));
    }
}

async fn run(stream: impl Future<Output = ()>, write_time: Duration) {
    let sending = Sending { start: Instant::now(), since: AtomicU64::new(NOT) };
    STREAM
        .scope(sending, async {
            let mut stream = std::pin::pin!(stream);
            let mut wait = write_time;
            loop {
                tokio::select! {
                    biased;
                    () = &mut stream => return,
                    () = tokio::time::sleep(wait) => {}
                }
                let waits = STREAM.with(Sending::waits);
                if waits >= write_time {
                    return;
                }
                wait = write_time.saturating_sub(waits);
            }
        })
        .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_that_the_client_does_not_take_ends() {
        let start = Instant::now();
        let stream = async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            wait_for_client();
            std::future::pending::<()>().await;
        };
        run(stream, Duration::from_millis(100)).await;
        assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn a_stream_whose_component_is_slow_goes_on() {
        let mut ended = false;
        let stream = async {
            for _ in 0..3 {
                wait_for_client();
                wait_for_component();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            ended = true;
        };
        run(stream, Duration::from_millis(50)).await;
        assert!(ended);
    }
}
