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
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::counters::Count;

/// A pool.
#[derive(Debug)]
pub(crate) struct Pool<C> {
    idle: Mutex<Vec<PooledConnection<C>>>,
    permits: Arc<Semaphore>,
    /// What all addresses of the component have together.
    total: Arc<Total>,
    /// What has rested for longer is closed: nobody knows what a firewall or a failover has made of it.
    max_rest: Duration,
}

/// What all pools of a component have together.
#[derive(Debug)]
pub(crate) struct Total {
    permits: Arc<Semaphore>,
    /// How often somebody had to wait for a connection.
    waits: Count,
}

impl Total {
    fn new(max_connections: usize) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(max_connections));
        Arc::new(Self { permits, waits: Count::default() })
    }
}

/// How the connections of a component to one kind of server are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Connections that calls have now.
    pub(crate) used: usize,
    /// Open ones that nobody uses.
    pub(crate) idle: usize,
    /// How many there may be in use.
    pub(crate) limit: usize,
    /// How often a call had to wait for one.
    pub(crate) waits: u64,
}

/// A connection, and the runtime that drives it.
#[derive(Debug)]
struct PooledConnection<C> {
    connection: C,
    driven_by: Option<Id>,
    /// Since when nobody has used it.
    idle_since: Instant,
}

/// No connection was free in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl<C> Pool<C> {
    /// A pool of at most `max` connections, none of them open yet, which also take a permit of `total` while they are in use.
    #[must_use]
    pub(crate) fn new(max: usize, max_rest: Duration, total: &Arc<Total>) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self { idle: Mutex::default(), permits, total: Arc::clone(total), max_rest })
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
        let permits = match self.try_acquire() {
            Some(permits) => permits,
            None => {
                self.total.waits.add();
                match tokio::time::timeout(wait, self.acquire()).await {
                    Ok(Some(permits)) => permits,
                    _ => return Err(Exhausted),
                }
            }
        };
        let connection = loop {
            match self.idle() {
                Some(idle) if !usable(&idle.connection) => {}
                other => break other,
            }
        };
        Ok(Lease { connection, pool: Arc::clone(self), _permits: permits })
    }

    fn try_acquire(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let own = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some([own, Arc::clone(&self.total.permits).try_acquire_owned().ok()?])
    }

    async fn acquire(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let own = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        Some([own, Arc::clone(&self.total.permits).acquire_owned().await.ok()?])
    }

    /// How many open ones nobody uses.
    pub(crate) fn idle_connections(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The connection that was used last of those that are driven here, or else of all.
    fn idle(&self) -> Option<PooledConnection<C>> {
        let current = current_runtime();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have rested longest come first.
        let stale = idle.iter().take_while(|idle| idle.idle_since.elapsed() >= self.max_rest).count();
        idle.drain(..stale);
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
    _permits: [OwnedSemaphorePermit; 2],
}

impl<C> Lease<C> {
    /// The connection, if there is one already.
    pub(crate) fn connection(&mut self) -> Option<&mut C> {
        self.connection.as_mut().map(|pooled| &mut pooled.connection)
    }

    /// Puts in a new connection, which was opened on the caller's runtime.
    pub(crate) fn fill(&mut self, connection: C) {
        let (driven_by, idle_since) = (current_runtime(), Instant::now());
        self.connection = Some(PooledConnection { connection, driven_by, idle_since });
    }

    /// Makes the connection available to others.
    pub(crate) fn give_back(mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.idle_since = Instant::now();
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
    max_connections: usize,
    total: Arc<Total>,
    pools: Mutex<Known<K, P>>,
}

/// The pools by address, each with the time of its last use, counted in uses.
#[derive(Debug)]
struct Known<K, P> {
    pools: HashMap<K, (P, u64)>,
    uses: u64,
}

impl<K: Eq + Hash, P: Clone> Pools<K, P> {
    /// Pools for at most so many addresses, and at most so many connections in use at once over all of them.
    pub(crate) fn new(max: usize, max_connections: usize) -> Self {
        let max_connections = max_connections.clamp(1, Semaphore::MAX_PERMITS);
        let total = Total::new(max_connections);
        Self { max, max_connections, total, pools: Mutex::new(Known { pools: HashMap::new(), uses: 0 }) }
    }

    /// How the connections are used; `idle` says how many of a pool nobody uses.
    pub(crate) fn usage(&self, idle: impl Fn(&P) -> usize) -> Usage {
        let known = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = known.pools.values().map(|(pool, _)| idle(pool)).sum();
        let (limit, waits) = (self.max_connections, self.total.waits.get());
        Usage { used: limit.saturating_sub(self.total.permits.available_permits()), idle, limit, waits }
    }

    /// The pool of an address, which is made at its first use. When there are as many as there may be, the one that was not
    /// used for longest makes room: its idle connections are closed.
    ///
    /// # Errors
    /// When it cannot be made; then nothing is kept.
    pub(crate) fn find<Q, E>(&self, address: &Q, make: impl FnOnce(&Arc<Total>) -> Result<P, E>) -> Result<P, E>
    where
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
        K: Borrow<Q> + Clone,
    {
        let mut known = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        known.uses += 1;
        let now = known.uses;
        if let Some((pool, used)) = known.pools.get_mut(address) {
            *used = now;
            return Ok(pool.clone());
        }
        let pool = make(&self.total)?;
        if known.pools.len() >= self.max
            && let Some(oldest) = known.pools.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone())
        {
            known.pools.remove::<K>(&oldest);
        }
        known.pools.insert(address.to_owned(), (pool.clone(), now));
        Ok(pool)
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

    fn pool<C>(max: usize) -> Arc<Pool<C>> {
        Pool::new(max, Duration::from_secs(60), &Total::new(9))
    }

    #[tokio::test]
    async fn only_what_is_given_back_comes_again() {
        let pool = pool(2);
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
        let pool = pool(2);
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
        let pool = pool(2);
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
        let pool = pool::<u8>(1);
        let lease = pool.lease(NOW, |_| true).await.unwrap();
        assert_eq!(pool.lease(NOW, |_| true).await.err(), Some(Exhausted));
        drop(lease);
        assert!(pool.lease(NOW, |_| true).await.is_ok());
    }

    #[tokio::test]
    async fn what_has_rested_too_long_is_closed() {
        let pool = Pool::new(3, Duration::from_millis(50), &Total::new(9));
        let mut leases = Vec::new();
        for n in 1..=3 {
            let mut lease = pool.lease(NOW, |_| true).await.unwrap();
            lease.fill(Arc::new(n));
            leases.push(lease);
        }
        let first = Arc::downgrade(leases[0].connection().unwrap());
        leases.into_iter().for_each(Lease::give_back);
        for pooled in &mut *pool.idle.lock().unwrap() {
            if *pooled.connection < 3 {
                pooled.idle_since -= Duration::from_secs(1);
            }
        }
        let mut fresh = pool.lease(NOW, |_| true).await.unwrap();
        assert_eq!(fresh.connection().map(|n| **n), Some(3));
        assert!(first.upgrade().is_none(), "it is still open");
        assert!(pool.lease(NOW, |_| true).await.unwrap().connection().is_none());
    }

    #[tokio::test]
    async fn connections_to_all_addresses_together_are_bounded() {
        let pools = Pools::<String, Arc<Pool<u8>>>::new(2, 3);
        let make = |total: &Arc<Total>| Ok::<_, ()>(Pool::new(2, NOW, total));
        let mut leases = Vec::new();
        for n in 0..4 {
            leases.push(pools.find(n.to_string().as_str(), make).unwrap().lease(NOW, |_| true).await);
        }
        assert_eq!(leases.pop().unwrap().err(), Some(Exhausted));
        assert_eq!(pools.usage(|pool| pool.idle_connections()), Usage { used: 3, idle: 0, limit: 3, waits: 1 });
        drop(leases.pop());
        assert!(pools.find("3", make).unwrap().lease(NOW, |_| true).await.is_ok());
    }

    #[test]
    fn a_pool_is_kept_for_so_many_addresses_the_last_used_and_none_that_failed() {
        let pools = Pools::<String, Arc<usize>>::new(3, 9);
        assert_eq!(pools.find("bad", |_| Err("denied")), Err("denied"));
        let find = |n: usize| pools.find(n.to_string().as_str(), |_| Ok::<_, ()>(Arc::new(n))).unwrap();
        let kept = [0, 1, 2].map(find);
        assert!(Arc::ptr_eq(&find(0), &kept[0]));
        find(3);
        assert!(Arc::ptr_eq(&find(0), &kept[0]) && Arc::ptr_eq(&find(2), &kept[2]));
        assert!(!Arc::ptr_eq(&find(1), &kept[1]), "the one that was not used for longest is still there");
    }
}
