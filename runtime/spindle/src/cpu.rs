//! Fair shares of the processor among calls.
//!
//! A guest that computes would keep its thread until it is done, and a handful of them would keep them all. So a
//! call is free only for its first [`GRACE`]; from then on it runs only while it holds one of as many permits as there
//! are cores, and after [`SLICE`] more it goes to the end of the queue for them. The runtime has more threads than permits, so
//! there is always a thread for calls that are short and for the network. A call on a thread that serves connections
//! ([`crate::lanes`]) is moved to that runtime before, as soon as it is seen to be no short one.
//!
//! Time is counted in ticks that the guest runs into, and not by a clock: a short call whose thread had to wait for a core
//! has not computed for long, and would queue behind those that have. The first tick after a wait does not count, since it
//! may have come during the wait. When the call's future waits for anything (a host function, a timer, a socket) the permit
//! goes back at once, so no waiting guest ever holds one.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Engine, Store, UpdateDeadline};

/// The ticks that count before a call needs a permit. A short call that has to wait for a core again and again has a few.
pub const GRACE: u32 = 3;

/// The ticks for which a call keeps a permit while others wait for one.
pub const SLICE: u32 = 20;

/// How often running guests are looked at.
const TICK: Duration = Duration::from_millis(1);

/// The permits, and the clock that interrupts guests.
#[derive(Debug)]
pub struct Cpu {
    permits: Arc<Semaphore>,
    clock: Arc<Clock>,
}

/// Interrupts guests each [`TICK`], as long as there are any.
#[derive(Debug)]
struct Clock {
    calls: AtomicUsize,
    thread: Thread,
}

impl Cpu {
    /// Starts the clock of an engine, with as many permits as there are cores.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(engine: &Engine, cores: usize) -> std::io::Result<Self> {
        let (send, receive) = std::sync::mpsc::channel::<Arc<Clock>>();
        let weak = engine.weak();
        let handle = thread::Builder::new().name("spindle-clock".to_owned()).spawn(move || {
            let Ok(clock) = receive.recv().map(|clock| Arc::downgrade(&clock)) else { return };
            // Ends with the engine or with the last user of the clock.
            while let (Some(clock), Some(engine)) = (clock.upgrade(), weak.upgrade()) {
                if clock.calls.load(Ordering::Acquire) == 0 {
                    drop((clock, engine));
                    thread::park_timeout(Duration::from_secs(1));
                } else {
                    engine.increment_epoch();
                    drop((clock, engine));
                    thread::sleep(TICK);
                }
            }
        })?;
        let clock = Arc::new(Clock { calls: AtomicUsize::new(0), thread: handle.thread().clone() });
        // The thread waits for exactly this message.
        let _ = send.send(Arc::clone(&clock));
        Ok(Self { permits: Arc::new(Semaphore::new(cores.max(1))), clock })
    }

    /// Puts a store under the rule and returns what its call has to be wrapped in.
    pub fn share<T: 'static>(&self, store: &mut Store<T>) -> Share {
        if self.clock.calls.fetch_add(1, Ordering::AcqRel) == 0 {
            self.clock.thread.unpark();
        }
        let share = Share { account: Arc::default(), clock: Arc::clone(&self.clock) };
        let account = Arc::clone(&share.account);
        let permits = Arc::clone(&self.permits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| Ok(tick(&account, &permits)));
        share
    }
}

/// One call's account.
#[derive(Debug, Default)]
struct Account {
    usage: Mutex<Usage>,
    is_long: AtomicBool,
}

/// What one call has used.
#[derive(Debug, Default)]
struct Usage {
    /// Those that count.
    ticks: u32,
    /// Whether there was a tick since the call went on after its last wait.
    has_seen_tick: bool,
    /// With the ticks at which it was had.
    permit: Option<(OwnedSemaphorePermit, u32)>,
}

/// The right to run one call, with its account.
#[derive(Debug)]
pub struct Share {
    account: Arc<Account>,
    clock: Arc<Clock>,
}

/// Tells of one call whether it is a long one.
#[derive(Debug)]
pub struct Watch(Arc<Account>);

impl Watch {
    /// Whether the call has computed for longer than from one tick to the next.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.0.is_long.load(Ordering::Relaxed)
    }
}

impl Share {
    /// A look at the account from outside.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.account))
    }

    /// Runs a call, and takes its permit back whenever it waits.
    pub async fn run<F: Future>(self, call: F) -> F::Output {
        let mut call = std::pin::pin!(call);
        std::future::poll_fn(move |context| self.poll(call.as_mut(), context)).await
    }

    fn poll<F: Future>(&self, call: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
        lock(&self.account.usage).has_seen_tick = false;
        let result = call.poll(context);
        lock(&self.account.usage).permit = None;
        result
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        lock(&self.account.usage).permit = None;
        self.clock.calls.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Decides at a tick whether a guest goes on.
fn tick(account: &Arc<Account>, permits: &Arc<Semaphore>) -> UpdateDeadline {
    let may_go_on = {
        let mut usage = lock(&account.usage);
        if !std::mem::replace(&mut usage.has_seen_tick, true) {
            return UpdateDeadline::Continue(1);
        }
        usage.ticks = usage.ticks.saturating_add(1);
        account.is_long.store(true, Ordering::Relaxed);
        if usage.ticks <= GRACE {
            return UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()));
        }
        let has_time = matches!(&usage.permit, Some((_, since)) if usage.ticks - since < SLICE);
        if !has_time {
            usage.permit = None;
        }
        has_time
    };
    if may_go_on {
        // Threads that wait for this core come first: those that serve connections, and other processes.
        thread::yield_now();
        return UpdateDeadline::Continue(1);
    }
    let (account, permits) = (Arc::clone(account), Arc::clone(permits));
    UpdateDeadline::YieldCustom(
        1,
        Box::pin(async move {
            // Others that wait on this thread come first, even when a permit is free.
            tokio::task::yield_now().await;
            // The semaphore is never closed.
            if let Ok(permit) = permits.acquire_owned().await {
                let mut usage = lock(&account.usage);
                usage.permit = Some((permit, usage.ticks));
            }
        }),
    )
}

fn lock(usage: &Mutex<Usage>) -> MutexGuard<'_, Usage> {
    usage.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share() -> Share {
        Share {
            account: Arc::default(),
            clock: Arc::new(Clock { calls: AtomicUsize::new(1), thread: thread::current() }),
        }
    }

    /// Goes on so many times, and runs into so many ticks each time; true if a permit was asked for.
    async fn run(share: Share, turns: u32, ticks: u32) -> bool {
        let (account, permits) = (Arc::clone(&share.account), Arc::new(Semaphore::new(0)));
        let (asked, mut left) = (AtomicBool::new(false), turns);
        let call = std::future::poll_fn(|context| {
            for _ in 0..ticks {
                if let UpdateDeadline::YieldCustom(_, mut pause) = tick(&account, &permits) {
                    // A permit never comes here, while a yield ends when it is asked again.
                    let _ = pause.as_mut().poll(context);
                    asked.fetch_or(pause.as_mut().poll(context).is_pending(), Ordering::Relaxed);
                }
            }
            left -= 1;
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        let mut run = std::pin::pin!(share.run(call));
        for _ in 0..turns {
            let _ = futures_util::poll!(run.as_mut());
        }
        asked.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn a_call_that_waits_often_is_no_long_one() {
        let share = share();
        let watch = share.watch();
        assert!(!run(share, 100, 1).await);
        assert!(!watch.is_long());
    }

    #[tokio::test]
    async fn a_call_that_computes_is_moved_and_then_needs_a_permit() {
        let share = share();
        let watch = share.watch();
        assert!(!run(share, 1, 1 + GRACE).await);
        assert!(watch.is_long());
        assert!(run(self::share(), 1, 2 + GRACE).await);
    }
}
