//! The table of hashing permits under ever more pods: each has so many cores, and each core a sign-in under way, which acquires a
//! permit, hashes for as long as a hash takes, and releases it. Nothing is hashed, so that what is measured is PostgreSQL.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use identity::{AttemptKeys, Cost, UserId};
use users_domain::{AcquirePermit, Acquired, Attempt, MAX_HASH_PERMITS, PermitLimits, ReleasePermit};

use crate::pace::Pace;
use crate::process_time::microseconds;
use crate::report::{Row, metric};
use crate::stage::Stage;
use crate::table;

/// Pods of auth, and the cores of each.
const PODS: [u32; 4] = [1, 8, 32, 64];
const CORES: u32 = 4;
/// How long a hash of cost 12 takes here.
const HASH: Duration = Duration::from_millis(260);
/// Connections that acquire and release permits one after the other, as fast as they can.
const CONNECTIONS: [u32; 3] = [4, 16, 64];
/// Until whoever was refused asks again.
const PAUSE: Duration = Duration::from_millis(20);

/// What the rows are called: of so many pods, and of as many connections as there are.
pub(crate) const OF: &str = "permits of ";
pub(crate) const PODS_NAME: &str = " pods";
pub(crate) const AT_ONCE: &str = "permits, at once";

/// How many sign-ins a second so many cores can make.
pub(crate) fn most_of(cores: u32) -> f64 {
    f64::from(cores) / HASH.as_secs_f64()
}

/// Measures the table alone.
pub(crate) fn measure(stage: &Stage, pace: &Pace) -> Result<Vec<Row>> {
    let seconds = pace.seconds().max(3);
    let mut rows = Vec::new();
    let steps = PODS.map(|pods| (format!("{OF}{pods}{PODS_NAME}"), pods * CORES, HASH));
    let at_once = CONNECTIONS.map(|connections| (AT_ONCE.to_owned(), connections, Duration::ZERO));
    for (name, askers, hash) in steps.into_iter().chain(at_once) {
        let (found, elapsed) = ask(stage, askers, hash, Duration::from_secs(u64::from(seconds)))?;
        let elapsed = elapsed.as_secs_f64();
        let done = found.times.len() as f64;
        ensure!(done > 0.0, "{name}: nobody got a permit");
        let mut times = found.times;
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        let row = Row::new(&name, askers, "database")
            .with(metric::THROUGHPUT, vec![done / elapsed])
            .with(metric::P50, vec![at(50)])
            .with(metric::P99, vec![at(99)])
            .with(metric::OF_POSTGRES, vec![found.of_postgres / done])
            .with(metric::REFUSED, vec![found.refused as f64]);
        println!("{}", table::line(&row));
        rows.push(row);
    }
    Ok(rows)
}

/// What askers have met.
#[derive(Default)]
struct Found {
    /// What both statements of a sign-in took, in milliseconds.
    times: Vec<f64>,
    /// How often there was no permit.
    refused: u64,
    /// Microseconds of a core.
    of_postgres: f64,
}

/// So many askers for so long, each with a connection of its own, as a pool gives them. Each asks once before it counts: a new
/// connection plans what it runs, which takes longer than all else, and a pool's connections are not new.
fn ask(stage: &Stage, askers: u32, hash: Duration, length: Duration) -> Result<(Found, Duration)> {
    let connections = (0..askers).map(|_| stage.sql()).collect::<Result<Vec<_>>>()?;
    let (connections, _) = together(connections, Duration::ZERO, Instant::now())?;
    let before = microseconds(stage.postgres_pid());
    let begun = Instant::now();
    // A connection's process takes what it has used with it, so they are all kept until that is read.
    let (_connections, found) = together(connections, hash, begun + length)?;
    let of_postgres = microseconds(stage.postgres_pid()) - before;
    Ok((Found { of_postgres, ..found }, begun.elapsed()))
}

/// Askers beside each other, until `end` or at least once each; gives their connections back.
fn together(
    connections: Vec<::postgres::Client>,
    hash: Duration,
    end: Instant,
) -> Result<(Vec<::postgres::Client>, Found)> {
    let cost: Cost = "12".parse()?;
    let limits = PermitLimits { permits: MAX_HASH_PERMITS, per_client: MAX_HASH_PERMITS, for_sign_ins: 0, cost };
    let outcomes = std::thread::scope(|scope| {
        let worker = |(number, sql)| {
            let limits = &limits;
            scope.spawn(move || asker(sql, number, limits, hash, end))
        };
        let workers: Vec<_> = (0..).zip(connections).map(worker).collect();
        workers.into_iter().map(|worker| worker.join()).collect::<Vec<_>>()
    });
    let mut all = Found::default();
    let mut connections = Vec::new();
    for outcome in outcomes {
        let (sql, found) = outcome.map_err(|_| anyhow::anyhow!("an asker has failed"))??;
        connections.push(sql);
        all.times.extend(found.times);
        all.refused += found.refused;
    }
    Ok((connections, all))
}

fn asker(
    mut sql: ::postgres::Client,
    number: i64,
    limits: &PermitLimits,
    hash: Duration,
    end: Instant,
) -> Result<(::postgres::Client, Found)> {
    let acquire = sql.prepare("SELECT acquire_hash_permit($1::text::jsonb)::text")?;
    let release = sql.prepare("SELECT release_hash_permit($1::text::jsonb)::text")?;
    let key = |what: &str| format!("bench-{what}-{number}");
    let keys = AttemptKeys { account: key("account"), client: key("client"), pair: key("pair"), device: None };
    let attempt = Attempt::to_sign_in(&keys);
    let user = UserId::try_from(number + 1)?;
    let mut found = Found::default();
    loop {
        let begun = Instant::now();
        let request = AcquirePermit::new(&attempt, limits, None).to_json();
        let answer: String = sql.query_one(&acquire, &[&request])?.get(0);
        let acquired: Acquired = serde_json::from_str(&answer)?;
        let Some(permit) = acquired.permit else {
            found.refused += 1;
            if Instant::now() >= end {
                break;
            }
            std::thread::sleep(PAUSE);
            continue;
        };
        let asking = begun.elapsed();
        std::thread::sleep(hash);
        let begun = Instant::now();
        let request = ReleasePermit::new(&permit, &attempt, Some(true), Some(user)).to_json();
        sql.query_one(&release, &[&request])?;
        found.times.push((asking + begun.elapsed()).as_secs_f64() * 1e3);
        if Instant::now() >= end {
            break;
        }
    }
    Ok((sql, found))
}
