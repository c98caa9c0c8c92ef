//! The figures of docs/limits.md about replicas of Redis and of PostgreSQL.

/// A row of the page, a figure in it, the file that has the value, and what stands right before the value there.
pub(crate) const HELD: &[(&str, &str, &str, &str)] = &[
    (
        "a published event stays in the outbox",
        "5 at most",
        "components/users/src/settings.rs",
        "MAX_REDIS_REPLICAS: u32 = ",
    ),
    (
        "a sweep waits for replicas of Redis",
        "500 ms",
        "crates/events/src/redis/server.rs",
        "REPLICATED_WITHIN: Duration = Duration::from_millis(",
    ),
    ("a replica of PostgreSQL that lags", "3 times", "components/users/src/store/reads.rs", "LOOKS: u32 = "),
];
