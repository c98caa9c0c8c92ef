//! What is under way: its trace, and its request id.

use crate::TraceContext;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;

/// What log lines, calls and events of one request or message have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correlation {
    /// Its trace.
    pub trace: TraceContext,
    /// The `x-request-id` of the request that it began with, if that is known.
    pub request_id: Option<String>,
}

thread_local! {
    static CURRENT: RefCell<Option<Correlation>> = const { RefCell::new(None) };
}

/// The correlation of the innermost [`scope`] that runs, if any does.
#[must_use]
pub fn current() -> Option<Correlation> {
    CURRENT.with_borrow(Clone::clone)
}

/// Runs `work` with this correlation, also if it runs by turns with other work.
pub async fn scope<F: Future>(correlation: Correlation, work: F) -> F::Output {
    let mut work = pin!(work);
    let mut correlation = Some(correlation);
    poll_fn(|context| {
        let mut entered = Entered::new(&mut correlation);
        let polled = work.as_mut().poll(context);
        entered.leave();
        polled
    })
    .await
}

/// Runs `work`, which never waits, with this correlation.
pub fn scope_sync<T>(correlation: Correlation, work: impl FnOnce() -> T) -> T {
    let mut correlation = Some(correlation);
    let mut entered = Entered::new(&mut correlation);
    let done = work();
    entered.leave();
    done
}

/// Puts a correlation into its place, and takes it out again, whatever happens.
struct Entered<'a> {
    /// What is not in its place: the correlation, or the one before it.
    other: &'a mut Option<Correlation>,
    is_in: bool,
}

impl<'a> Entered<'a> {
    fn new(correlation: &'a mut Option<Correlation>) -> Self {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, correlation));
        Self { other: correlation, is_in: true }
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.is_in) {
            CURRENT.with_borrow_mut(|current| std::mem::swap(current, self.other));
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::task::{Context, Poll, Waker};

    fn correlation(number: u64) -> Correlation {
        Correlation { trace: TraceContext::new(number.into(), number, true).unwrap(), request_id: None }
    }

    #[test]
    fn work_that_runs_by_turns_finds_its_own() {
        let turns = |number| {
            scope(correlation(number), async move {
                let polls = Cell::new(0);
                poll_fn(|_| {
                    assert_eq!(current(), Some(correlation(number)));
                    polls.set(polls.get() + 1);
                    if polls.get() == 3 { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                scope_sync(correlation(9), || assert_eq!(current(), Some(correlation(9))));
                assert_eq!(current(), Some(correlation(number)));
            })
        };
        let (mut first, mut second) = (pin!(turns(1)), pin!(turns(2)));
        let mut context = Context::from_waker(Waker::noop());
        for round in 1..=3 {
            assert_eq!(first.as_mut().poll(&mut context).is_ready(), round == 3);
            assert_eq!(current(), None);
            assert_eq!(second.as_mut().poll(&mut context).is_ready(), round == 3);
        }
        assert_eq!(current(), None);
    }

    #[test]
    fn a_panic_leaves_nothing_behind() {
        assert!(std::panic::catch_unwind(|| scope_sync(correlation(1), || panic!("on purpose"))).is_err());
        assert_eq!(current(), None);
    }
}
