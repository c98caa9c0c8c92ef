//! Who is let in: how many connections, requests and bodies there may be, in all and of one address.
//!
//! An address has at most `peer_share` percent of each, so that one client alone cannot take everything from the others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Limits;

/// Requests of probes that are answered even when all places are taken.
const PROBES: usize = 16;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Open connections.
    Connections,
    /// Requests from the end of their head to the end of their answer.
    Requests,
    /// Requests that wait for a place.
    Waiting,
    /// Bytes of bodies that components have not read yet.
    Bodies,
}

/// How much there is of each kind, and how much there may be.
#[derive(Debug)]
struct Gauges {
    used: [AtomicUsize; 4],
    limits: [usize; 4],
}

impl Gauges {
    fn new(limits: [usize; 4]) -> Self {
        Self { used: Default::default(), limits }
    }

    fn take(&self, kind: Kind, amount: usize) -> bool {
        let used = &self.used[kind as usize];
        let fits = used.fetch_add(amount, Ordering::Relaxed) + amount <= self.limits[kind as usize];
        if !fits {
            used.fetch_sub(amount, Ordering::Relaxed);
        }
        fits
    }

    fn give_back(&self, kind: Kind, amount: usize) {
        self.used[kind as usize].fetch_sub(amount, Ordering::Relaxed);
    }
}

/// The limits of the server.
#[derive(Debug)]
pub(super) struct Admission {
    all: Gauges,
    limits_of_one: [usize; 4],
    /// Places of requests with their components.
    places: Arc<Semaphore>,
    place_count: usize,
    places_of_one: usize,
    probes: Arc<Semaphore>,
    queue_time: Duration,
    peers: Mutex<HashMap<IpAddr, Weak<Peer>>>,
}

impl Admission {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let all = [limits.connections.0, limits.open_requests.0, limits.waiting_requests.0, limits.bodies.0];
        let percent = limits.peer_share.0.min(100);
        let share = |limit: usize| (limit.saturating_mul(percent) / 100).max(1);
        Arc::new(Self {
            all: Gauges::new(all),
            limits_of_one: all.map(share),
            places: Arc::new(Semaphore::new(limits.requests.0)),
            place_count: limits.requests.0,
            places_of_one: share(limits.requests.0),
            probes: Arc::new(Semaphore::new(PROBES)),
            queue_time: limits.queue_time.0,
            peers: Mutex::default(),
        })
    }

    /// The client at an address.
    pub(super) fn peer(self: &Arc<Self>, address: IpAddr) -> Arc<Peer> {
        let client = client(address);
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.get(&client).and_then(Weak::upgrade) {
            return peer;
        }
        let peer = Arc::new(Peer {
            client,
            own: Gauges::new(self.limits_of_one),
            places: Arc::new(Semaphore::new(self.places_of_one)),
            admission: Arc::clone(self),
        });
        peers.insert(client, Arc::downgrade(&peer));
        peer
    }

    /// Places that requests have with components, how many there are, and requests that wait for one.
    pub(super) fn places(&self) -> [usize; 3] {
        let waiting = self.all.used[Kind::Waiting as usize].load(Ordering::Relaxed);
        [self.place_count.saturating_sub(self.places.available_permits()), self.place_count, waiting]
    }

    /// Open connections.
    pub(super) fn connections(&self) -> usize {
        self.all.used[Kind::Connections as usize].load(Ordering::Relaxed)
    }

    /// Waits until no request is with a component any longer.
    pub(super) async fn drained(&self) {
        let all = u32::try_from(self.place_count).unwrap_or(u32::MAX);
        drop(self.places.acquire_many(all).await);
        drop(self.probes.acquire_many(u32::try_from(PROBES).unwrap_or(u32::MAX)).await);
    }
}

/// What counts as one client: an address, or of IPv6 the network that one customer has (RFC 6177).
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

/// One client.
#[derive(Debug)]
pub(super) struct Peer {
    client: IpAddr,
    own: Gauges,
    places: Arc<Semaphore>,
    admission: Arc<Admission>,
}

/// A place of a request with its component.
#[derive(Debug)]
pub(super) struct Place {
    _place: OwnedSemaphorePermit,
    _own: Option<OwnedSemaphorePermit>,
}

impl Peer {
    /// Takes so much of something, if it is there.
    pub(super) fn take(self: &Arc<Self>, kind: Kind, amount: usize) -> Option<Held> {
        let mut held = Held { peer: Arc::clone(self), kind, amount: 0 };
        held.grow(amount).then_some(held)
    }

    /// Takes a place with a component, or waits for one.
    ///
    /// # Errors
    /// When too many wait already, or it took too long.
    pub(super) async fn place(self: &Arc<Self>) -> Result<Place, Busy> {
        let (all, own) = (&self.admission.places, &self.places);
        if let Ok(own) = Arc::clone(own).try_acquire_owned()
            && let Ok(place) = Arc::clone(all).try_acquire_owned()
        {
            return Ok(Place { _place: place, _own: Some(own) });
        }
        let _waiting = self.take(Kind::Waiting, 1).ok_or(Busy::Full)?;
        let both = async {
            let own = Arc::clone(own).acquire_owned().await.ok()?;
            let place = Arc::clone(all).acquire_owned().await.ok()?;
            Some(Place { _place: place, _own: Some(own) })
        };
        tokio::time::timeout(self.admission.queue_time, both).await.ok().flatten().ok_or(Busy::Late)
    }

    /// Takes a place that is kept for probes, or one like others.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn place_of_probe(self: &Arc<Self>) -> Result<Place, Busy> {
        match Arc::clone(&self.admission.probes).try_acquire_owned() {
            Ok(place) => Ok(Place { _place: place, _own: None }),
            Err(_) => self.place().await,
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let mut peers = self.admission.peers.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody with the same address may have come meanwhile.
        if peers.get(&self.client).is_some_and(|peer| peer.strong_count() == 0) {
            peers.remove(&self.client);
        }
    }
}

/// Why there is no place for a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Busy {
    /// Too many wait already.
    Full,
    /// None was free in time.
    Late,
}

/// Something that was taken. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Held {
    peer: Arc<Peer>,
    kind: Kind,
    amount: usize,
}

impl Held {
    /// Takes more, if it is there.
    pub(super) fn grow(&mut self, amount: usize) -> bool {
        let Self { peer, kind, .. } = self;
        if !peer.own.take(*kind, amount) {
            return false;
        }
        if !peer.admission.all.take(*kind, amount) {
            peer.own.give_back(*kind, amount);
            return false;
        }
        self.amount += amount;
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.peer.own.give_back(self.kind, self.amount);
        self.peer.admission.all.give_back(self.kind, self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Count, Time};

    fn admission() -> Arc<Admission> {
        Admission::new(&Limits {
            connections: Count(6),
            requests: Count(2),
            waiting_requests: Count(2),
            queue_time: Time(Duration::from_millis(100)),
            ..Limits::default()
        })
    }

    #[test]
    fn one_client_has_half_and_all_have_all() {
        let admission = admission();
        let peer = |last| admission.peer([10, 0, 0, last].into());
        let take = |last| peer(last).take(Kind::Connections, 1);
        let first: Vec<_> = (0..4).map_while(|_| take(1)).collect();
        let second: Vec<_> = (0..4).map_while(|_| take(2)).collect();
        assert_eq!((first.len(), second.len()), (3, 3));
        assert!(take(3).is_none());
        drop(first);
        assert!(take(3).is_some());
        assert_eq!(admission.peers.lock().unwrap().len(), 1, "who is gone is forgotten");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let client = |address: &str| client(address.parse().unwrap());
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:0:0:2"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:10.0.0.1"), client("10.0.0.1"));
        assert_ne!(client("10.0.0.1"), client("10.0.0.2"));
    }

    #[tokio::test]
    async fn who_waits_too_long_or_behind_too_many_is_refused() {
        let admission = admission();
        let (one, other) = (admission.peer([10, 0, 0, 1].into()), admission.peer([10, 0, 0, 2].into()));
        let place = one.place().await.unwrap();
        // One of its own may wait; the next may not.
        let (waited, refused) = tokio::join!(one.place(), one.place());
        assert_eq!((waited.unwrap_err(), refused.unwrap_err()), (Busy::Late, Busy::Full));
        let of_other = other.place().await.unwrap();
        let third = admission.peer([10, 0, 0, 3].into());
        let (waited, ()) = tokio::join!(third.place(), async { drop(of_other) });
        waited.unwrap();
        drop(place);
        admission.drained().await;
    }

    #[tokio::test]
    async fn probes_have_places_of_their_own() {
        let admission = admission();
        let peer = admission.peer([10, 0, 0, 1].into());
        let _place = peer.place().await.unwrap();
        let probes: Vec<_> = futures_util::future::join_all((0..PROBES).map(|_| peer.place_of_probe())).await;
        assert!(probes.iter().all(Result::is_ok));
        assert!(peer.place_of_probe().await.is_err());
    }
}
