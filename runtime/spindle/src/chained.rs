//! Places for calls from one component to another.
//!
//! A call that waits for another one keeps its own place meanwhile. So each depth has places of its own: what is at a depth waits
//! only for what is deeper, the deepest for nobody, and calls can never all wait for each other.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Limits;

/// How many components may call each other in a row.
const MAX_DEPTH: usize = 8;

/// Why there is no place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// All are taken, for longer than a call may wait.
    Busy,
    /// More components have called each other than may.
    TooDeep,
}

/// The places of all depths.
#[derive(Debug)]
pub(crate) struct ChainedPlaces {
    /// The first is for depth 1.
    levels: Vec<Arc<Semaphore>>,
    wait: Duration,
}

impl ChainedPlaces {
    /// Shares out the instances that requests leave: to each depth half of what is left.
    pub(crate) fn new(limits: &Limits) -> Self {
        let mut left = limits.instances.0.saturating_sub(limits.requests.0);
        let levels = (0..MAX_DEPTH).map(|_| {
            let places = (left / 2).max(1);
            left = left.saturating_sub(places);
            Arc::new(Semaphore::new(places))
        });
        Self { levels: levels.collect(), wait: limits.queue_time.0 }
    }

    /// A place for a call at a depth, 1 for one that a request's component makes.
    ///
    /// # Errors
    /// When there is none in time.
    pub(crate) async fn place(&self, depth: usize) -> Result<OwnedSemaphorePermit, NoPlace> {
        let level = depth.checked_sub(1).and_then(|index| self.levels.get(index)).ok_or(NoPlace::TooDeep)?;
        let place = tokio::time::timeout(self.wait, Arc::clone(level).acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or(NoPlace::Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Time;

    #[tokio::test]
    async fn each_depth_has_places_of_its_own() {
        let places = ChainedPlaces::new(&Limits { queue_time: Time(Duration::from_millis(20)), ..Limits::default() });
        let total: usize = places.levels.iter().map(|level| level.available_permits()).sum();
        assert!(total <= 1000 - 512, "{total}");
        let mut taken = Vec::new();
        while let Ok(place) = places.place(1).await {
            taken.push(place);
        }
        assert_eq!(taken.len(), 244);
        for depth in 2..=MAX_DEPTH {
            assert!(places.place(depth).await.is_ok(), "{depth}");
        }
        assert_eq!(places.place(MAX_DEPTH + 1).await.unwrap_err(), NoPlace::TooDeep);
    }
}
