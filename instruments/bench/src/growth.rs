//! How it grows: events with more and more that wait, and what more connections and fewer cores do to throughput and memory.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use crate::events::{add, wait_until_waiting};
use crate::load::{Load, Next, Sample, http_row};
use crate::pace::Pace;
use crate::process_time::megabytes;
use crate::report::{Row, metric};
use crate::scenario::Scenario;
use crate::side::{Process, Role, Side};
use crate::stage::Stage;
use crate::table;

/// Events that wait when the consumer starts.
const WAITING: [u32; 3] = [2_000, 100_000, 1_000_000];
/// Connections of the load.
const CONNECTIONS: [u32; 5] = [1, 4, 16, 64, 256];
/// Connections where their number is not what it is about.
const FEW: u32 = 4;

/// Measures the app alone: there is nothing to compare it to but itself.
pub(crate) fn measure(stage: &Stage, pace: &Pace) -> Result<Vec<Row>> {
    let mut rows = cores(stage, pace)?;
    rows.extend(waiting(stage, pace)?);
    Ok(rows)
}

/// A run of the load.
fn run(stage: &Stage, process: &Process, requests: &[u8], connections: u32, seconds: u32) -> Result<Sample> {
    let requests = stage.file("growth", requests)?;
    let url = process.url();
    let load = Load { url: &url, requests: &requests, connections, seconds, next: Next::AtOnce };
    let sample = load.run(stage).with_context(|| process.log_tail())?;
    ensure!(sample.refused == 0, "{} requests were refused: {}", sample.refused, process.log_tail());
    Ok(sample)
}

/// The row of as many runs as are wanted, after one that warms up.
fn measured(
    stage: &Stage,
    process: &Process,
    name: &str,
    requests: &[u8],
    (connections, seconds): (u32, u32),
    pace: &Pace,
) -> Result<Row> {
    run(stage, process, requests, connections, 1)?;
    let runs = pace.runs.min(3);
    let samples = (0..runs).map(|_| run(stage, process, requests, connections, seconds)).collect::<Result<Vec<_>>>()?;
    let mut row = http_row(name, connections, Side::Spindle.name(), &samples);
    // Distributions are for comparisons.
    row.curve.clear();
    Ok(row)
}

/// Reads and logins over a range of connections, on one core and on all. Memory grows with what is under way.
fn cores(stage: &Stage, pace: &Pace) -> Result<Vec<Row>> {
    let all_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows = Vec::new();
    for cores in [1, all_cores] {
        for scenario in [Scenario::GetUser, Scenario::Login] {
            let process = Side::Spindle.start(stage, Role::Open)?;
            pin(&process, cores)?;
            // Logins keep the cores busy by a few connections, and what is under way at the end goes on holding its place.
            let is_login = scenario == Scenario::Login;
            let (range, seconds) =
                if is_login { (&[FEW][..], pace.login_seconds()) } else { (&CONNECTIONS[..], pace.seconds()) };
            for &connections in range {
                let name = format!("{} on {cores} of {all_cores} cores", scenario.name());
                let requests = scenario.requests(stage, connections)?;
                let row = measured(stage, &process, &name, &requests, (connections, seconds), pace)?;
                let row = row.with(metric::MEGABYTES, vec![megabytes(process.pid())]);
                println!("{}", table::line(&row));
                rows.push(row);
            }
            process.stop();
        }
    }
    Ok(rows)
}

/// Lets all threads of a process run on the first so many cores alone.
fn pin(process: &Process, cores: usize) -> Result<()> {
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", &format!("0-{}", cores - 1), &process.pid().to_string()]);
    let output = taskset.output().context("cannot start taskset (Debian: util-linux)")?;
    if !output.status.success() {
        bail!("taskset failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Messages consumed in a second, with more and more that wait.
fn waiting(stage: &Stage, pace: &Pace) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for count in WAITING.into_iter().filter(|count| !pace.quick || *count <= WAITING[1]) {
        let mut redis = stage.redis()?;
        redis::cmd("FLUSHDB").query::<()>(&mut redis)?;
        for _ in 0..count / WAITING[0] {
            add(&mut redis, WAITING[0])?;
        }
        let megabytes = redis::cmd("MEMORY").arg("USAGE").arg("user_login_event").query::<f64>(&mut redis)? / 1e6;
        let consumer = Side::Spindle.start(stage, Role::Consumer("bench", 0))?;
        // What the consumer takes in the first moments is the start; then it is counted for a while, or until all is done.
        let first = wait_until_waiting(&mut redis, count - WAITING[0] / 10).with_context(|| consumer.log_tail())?;
        let begun = Instant::now();
        let floor = first.saturating_sub(if count == WAITING[0] { WAITING[0] / 2 } else { WAITING[0] * 5 });
        let last = wait_until_waiting(&mut redis, floor).with_context(|| consumer.log_tail())?;
        let rate = f64::from(first - last) / begun.elapsed().as_secs_f64();
        consumer.stop();
        let row = Row::new(&format!("event consumed, {count} waiting"), 0, Side::Spindle.name())
            .with(metric::THROUGHPUT, vec![rate])
            .with(metric::MEGABYTES, vec![megabytes]);
        println!("{}", table::line(&row));
        rows.push(row);
    }
    let mut redis = stage.redis()?;
    redis::cmd("FLUSHDB").query::<()>(&mut redis)?;
    Ok(rows)
}
