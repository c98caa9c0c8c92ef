//! Lists that a replica answers, where there is one (`db_read_host`).
//!
//! Whoever has just changed something sees it in the next list, and so does everybody else: the primary, which has to be asked whether
//! the caller's session goes on anyway, says how far its write-ahead log is, and a replica that is not as far answers nothing. What one
//! person reads or changes is a matter of one row, and stays with the primary.

use super::{Store, StoreError, settings};
use problem::Problem;
use service_kit::log;
use spin_sdk::pg4::ParameterValue;
use std::time::Duration;

/// How often a replica is asked whether it is as far as the primary, and how long it is waited for in between.
const LOOKS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(10);

impl Store {
    /// Reads from the replica if it has all that was committed until now, else from the primary.
    pub(super) fn read<T>(&self, read: impl Fn(&Self) -> Result<T, StoreError>) -> Result<T, Problem> {
        let Some(address) = settings::read_database()? else { return Ok(read(self)?) };
        let replica = self.up_to_date(&address).and_then(|replica| replica.as_ref().map(&read).transpose());
        match replica {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(error) => log::warn("a list is read from the primary", &[("cause", error.cause())]),
        }
        Ok(read(self)?)
    }

    /// The replica, if it is as far as this primary is now. One that was made a primary is as far as anybody.
    fn up_to_date(&self, address: &str) -> Result<Option<Self>, StoreError> {
        const PRIMARY: &str = "SELECT to_jsonb(pg_current_wal_lsn()::text)";
        const REPLICA: &str =
            "SELECT to_jsonb(NOT pg_is_in_recovery() OR coalesce(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, false))";
        let place: String = self.one(PRIMARY, &[])?;
        let replica = Self::at(address)?;
        for look in 0..LOOKS {
            if look > 0 {
                std::thread::sleep(PAUSE);
            }
            if replica.one(REPLICA, &[ParameterValue::Str(place.clone())])? {
                return Ok(Some(replica));
            }
        }
        Ok(None)
    }
}
