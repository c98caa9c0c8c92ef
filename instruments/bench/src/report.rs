//! What a run has found: the file that it writes, and that others are compared to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::spread::Spread;

/// What the measurement of memory over a long time is called.
pub(crate) const SOAK: &str = "soak";

/// What the measurement of reads and writes with more and more rows is called.
pub(crate) const ROWS: &str = "rows";

/// What the measurement of very many messages that wait is called.
pub(crate) const BACKLOG: &str = "backlog";

/// One run of the benchmark.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) name: String,
    /// When, in UTC.
    pub(crate) at: String,
    pub(crate) machine: Machine,
    /// Whether it was the quick one.
    pub(crate) quick: bool,
    /// Runs of each measurement.
    pub(crate) runs: u32,
    pub(crate) goals: Vec<Goal>,
    pub(crate) rows: Vec<Row>,
}

/// One thing that was measured on one side.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) scenario: String,
    /// Connections of the load; 0 where there is no load.
    pub(crate) connections: u32,
    pub(crate) side: String,
    /// By the names in [`metric`].
    pub(crate) metrics: BTreeMap<String, Spread>,
    /// Percentiles and latencies in milliseconds, of the run with the middle throughput. Of a soak, millions of requests and
    /// megabytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) curve: Vec<(f64, f64)>,
}

/// The names of metrics, with their units.
pub(crate) mod metric {
    pub(crate) const THROUGHPUT: &str = "per second";
    pub(crate) const P50: &str = "p50 ms";
    pub(crate) const P99: &str = "p99 ms";
    pub(crate) const LONGEST: &str = "longest ms";
    pub(crate) const MILLISECONDS: &str = "ms";
    pub(crate) const MICROSECONDS: &str = "us";
    pub(crate) const BYTES: &str = "bytes a person";
    pub(crate) const MEGABYTES: &str = "MB";
    /// Of the processes of a side, for each request: it depends little on what else the machine does.
    pub(crate) const PROCESSOR: &str = "us of a core";
    /// The same of what serves it, and of the load generator.
    pub(crate) const OF_POSTGRES: &str = "us of PostgreSQL";
    pub(crate) const OF_REDIS: &str = "us of Redis";
    /// Of the broker that has a backlog, and of the Redis beside it that has the delivery log.
    pub(crate) const OF_BROKER: &str = "us of the broker";
    pub(crate) const OF_LOG: &str = "us of the delivery log";
    pub(crate) const OF_GENERATOR: &str = "us of the generator";
    pub(crate) const TRANSACTIONS: &str = "transactions";
    /// Of PostgreSQL's write-ahead log.
    pub(crate) const LOG_BYTES: &str = "bytes logged";
    pub(crate) const MESSAGES: &str = "messages";
    pub(crate) const IN_MEMORY: &str = "bytes each in memory";
    pub(crate) const ON_DISK: &str = "bytes each on disk";
    /// Until the last consumers had worked through what was left.
    pub(crate) const DRAINED: &str = "s until all were sent";
    pub(crate) const LOST: &str = "lost";
    pub(crate) const DOUBLED: &str = "sent twice";
    pub(crate) const MILLIONS: &str = "million requests";
    pub(crate) const RATIO: &str = "ratio";
    pub(crate) const REFUSED: &str = "refused";
}

/// A goal, and whether it is met.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Goal {
    pub(crate) measure: String,
    /// `>= 0.6`, say.
    pub(crate) goal: String,
    /// Nothing if it was not measured.
    pub(crate) measured: Option<f64>,
    pub(crate) met: Option<bool>,
}

impl Row {
    pub(crate) fn new(scenario: &str, connections: u32, side: &str) -> Self {
        let (scenario, side) = (scenario.to_owned(), side.to_owned());
        Self { scenario, connections, side, metrics: BTreeMap::new(), curve: Vec::new() }
    }

    pub(crate) fn with(mut self, metric: &str, runs: Vec<f64>) -> Self {
        self.metrics.insert(metric.to_owned(), Spread::new(runs));
        self
    }
}

impl Report {
    /// A row; the first, which is that with the usual number of connections, if `connections` is not said.
    pub(crate) fn row(&self, scenario: &str, side: &str, connections: Option<u32>) -> Option<&Row> {
        self.rows.iter().find(|row| {
            row.scenario == scenario && row.side == side && connections.is_none_or(|wanted| row.connections == wanted)
        })
    }

    /// A metric of a row.
    pub(crate) fn spread(&self, scenario: &str, side: &str, metric: &str) -> Option<&Spread> {
        self.row(scenario, side, None)?.metrics.get(metric)
    }
}
