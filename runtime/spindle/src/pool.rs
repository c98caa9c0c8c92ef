//! A bounded pool of connections to one address.
//!
//! A leased connection that is simply dropped is closed: only [`Lease::give_back`] returns it. A call that ends in the
//! middle of a query (its deadline, a trap) therefore never hands on a connection with a half-read reply.
//!
//! A connection is driven by the runtime on which it was opened. One that is driven where the caller is answers without
//! waking another thread, so it comes first. A new one is opened only when none is idle.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A pool.
#[derive(Debug)]
pub struct Pool<C> {
    idle: Mutex<Vec<Homed<C>>>,
    permits: Arc<Semaphore>,
}

/// A connection, and the runtime that drives it.
#[derive(Debug)]
struct Homed<C> {
    connection: C,
    home: Option<Id>,
}

/// No connection was free in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl<C> Pool<C> {
    /// A pool of at most `max` connections, none of them open yet.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self { idle: Mutex::default(), permits })
    }

    /// Waits for the right to use one connection. What comes is an open one that satisfies `usable`, or none: then the
    /// caller opens one and puts it into the lease.
    ///
    /// # Errors
    /// When as many as there may be are in use for all of `wait`.
    pub async fn lease(self: &Arc<Self>, wait: Duration, usable: impl Fn(&C) -> bool) -> Result<Lease<C>, Exhausted> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => match tokio::time::timeout(wait, Arc::clone(&self.permits).acquire_owned()).await {
                Ok(Ok(permit)) => permit,
                _ => return Err(Exhausted),
            },
        };
        let connection = loop {
            match self.idle() {
                Some(idle) if !usable(&idle.connection) => {}
                other => break other,
            }
        };
        Ok(Lease { connection, pool: Arc::clone(self), _permit: permit })
    }

    /// The connection that was used last of those that are driven here, or else of all.
    fn idle(&self) -> Option<Homed<C>> {
        let here = here();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        match idle.iter().rposition(|idle| idle.home == here) {
            Some(at) => Some(idle.remove(at)),
            None => idle.pop(),
        }
    }
}

/// The right to use one connection.
#[derive(Debug)]
pub struct Lease<C> {
    connection: Option<Homed<C>>,
    pool: Arc<Pool<C>>,
    _permit: OwnedSemaphorePermit,
}

impl<C> Lease<C> {
    /// The connection, if there is one already.
    pub fn connection(&mut self) -> Option<&mut C> {
        self.connection.as_mut().map(|homed| &mut homed.connection)
    }

    /// Puts in a new connection, which was opened on the caller's runtime.
    pub fn fill(&mut self, connection: C) {
        self.connection = Some(Homed { connection, home: here() });
    }

    /// Makes the connection available to others.
    pub fn give_back(mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

/// The runtime of the caller.
fn here() -> Option<Id> {
    Handle::try_current().ok().map(|handle| handle.id())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn only_what_is_given_back_comes_again() {
        let pool = Pool::new(2);
        let mut lease = pool.lease(NOW, |_| true).await.unwrap();
        assert!(lease.connection().is_none());
        lease.fill(7);
        lease.give_back();
        let mut lease = pool.lease(NOW, |_| true).await.unwrap();
        assert_eq!(lease.connection(), Some(&mut 7));
        drop(lease);
        assert!(pool.lease(NOW, |_| true).await.unwrap().connection().is_none());
    }

    #[tokio::test]
    async fn a_broken_connection_is_passed_over() {
        let pool = Pool::new(2);
        for n in [1, 2] {
            let mut lease = pool.lease(NOW, |_| false).await.unwrap();
            lease.fill(n);
            lease.give_back();
        }
        assert!(pool.lease(NOW, |n| *n == 1).await.unwrap().connection().is_none());
    }

    #[test]
    fn a_connection_of_the_callers_runtime_comes_first() {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (ours, theirs, other) = (runtime(), runtime(), runtime());
        let pool = Pool::new(2);
        let take = |runtime: &tokio::runtime::Runtime| runtime.block_on(pool.lease(NOW, |_| true)).unwrap();
        let mut leases = [(&ours, 1), (&theirs, 2)].map(|(runtime, n)| {
            let mut lease = take(runtime);
            assert!(lease.connection().is_none());
            let _context = runtime.enter();
            lease.fill(n);
            lease
        });
        leases.reverse();
        leases.into_iter().for_each(Lease::give_back);
        for (runtime, expected) in [(&theirs, 2), (&ours, 1), (&theirs, 2), (&other, 2)] {
            let mut lease = take(runtime);
            assert_eq!(lease.connection().copied(), Some(expected));
            lease.give_back();
        }
    }

    #[tokio::test]
    async fn an_exhausted_pool_answers_in_time() {
        let pool = Pool::<u8>::new(1);
        let lease = pool.lease(NOW, |_| true).await.unwrap();
        assert_eq!(pool.lease(NOW, |_| true).await.err(), Some(Exhausted));
        drop(lease);
        assert!(pool.lease(NOW, |_| true).await.is_ok());
    }
}
