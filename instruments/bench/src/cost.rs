//! What one request costs: the processor time of each part, transactions and bytes of the write-ahead log. docs/scale.md is made of it.

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};

use crate::events;
use crate::load::{Load, Sample, http_row};
use crate::pace::{LOGIN_CONNECTIONS, Pace};
use crate::process_time::microseconds;
use crate::report::{Row, metric};
use crate::scenario::Scenario;
use crate::side::{Process, Side};
use crate::stage::Stage;
use crate::{storm, table};

/// What is asked, with these numbers of connections.
const ASKED: [(Scenario, &[u32]); 6] = [
    (Scenario::Health, &[1, 16]),
    (Scenario::GetUser, &[1, 4, 16, 64]),
    (Scenario::GetUserWithToken, &[1, 4, 16]),
    (Scenario::SqlWrite, &[1, 4, 16]),
    (Scenario::Refresh, &[1, 4, 16]),
    (Scenario::Login, &[1, 2, LOGIN_CONNECTIONS, 8]),
];

/// What a row of it is called.
pub(crate) fn name(scenario: Scenario) -> String {
    format!("cost of {}", scenario.name())
}

/// Measures the app alone: what it costs, and not how that compares.
pub(crate) fn measure(stage: &Stage, pace: &Pace) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (scenario, connections) in ASKED {
        let process = Side::Spindle.start(stage, scenario.role())?;
        for connections in connections {
            load(stage, &process, scenario, *connections, 1)?;
            settle(stage, &process, scenario)?;
            let seconds = if scenario == Scenario::Login { pace.login_seconds() } else { pace.seconds() };
            let mut costs = vec![Vec::new(); METRICS.len()];
            let mut samples = Vec::new();
            for _ in 0..pace.runs.min(5) {
                let before = Meters::read(stage, &process)?;
                let sample = load(stage, &process, scenario, *connections, seconds)?;
                settle(stage, &process, scenario)?;
                let after = Meters::read(stage, &process)?;
                for (costs, (before, after)) in costs.iter_mut().zip(before.0.iter().zip(after.0)) {
                    costs.push((after - before) / sample.count().max(1.0));
                }
                samples.push(sample);
            }
            let mut row = http_row(&name(scenario), *connections, Side::Spindle.name(), &samples);
            row.curve.clear();
            for (name, costs) in METRICS.into_iter().zip(costs) {
                row = row.with(name, costs);
            }
            println!("{}", table::line(&row));
            rows.push(row);
        }
        process.stop();
    }
    rows.extend(events::consumers(stage, pace)?);
    Ok(rows)
}

/// Puts the load of a scenario on a process. Nothing may be refused.
pub(crate) fn load(
    stage: &Stage,
    process: &Process,
    scenario: Scenario,
    connections: u32,
    seconds: u32,
) -> Result<Sample> {
    let requests = stage.file(scenario.name(), &scenario.requests(stage, connections)?)?;
    let url = process.url();
    let load = Load { url: &url, requests: &requests, connections, seconds, next: scenario.next() };
    let sample = load.run(stage).with_context(|| process.log_tail())?;
    let _ = std::fs::remove_file(requests);
    ensure!(sample.refused == 0, "{} requests were refused: {}", sample.refused, process.log_tail());
    Ok(sample)
}

/// Waits until nothing of a load is under way any more.
pub(crate) fn settle(stage: &Stage, process: &Process, scenario: Scenario) -> Result<()> {
    if scenario == Scenario::Login { storm::settle(stage, process) } else { Ok(()) }
}

/// What is counted, by the names of the metrics.
const METRICS: [&str; 6] = [
    metric::PROCESSOR,
    metric::OF_POSTGRES,
    metric::OF_REDIS,
    metric::OF_GENERATOR,
    metric::TRANSACTIONS,
    metric::LOG_BYTES,
];

struct Meters([f64; METRICS.len()]);

impl Meters {
    fn read(stage: &Stage, process: &Process) -> Result<Self> {
        // What processes of PostgreSQL have counted they tell within a second.
        std::thread::sleep(std::time::Duration::from_millis(1_200));
        let counted = "SELECT (SELECT xact_commit + xact_rollback FROM pg_stat_database
                WHERE datname = current_database())::float8, (pg_current_wal_lsn() - '0/0')::float8";
        let row = stage.sql()?.query_one(counted, &[])?;
        let generator = getrusage(UsageWho::RUSAGE_CHILDREN).context("the system does not tell what children used")?;
        let microseconds_of = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 * 1e6 + time.tv_usec() as f64;
        Ok(Self([
            microseconds(process.pid()),
            microseconds(stage.postgres_pid()),
            microseconds(stage.redis_pid()),
            microseconds_of(generator.user_time()) + microseconds_of(generator.system_time()),
            row.get(0),
            row.get(1),
        ]))
    }
}
