//! A pooled connection in the hands of a guest.

use crate::pool::Lease;

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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::pool::{LeaseError, Pool, Pools};

    const NOW: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn a_guest_gives_back_what_is_clean_and_not_in_use() {
        let pools = Pools::<String, Arc<Pool<u8>>>::new(1, 9);
        let pool = pools.find("server", |total| Ok::<_, ()>(Pool::new(1, Duration::from_secs(60), total))).unwrap();
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
}
