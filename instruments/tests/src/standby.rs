//! A replica of a backend's Redis, and one address for both, as a Service has it whose primary fails over.

use crate::folder;
use dev_servers::redis::{Options, Redis};
use dev_servers::relay::{Mode, Relay};

/// A replica, which can be promoted.
#[derive(Debug)]
pub struct Standby {
    /// The replica.
    pub replica: Redis,
    /// What leads it to its primary: held up, the replica lags behind.
    link: Relay,
    /// What leads the app to the primary.
    service: Relay,
}

impl Standby {
    pub(crate) fn of(primary: &Redis) -> Self {
        let relay = || Relay::before(&[primary.port()]).expect("a relay starts");
        let (link, service) = (relay(), relay());
        let options = Options { always_fsync: true, replica_of: Some(link.port()), ..Options::default() };
        let replica = Redis::start(&folder::fresh("redis-replica"), options).expect("Redis starts");
        Self { replica, link, service }
    }

    /// `127.0.0.1:<port>`, where the app finds the primary, whichever that is.
    pub(crate) fn host(&self) -> String {
        self.service.host()
    }

    /// From now on the replica gets nothing further, or all that it lacks.
    pub fn lag(&self, does_lag: bool) {
        self.link.set(if does_lag { Mode::Cut } else { Mode::Pass });
    }

    /// Makes the replica the primary, with what it has, and leads the app to it.
    ///
    /// # Panics
    /// If it does not become one.
    pub fn promote(&self) {
        self.link.hang_up();
        let answer = self.replica.ask("REPLICAOF NO ONE").expect("the replica answers");
        assert!(answer.contains("+OK"), "{answer}");
        self.service.point_to(self.replica.port());
    }

    /// Makes the old primary, which runs again, a replica of the new one.
    ///
    /// # Panics
    /// If it does not become one.
    pub fn follow(&self, old: &Redis) {
        let answer = old.ask(&format!("REPLICAOF 127.0.0.1 {}", self.replica.port())).expect("the old primary answers");
        assert!(answer.contains("+OK"), "{answer}");
    }

    /// Whether the replica has got all of the primary's data once, and gets what is new.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.replica.ask("INFO replication").expect("the replica answers").contains("master_link_status:up")
    }
}
