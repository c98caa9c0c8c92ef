//! The figures of docs/limits.md about statistics and the search of the delivery log.

use crate::limits_page::Held;

const OF_QUEUES: &str = "statistics of queues and consumers";
const OF_SIGN_INS: &str = "statistics of sign-ins and permits (`migrations/0041_statistics.sql`)";
const LOOKED_THROUGH: &str = "delivery log looked through for one queue, per call";
const REDIS: &str = "crates/events/src/redis/statistics.rs";
const LIST: &str = "components/notification/src/routes/list_notifications.rs";

pub(crate) const HELD: &[Held] = &[
    (OF_QUEUES, "1 s", REDIS, "CACHED: Duration = "),
    (OF_QUEUES, "1,000", REDIS, "COUNTED: u64 = "),
    (OF_QUEUES, "200", REDIS, "MAX_CONSUMERS: u64 = "),
    (OF_QUEUES, "60", REDIS, "INTERVALS: usize = "),
    (OF_QUEUES, "10 seconds", REDIS, "INTERVAL_SECONDS: u64 = "),
    (OF_SIGN_INS, "1 s", "migrations/0041_statistics.sql", "moment - interval '"),
    (LOOKED_THROUGH, "10 steps", LIST, "STEPS: usize = "),
    (LOOKED_THROUGH, "200 deliveries", LIST, "STEP: u64 = "),
];
