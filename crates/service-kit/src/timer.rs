//! Time that passes: a sleep, and a bound on how long something may take.

use futures::future::{Either, select};
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use wasi::clocks::monotonic_clock;

/// Waits, without keeping the host busy.
pub async fn sleep(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Sleep { until: monotonic_clock::now().saturating_add(nanoseconds), token: None }.await;
}

/// The future's output, or `None` if it is not there in time.
pub async fn timeout<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), pin!(sleep(limit))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

struct Sleep {
    until: u64,
    token: Option<spin_executor::CancelOnDropToken>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if monotonic_clock::now() >= self.until {
            return Poll::Ready(());
        }
        let pollable = monotonic_clock::subscribe_instant(self.until);
        let token = spin_executor::push_waker_and_get_token(pollable, context.waker().clone());
        self.token = Some(token.into());
        Poll::Pending
    }
}
