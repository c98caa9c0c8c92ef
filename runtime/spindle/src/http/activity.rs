//! What happens on a connection, as far as its time limits need to know.
//!
//! A connection waits for a request, receives the head of one, or has requests open. How long the first two may take is
//! decided here, for both protocols and for bytes that belong to none; what an open request may take is limited where it is
//! read, waits, is answered and is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How many more requests than were answered a client may cancel on one connection (CVE-2023-44487).
const MAX_CANCELLED: usize = 100;

/// How long a connection that is to be closed may take when nothing is open on it.
const CLOSING: Duration = Duration::from_secs(1);

/// No time.
const NEVER: u64 = u64::MAX;

/// What happens on one connection.
#[derive(Debug)]
pub(super) struct Activity {
    /// All other times are milliseconds after this one.
    start: Instant,
    head_time: Duration,
    idle_time: Duration,
    /// Requests from the end of their head to the end of their answer.
    open: AtomicUsize,
    /// Whether there was a request yet.
    has_served: AtomicBool,
    is_http2: AtomicBool,
    /// When the last open request ended.
    idle_since: AtomicU64,
    /// When the first bytes of the next request came.
    head_since: AtomicU64,
    /// Whether bytes wait for the client to take them.
    is_writing: AtomicBool,
    /// Whether a request was answered before all of it was read.
    has_unread: AtomicBool,
    cancelled: AtomicUsize,
    abuse: Notify,
}

impl Activity {
    /// A connection that was opened just now.
    pub(super) fn new(head_time: Duration, idle_time: Duration) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            head_time,
            idle_time,
            open: AtomicUsize::new(0),
            has_served: AtomicBool::new(false),
            is_http2: AtomicBool::new(false),
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(NEVER),
            is_writing: AtomicBool::new(false),
            has_unread: AtomicBool::new(false),
            cancelled: AtomicUsize::new(0),
            abuse: Notify::new(),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER)
    }

    /// Bytes have come.
    pub(super) fn received(&self) {
        if self.open.load(Ordering::Relaxed) == 0 && self.head_since.load(Ordering::Relaxed) == NEVER {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Bytes wait for the client, or no longer do.
    pub(super) fn writing(&self, is_writing: bool) {
        if self.is_writing.load(Ordering::Relaxed) != is_writing {
            self.is_writing.store(is_writing, Ordering::Relaxed);
        }
    }

    /// The body of a request is there to be read, or no longer.
    pub(super) fn leave_unread(&self, has_unread: bool) {
        self.has_unread.store(has_unread, Ordering::Relaxed);
    }

    /// Whether the client may still be sending what nobody reads.
    pub(super) fn has_unread(&self) -> bool {
        self.has_unread.load(Ordering::Relaxed)
    }

    /// The head of a request is there; it is open until what is returned is dropped.
    pub(super) fn open(self: &Arc<Self>, is_http2: bool) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(NEVER, Ordering::Relaxed);
        if !self.has_served.load(Ordering::Relaxed) {
            self.has_served.store(true, Ordering::Relaxed);
            self.is_http2.store(is_http2, Ordering::Relaxed);
        }
        Open { activity: Arc::clone(self), is_answered: false }
    }

    /// When the connection has to be closed, unless something happens; none while a request is open.
    fn deadline(&self) -> Option<Instant> {
        if self.open.load(Ordering::Relaxed) > 0 || self.is_writing.load(Ordering::Relaxed) {
            return None;
        }
        if !self.has_served.load(Ordering::Relaxed) {
            return Some(self.start + self.head_time);
        }
        // On a connection of HTTP/2 there are bytes that begin no request.
        let head_since = self.head_since.load(Ordering::Relaxed);
        if head_since != NEVER && !self.is_http2.load(Ordering::Relaxed) {
            return Some(self.start + Duration::from_millis(head_since) + self.head_time);
        }
        Some(self.start + Duration::from_millis(self.idle_since.load(Ordering::Relaxed)) + self.idle_time)
    }

    /// Waits until the connection has to be closed.
    pub(super) async fn expired(&self) -> Expiry {
        // Whatever begins while this sleeps cannot be due before it wakes up.
        let longest = self.head_time.min(self.idle_time).max(Duration::from_millis(1));
        let due = async {
            loop {
                let now = Instant::now();
                let wait = match self.deadline() {
                    Some(deadline) if deadline <= now => return,
                    Some(deadline) => (deadline - now).min(longest),
                    None => longest,
                };
                tokio::time::sleep(wait).await;
            }
        };
        tokio::select! {
            () = due => Expiry::Idle,
            () = self.abuse.notified() => Expiry::Abuse,
        }
    }

    /// Waits until nothing was open for a while.
    pub(super) async fn quiet(&self) {
        loop {
            tokio::time::sleep(CLOSING).await;
            let idle = Duration::from_millis(self.now().saturating_sub(self.idle_since.load(Ordering::Relaxed)));
            let is_busy = self.open.load(Ordering::Relaxed) > 0 || self.is_writing.load(Ordering::Relaxed);
            if !is_busy && idle >= CLOSING {
                return;
            }
        }
    }
}

/// Why a connection has to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    /// Nothing has begun in time.
    Idle,
    /// Too much was cancelled.
    Abuse,
}

/// A request from the end of its head to the end of its answer.
#[derive(Debug)]
pub(super) struct Open {
    activity: Arc<Activity>,
    is_answered: bool,
}

impl Open {
    /// There is an answer: whoever leaves now has not cancelled the request.
    pub(super) fn answered(&mut self) {
        self.is_answered = true;
        if self.activity.cancelled.load(Ordering::Relaxed) > 0 {
            let less = |cancelled: usize| Some(cancelled.saturating_sub(1));
            let _ = self.activity.cancelled.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.is_answered && self.activity.cancelled.fetch_add(1, Ordering::Relaxed) >= MAX_CANCELLED {
            self.activity.abuse.notify_one();
        }
        // First the time, then the number: whoever sees that nothing is open sees since when.
        self.activity.idle_since.store(self.activity.now(), Ordering::Relaxed);
        self.activity.open.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const MEDIUM: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_secs(60);

    /// How long it takes until a connection has to be closed, from now on.
    async fn time_to_expire(activity: &Activity) -> Duration {
        let start = Instant::now();
        activity.expired().await;
        start.elapsed()
    }

    #[tokio::test]
    async fn the_first_head_has_its_time_whatever_comes() {
        let activity = Activity::new(SHORT, LONG);
        assert!(time_to_expire(&activity).await < LONG);
        let activity = Activity::new(MEDIUM, SHORT);
        activity.received();
        assert!(time_to_expire(&activity).await >= MEDIUM - SHORT);
    }

    #[tokio::test]
    async fn a_later_head_has_its_time_from_its_first_byte() {
        let activity = Activity::new(SHORT, MEDIUM);
        activity.open(false).answered();
        assert!(time_to_expire(&activity).await >= MEDIUM - SHORT);
        let activity = Activity::new(SHORT, LONG);
        activity.open(false).answered();
        activity.received();
        assert!(time_to_expire(&activity).await < LONG);
    }

    #[tokio::test]
    async fn pings_are_no_heads_and_do_not_keep_http2_open() {
        let activity = Activity::new(SHORT, MEDIUM);
        activity.open(true).answered();
        activity.received();
        let time = time_to_expire(&activity).await;
        assert!(time >= MEDIUM - SHORT && time < LONG, "{time:?}");
    }

    #[tokio::test]
    async fn an_open_request_keeps_its_connection() {
        let activity = Activity::new(SHORT, SHORT);
        let mut open = activity.open(false);
        assert!(tokio::time::timeout(MEDIUM, activity.expired()).await.is_err());
        open.answered();
        drop(open);
        activity.writing(true);
        assert!(tokio::time::timeout(MEDIUM, activity.expired()).await.is_err());
        activity.writing(false);
        assert!(time_to_expire(&activity).await < LONG);
    }

    #[tokio::test]
    async fn who_cancels_too_much_is_closed() {
        let activity = Activity::new(LONG, LONG);
        (0..=MAX_CANCELLED).for_each(|_| drop(activity.open(true)));
        assert!(time_to_expire(&activity).await < LONG);
        let activity = Activity::new(LONG, LONG);
        for _ in 0..10 * MAX_CANCELLED {
            drop(activity.open(true));
            activity.open(true).answered();
        }
        assert!(tokio::time::timeout(SHORT, activity.expired()).await.is_err());
    }
}
