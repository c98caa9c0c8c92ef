//! The statement that reads statistics: the database keeps them for a second.

use super::Store;
use api::users::Statistics;
use problem::Problem;
use spin_sdk::pg4::ParameterValue;

/// Reads the statistics. How many permits there are is for the variable to say, not for the database.
pub(crate) fn read(store: &Store, permits: u32) -> Result<Statistics, Problem> {
    const STATEMENT: &str = "SELECT jsonb_set(read_statistics(), '{hash_permits,permits}', to_jsonb($1::int8))";
    Ok(store.one(STATEMENT, &[ParameterValue::Int64(permits.into())])?)
}
