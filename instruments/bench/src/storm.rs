//! A storm of logins: what the others feel of it. As many people sign in at once, again and again, as there are places to
//! hash in, while a calm caller asks for a route without I/O, and another for one user. For comparison, a thread that only sleeps:
//! how late a timer wakes it beside hashes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::load::{Load, Next, Sample, http_row};
use crate::pace::Pace;
use crate::report::{Row, metric};
use crate::scenario::Scenario;
use crate::side::{Process, Role, Side};
use crate::stage::{PASSWORD, Stage};
use crate::table;

/// People who sign in: as many as `hash_permits` says by default.
const PEOPLE: u32 = 16;
/// How long the calm caller rests between two requests, in milliseconds.
const PAUSE: u32 = 5;
/// The same for a thread that only sleeps.
const SLEEP: Duration = Duration::from_millis(PAUSE as u64);
/// How long logins may go on when nobody waits for them any longer; a place that is not given back is free after that.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than a hash takes.
const HASH: Duration = Duration::from_secs(2);
/// Between two looks.
const STEP: Duration = Duration::from_millis(100);

/// Measures both routes on each side, in idleness and in the storm.
pub(crate) fn measure(stage: &Stage, sides: &[Side], pace: &Pace) -> Result<Vec<Row>> {
    let mut rows = wakings(stage, pace)?;
    for side in sides {
        // A storm of the peer's own is worth a look, and takes a while.
        if pace.quick && *side == Side::Native {
            continue;
        }
        let process = side.start(stage, Role::Open)?;
        let calm = [Scenario::Health, Scenario::GetUser];
        let mut idle = [Vec::new(), Vec::new()];
        let mut stormy = [Vec::new(), Vec::new()];
        let mut logins = Vec::new();
        for _ in 0..pace.runs {
            for (scenario, samples) in calm.iter().zip(&mut idle) {
                samples.push(ask(stage, &process, *scenario, pace)?);
            }
            let requests = stage.file("storm", &Scenario::Login.requests(stage, PEOPLE)?)?;
            let url = process.url();
            // It begins before the calm callers do, and goes on when they have ended.
            let seconds = 3 + 2 * seconds(pace);
            let storm = Load { url: &url, requests: &requests, connections: PEOPLE, seconds, next: Next::AtOnce };
            let storm = storm.start(stage)?;
            std::thread::sleep(Duration::from_secs(1));
            for (scenario, samples) in calm.iter().zip(&mut stormy) {
                samples.push(ask(stage, &process, *scenario, pace)?);
            }
            logins.push(storm.finish().with_context(|| process.log_tail())?);
            settle(stage, &process)?;
        }
        for (scenario, (idle, stormy)) in calm.iter().zip(idle.iter().zip(&stormy)) {
            for (when, samples) in [("idle", idle), ("storm", stormy)] {
                let row = http_row(&format!("{}, {when}", scenario.name()), 1, side.name(), samples);
                println!("{}", table::line(&row));
                rows.push(row);
            }
        }
        let refused = logins.iter().map(|sample| sample.refused as f64).collect();
        let row = http_row("login, storm", PEOPLE, side.name(), &logins).with(metric::REFUSED, refused);
        println!("{}", table::line(&row));
        rows.push(row);
    }
    Ok(rows)
}

/// How late a thread wakes up that has slept as long as a calm caller rests: in idleness, and beside native hashes on all
/// cores. It tells of timers alone: whoever is woken by another thread or process may wait longer.
fn wakings(stage: &Stage, pace: &Pace) -> Result<Vec<Row>> {
    let (hash, pepper) = (stage.hash()?, stage.pepper()?);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows = Vec::new();
    for (when, busy) in [("idle", 0), ("hashes", cores)] {
        let (mut middle, mut late) = (Vec::new(), Vec::new());
        for _ in 0..pace.runs {
            let is_over = AtomicBool::new(false);
            let mut lateness = std::thread::scope(|scope| {
                for _ in 0..busy {
                    scope.spawn(|| {
                        while !is_over.load(Ordering::Relaxed) {
                            std::hint::black_box(hash.verify(PASSWORD, &pepper)).ok();
                        }
                    });
                }
                let lateness = lateness(Duration::from_secs(seconds(pace).into()));
                is_over.store(true, Ordering::Relaxed);
                lateness
            });
            lateness.sort_by(f64::total_cmp);
            let at = |share: f64| lateness.get((lateness.len() as f64 * share) as usize).copied().unwrap_or_default();
            middle.push(at(0.5));
            late.push(at(0.99));
        }
        let row = Row::new(&format!("waking up, {when}"), 0, Side::Native.name());
        let row = row.with(metric::P50, middle).with(metric::P99, late);
        println!("{}", table::line(&row));
        rows.push(row);
    }
    Ok(rows)
}

/// How many milliseconds too late each sleep ends, for a while.
fn lateness(time: Duration) -> Vec<f64> {
    let begun = Instant::now();
    let mut all = Vec::new();
    while begun.elapsed() < time {
        let asleep = Instant::now();
        std::thread::sleep(SLEEP);
        all.push(asleep.elapsed().saturating_sub(SLEEP).as_secs_f64() * 1e3);
    }
    all
}

/// Waits until no login is under way: one that nobody waits for any longer hashes all the same, holds its place, and would
/// be in the way of what is measured next.
pub(crate) fn settle(stage: &Stage, process: &Process) -> Result<()> {
    let mut sql = stage.sql()?;
    if let Process::Peer(..) = process {
        // It ends the hash that it has begun, and nothing gives the place back.
        std::thread::sleep(HASH);
        sql.batch_execute("UPDATE hashing_places SET holder = NULL, held_until = '-infinity'")?;
        return Ok(());
    }
    let begun = Instant::now();
    while sql.query_one("SELECT EXISTS (SELECT FROM hashing_places WHERE held_until > now())", &[])?.get(0) {
        ensure!(begun.elapsed() < PATIENCE, "logins are still under way after {} seconds", PATIENCE.as_secs());
        std::thread::sleep(STEP);
    }
    Ok(())
}

fn seconds(pace: &Pace) -> u32 {
    if pace.quick { 2 } else { 5 }
}

fn ask(stage: &Stage, process: &Process, scenario: Scenario, pace: &Pace) -> Result<Sample> {
    let requests = stage.file(scenario.name(), &scenario.requests(stage, 1)?)?;
    let url = process.url();
    let load =
        Load { url: &url, requests: &requests, connections: 1, seconds: seconds(pace), next: Next::After(PAUSE) };
    let sample = load.run(stage).with_context(|| process.log_tail())?;
    ensure!(sample.refused == 0, "{} requests were refused", sample.refused);
    Ok(sample)
}
