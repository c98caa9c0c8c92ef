//! The figures of docs/limits.md about statistics, the search of the delivery log, and the console's pages for both.

const OF_QUEUES: &str = "statistics of queues and consumers";
const OF_SIGN_INS: &str = "statistics of sign-ins and permits (`migrations/0041_statistics.sql`)";
const LOOKED_THROUGH: &str = "delivery log looked through for one queue, or dead letters for one account, per call";
const REDIS: &str = "crates/events/src/redis/statistics.rs";
const LIVE: &str = "components/console/assets/live.js";
const LIST: &str = "components/notification/src/routes/list_notifications.rs";

/// A row of the page, a figure in it, the file that has the value, and what stands right before the value there.
pub(crate) const HELD: &[(&str, &str, &str, &str)] = &[
    (OF_QUEUES, "1 s", REDIS, "CACHED: Duration = "),
    (OF_QUEUES, "1,000", REDIS, "COUNTED: u64 = "),
    (OF_QUEUES, "200", REDIS, "MAX_CONSUMERS: u64 = "),
    (OF_QUEUES, "60", REDIS, "INTERVALS: usize = "),
    (OF_QUEUES, "10 seconds", REDIS, "INTERVAL_SECONDS: u64 = "),
    (
        "deliveries or dead letters on a page of the console",
        "25",
        "components/console/src/routes/messages.rs",
        "LIMIT: &str = ",
    ),
    ("live overview of the console", "2,000", LIVE, "const every = "),
    ("live overview of the console", "30", LIVE, "const untouched = "),
    (
        "plot of an experiment in the console",
        "512 KiB",
        "components/console/src/routes/experiments.rs",
        "MAX_PLOT: usize = ",
    ),
    ("plot of an experiment in the console", "512 KiB", "xtask/src/experiment_server.rs", "MAX_PLOT: u64 = "),
    ("experiment that the console has started", "20 minutes", "xtask/src/experiment_server.rs", "LIMIT: Duration = "),
    (OF_SIGN_INS, "1 s", "migrations/0041_statistics.sql", "moment - interval '"),
    ("the console waits for statistics", "2 s", "components/console/src/context.rs", "SOON: Duration = "),
    (LOOKED_THROUGH, "10 steps", LIST, "STEPS: usize = "),
    (LOOKED_THROUGH, "200", LIST, "STEP: u64 = "),
];
