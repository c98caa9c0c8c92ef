//! Fair shares of the processor among calls.
//!
//! A guest that computes would keep its thread until it is done, and a handful of them would keep them all. So a
//! call is free only for its first [`GRACE`]; from then on it runs only while it holds one of as many permits as there
//! are cores, and after [`SLICE`] more it goes to the end of the queue for them. Each runtime that may have such calls has more
//! threads than there are permits, so there is always a thread for calls that are short and for the network. A request's call
//! is moved to threads of a lower priority (`compute_threads`) before, as soon as it is seen to be no short one.
//!
//! What counts is the processor time of the thread while it runs the call. A call whose thread waits for a core has not
//! computed meanwhile, and must not queue behind those that have; and one that computes a little, sleeps, and computes again
//! has, however short each of its turns is. The clock of a thread costs a system call, so it is read only for calls that have
//! run into a tick: the others are short. When the call's future waits for anything (a host function, a timer, a socket) the
//! permit goes back at once, so no waiting guest ever holds one.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::counters::Count;

/// What a call may compute, beyond its first tick, before it needs a permit.
pub(crate) const GRACE: Duration = Duration::from_millis(3);

/// What a call may compute with a permit while others wait for one.
pub(crate) const SLICE: Duration = Duration::from_millis(20);

/// What a call has computed, beyond its first tick, when it is moved away from the threads of connections. Less than a tick:
/// the next may come a little early.
const LONG: Duration = Duration::from_micros(500);

/// How often running guests are looked at.
const TICK: Duration = Duration::from_millis(1);

/// So many ticks after the last call the clock stops: requests that come one after the other need not start it each time, which
/// takes a system call and wakes a thread.
const IDLE_TICKS: u32 = 50;

/// The permits, and the clock that interrupts guests.
#[derive(Debug)]
pub(crate) struct Cpu {
    permits: Arc<Semaphore>,
    cores: usize,
    /// How often a call had to queue for a permit.
    queued: Arc<Count>,
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
    pub(crate) fn start(engine: &Engine, cores: usize, queued: &Arc<Count>) -> std::io::Result<Self> {
        let (send, receive) = std::sync::mpsc::channel::<Arc<Clock>>();
        let weak = engine.weak();
        let handle = thread::Builder::new().name("spindle-clock".to_owned()).spawn(move || {
            let Ok(clock) = receive.recv().map(|clock| Arc::downgrade(&clock)) else { return };
            // Ends with the engine or with the last user of the clock.
            let mut idle_ticks = 0;
            while let (Some(clock), Some(engine)) = (clock.upgrade(), weak.upgrade()) {
                if clock.calls.load(Ordering::Acquire) == 0 {
                    idle_ticks += 1;
                } else {
                    idle_ticks = 0;
                    engine.increment_epoch();
                }
                drop((clock, engine));
                if idle_ticks < IDLE_TICKS {
                    thread::sleep(TICK);
                } else {
                    thread::park_timeout(Duration::from_secs(1));
                }
            }
        })?;
        let clock = Arc::new(Clock { calls: AtomicUsize::new(0), thread: handle.thread().clone() });
        // The thread waits for exactly this message.
        let _ = send.send(Arc::clone(&clock));
        let cores = cores.max(1);
        Ok(Self { permits: Arc::new(Semaphore::new(cores)), cores, queued: Arc::clone(queued), clock })
    }

    /// Permits that calls have now, and how many there are.
    pub(crate) fn cores(&self) -> (usize, usize) {
        (self.cores.saturating_sub(self.permits.available_permits()), self.cores)
    }

    /// Puts a store under the rule and returns what its call has to be wrapped in.
    pub(crate) fn share<T: 'static>(&self, store: &mut Store<T>) -> Share {
        if self.clock.calls.fetch_add(1, Ordering::AcqRel) == 0 {
            self.clock.thread.unpark();
        }
        let share = Share { account: Arc::new(Account::new(thread_time)), clock: Arc::clone(&self.clock) };
        let account = Arc::clone(&share.account);
        let (permits, queued) = (Arc::clone(&self.permits), Arc::clone(&self.queued));
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| Ok(tick(&account, &permits, &queued)));
        share
    }
}

/// One call's account.
#[derive(Debug)]
struct Account {
    usage: Mutex<Usage>,
    is_long: AtomicBool,
    /// The processor time of the current thread.
    clock: fn() -> Duration,
}

/// What one call has used.
#[derive(Debug, Default)]
struct Usage {
    /// Processor time, from the first tick on.
    computed: Duration,
    /// Whether there was a tick, so that time is counted.
    is_counted: bool,
    /// Up to where the clock of the thread that runs the call is in `computed`; none while the call waits.
    counted_to: Option<Duration>,
    /// With what was computed when it was had.
    permit: Option<(OwnedSemaphorePermit, Duration)>,
}

impl Usage {
    /// Counts what was computed since the clock was last read.
    fn count(&mut self, now: Duration) {
        if let Some(before) = self.counted_to.replace(now) {
            self.computed += now.saturating_sub(before);
        }
    }
}

impl Account {
    fn new(clock: fn() -> Duration) -> Self {
        Self { usage: Mutex::default(), is_long: AtomicBool::new(false), clock }
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The processor time of the current thread.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    // The kernel gives neither a negative time nor a second of more than a billion nanoseconds.
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// The right to run one call, with its account.
#[derive(Debug)]
pub(crate) struct Share {
    account: Arc<Account>,
    clock: Arc<Clock>,
}

/// Tells of one call whether it is a long one.
#[derive(Debug)]
pub(crate) struct Watch(Arc<Account>);

impl Watch {
    /// Whether the call has computed for longer than a short one does.
    #[must_use]
    pub(crate) fn is_long(&self) -> bool {
        self.0.is_long.load(Ordering::Relaxed)
    }
}

impl Share {
    /// A look at the account from outside.
    #[must_use]
    pub(crate) fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.account))
    }

    /// Runs a call, and takes its permit back whenever it waits.
    pub(crate) async fn run<F: Future>(self, call: F) -> F::Output {
        let mut call = std::pin::pin!(call);
        std::future::poll_fn(move |context| self.poll(call.as_mut(), context)).await
    }

    fn poll<F: Future>(&self, call: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
        {
            let mut usage = self.account.usage();
            usage.counted_to = usage.is_counted.then(self.account.clock);
        }
        let result = call.poll(context);
        let mut usage = self.account.usage();
        if usage.is_counted {
            usage.count((self.account.clock)());
        }
        usage.permit = None;
        result
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.account.usage().permit = None;
        self.clock.calls.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Decides at a tick whether a guest goes on.
fn tick(account: &Arc<Account>, permits: &Arc<Semaphore>, queued: &Count) -> UpdateDeadline {
    let may_go_on = {
        let mut usage = account.usage();
        usage.is_counted = true;
        usage.count((account.clock)());
        if usage.computed < LONG {
            return UpdateDeadline::Continue(1);
        }
        account.is_long.store(true, Ordering::Relaxed);
        if usage.computed <= GRACE {
            return UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()));
        }
        let has_time = matches!(&usage.permit, Some((_, since)) if usage.computed.saturating_sub(*since) < SLICE);
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
    if permits.available_permits() == 0 {
        queued.add();
    }
    let (account, permits) = (Arc::clone(account), Arc::clone(permits));
    UpdateDeadline::YieldCustom(
        1,
        Box::pin(async move {
            // Others that wait on this thread come first, even when a permit is free.
            tokio::task::yield_now().await;
            // The semaphore is never closed.
            if let Ok(permit) = permits.acquire_owned().await {
                let mut usage = account.usage();
                usage.permit = Some((permit, usage.computed));
            }
        }),
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// The processor time of the thread, as the tests have it.
        static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    fn compute(time: Duration) {
        NOW.set(NOW.get() + time);
    }

    fn share() -> Share {
        Share {
            account: Arc::new(Account::new(|| NOW.get())),
            clock: Arc::new(Clock { calls: AtomicUsize::new(1), thread: thread::current() }),
        }
    }

    /// Goes on so many times. Each time it runs into so many ticks, and computes for `time` after each of them; true if a
    /// permit was asked for.
    async fn run(share: Share, turns: u32, ticks: u32, time: Duration) -> bool {
        let (account, permits) = (Arc::clone(&share.account), Arc::new(Semaphore::new(0)));
        let (asked, mut left) = (AtomicBool::new(false), turns);
        let call = std::future::poll_fn(|context| {
            for _ in 0..ticks {
                if let UpdateDeadline::YieldCustom(_, mut pause) = tick(&account, &permits, &Count::default()) {
                    // A permit never comes here, while a yield ends when it is asked again.
                    let _ = pause.as_mut().poll(context);
                    asked.fetch_or(pause.as_mut().poll(context).is_pending(), Ordering::Relaxed);
                }
                compute(time);
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
    async fn a_call_whose_thread_waits_for_a_core_is_not_a_long_one() {
        let share = share();
        let watch = share.watch();
        assert!(!run(share, 100, 5, Duration::ZERO).await);
        assert!(!watch.is_long());
    }

    #[tokio::test]
    async fn a_call_that_computes_is_moved_and_then_needs_a_permit() {
        let share = share();
        let watch = share.watch();
        assert!(!run(share, 1, 4, TICK).await);
        assert!(watch.is_long());
        assert!(run(self::share(), 1, 5, TICK).await);
    }

    #[tokio::test]
    async fn a_call_that_computes_between_many_waits_needs_a_permit_as_well() {
        let share = share();
        let watch = share.watch();
        assert!(!run(share, 4, 1, TICK * 9 / 10).await);
        assert!(watch.is_long());
        assert!(run(self::share(), 5, 1, TICK * 9 / 10).await);
    }

    #[test]
    fn only_computing_takes_thread_time() {
        let begin = thread_time();
        thread::sleep(Duration::from_millis(50));
        assert!(thread_time() - begin < Duration::from_millis(25));
        let until = begin + Duration::from_millis(30);
        while thread_time() < until {}
    }
}
