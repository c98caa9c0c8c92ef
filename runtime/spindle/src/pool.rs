//! A bounded pool of connections to one address.
//!
//! A leased connection that is simply dropped is closed: only [`Lease::give_back`] returns it. A call that ends in the
//! middle of a query (its deadline, a trap) therefore never hands on a connection with a half-read reply.
//!
//! A connection is driven by the runtime on which it was opened. One that is driven where the caller is answers without
//! waking another thread, so it comes first. A new one is opened only when none is idle.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A pool.
#[derive(Debug)]
pub(crate) struct Pool<C> {
    idle: Mutex<Vec<PooledConnection<C>>>,
    permits: Arc<Semaphore>,
}

/// A connection, and the runtime that drives it.
#[derive(Debug)]
struct PooledConnection<C> {
    connection: C,
    driven_by: Option<Id>,
}

/// No connection was free in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl<C> Pool<C> {
    /// A pool of at most `max` connections, none of them open yet.
    #[must_use]
    pub(crate) fn new(max: usize) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self { idle: Mutex::default(), permits })
    }

    /// Waits for the right to use one connection. What comes is an open one that satisfies `usable`, or none: then the
    /// caller opens one and puts it into the lease.
    ///
    /// # Errors
    /// When as many as there may be are in use for all of `wait`.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        wait: Duration,
        usable: impl Fn(&C) -> bool,
    ) -> Result<Lease<C>, Exhausted> {
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
    fn idle(&self) -> Option<PooledConnection<C>> {
        let current = current_runtime();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        match idle.iter().rposition(|idle| idle.driven_by == current) {
            Some(at) => Some(idle.remove(at)),
            None => idle.pop(),
        }
    }
}

/// The right to use one connection.
#[derive(Debug)]
pub(crate) struct Lease<C> {
    connection: Option<PooledConnection<C>>,
    pool: Arc<Pool<C>>,
    _permit: OwnedSemaphorePermit,
}

impl<C> Lease<C> {
    /// The connection, if there is one already.
    pub(crate) fn connection(&mut self) -> Option<&mut C> {
        self.connection.as_mut().map(|pooled| &mut pooled.connection)
    }

    /// Puts in a new connection, which was opened on the caller's runtime.
    pub(crate) fn fill(&mut self, connection: C) {
        self.connection = Some(PooledConnection { connection, driven_by: current_runtime() });
    }

    /// Makes the connection available to others.
    pub(crate) fn give_back(mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

/// Why there is no connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LeaseError {
    /// No connection was free in time.
    Exhausted,
    /// A new one could not be opened.
    Connect(String),
}

impl<C> Pool<C> {
    /// Like [`Pool::lease`], and opens a connection if none is idle.
    ///
    /// # Errors
    /// When there is no connection.
    pub(crate) async fn lease_or_connect(
        self: &Arc<Self>,
        wait: Duration,
        usable: impl Fn(&C) -> bool,
        connect: impl Future<Output = Result<C, String>>,
    ) -> Result<Lease<C>, LeaseError> {
        let mut lease = self.lease(wait, usable).await.map_err(|Exhausted| LeaseError::Exhausted)?;
        if lease.connection.is_none() {
            lease.fill(connect.await.map_err(LeaseError::Connect)?);
        }
        Ok(lease)
    }
}

/// The pools of one component, by address.
#[derive(Debug)]
pub(crate) struct Pools<K, P> {
    max: usize,
    pools: Mutex<HashMap<K, P>>,
}

impl<K: Eq + Hash, P: Clone> Pools<K, P> {
    /// Pools for at most so many addresses.
    pub(crate) fn new(max: usize) -> Self {
        Self { max, pools: Mutex::default() }
    }

    /// The pool of an address, which is made at its first use. Beyond the most addresses each use has a pool of its
    /// own: an app that makes up addresses gets no memory for them.
    ///
    /// # Errors
    /// When it cannot be made; then nothing is kept.
    pub(crate) fn find<Q, E>(&self, address: &Q, make: impl FnOnce() -> Result<P, E>) -> Result<P, E>
    where
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
        K: Borrow<Q>,
    {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(address) {
            return Ok(pool.clone());
        }
        let pool = make()?;
        if pools.len() < self.max {
            pools.insert(address.to_owned(), pool.clone());
        }
        Ok(pool)
    }
}

/// A connection that a guest holds. It goes back to its pool when the guest drops it, unless its session may have been
/// changed or it was taken and not put back.
#[derive(Debug)]
pub(crate) struct GuestConnection<C> {
    lease: Option<Lease<C>>,
    /// Whether the session is as it was.
    pub(crate) is_clean: bool,
}

impl<C> GuestConnection<C> {
    pub(crate) fn new(lease: Lease<C>) -> Self {
        Self { lease: Some(lease), is_clean: true }
    }

    /// Takes the connection for a call to the server. When the call is cut short it is closed, for nobody puts it back.
    pub(crate) fn take(&mut self) -> Option<Lease<C>> {
        self.lease.take()
    }

    /// Puts the connection back after an answer.
    pub(crate) fn put_back(&mut self, lease: Lease<C>) {
        self.lease = Some(lease);
    }
}

impl<C> Drop for GuestConnection<C> {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take()
            && self.is_clean
        {
            lease.give_back();
        }
    }
}

/// The runtime of the caller.
fn current_runtime() -> Option<Id> {
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

    #[tokio::test]
    async fn a_guest_gives_back_what_is_clean_and_not_in_use() {
        let pool = Pool::new(1);
        let open = || pool.lease_or_connect(NOW, |_| true, async { Ok(8) });
        let mut first = GuestConnection::new(open().await.unwrap());
        let failed = pool.lease_or_connect(NOW, |_| true, async { Err("down".to_owned()) }).await;
        assert_eq!(failed.err(), Some(LeaseError::Exhausted));
        let lease = first.take().unwrap();
        first.put_back(lease);
        drop(first);
        let mut again = pool.lease(NOW, |_| true).await.unwrap();
        assert_eq!(again.connection(), Some(&mut 8));
        let mut changed = GuestConnection::new(again);
        changed.is_clean = false;
        drop(changed);
        let failed = pool.lease_or_connect(NOW, |_| true, async { Err("down".to_owned()) }).await;
        assert_eq!(failed.err(), Some(LeaseError::Connect("down".to_owned())));
    }

    #[test]
    fn a_pool_is_kept_for_so_many_addresses_and_none_that_failed() {
        let pools = Pools::<String, Arc<usize>>::new(3);
        assert_eq!(pools.find("bad", || Err("denied")), Err("denied"));
        for n in 0..=3 {
            let first = pools.find(n.to_string().as_str(), || Ok::<_, ()>(Arc::new(n))).unwrap();
            let second = pools.find(n.to_string().as_str(), || Ok::<_, ()>(Arc::new(n))).unwrap();
            assert_eq!(Arc::ptr_eq(&first, &second), n < 3, "{n}");
        }
    }
}
