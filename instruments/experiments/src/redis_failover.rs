//! A Redis with a replica, which lags behind by more and more, and the primary dies by SIGKILL while people sign in and many
//! messages wait. The replica takes over with what it has: what the primary had taken and not passed on comes from the outbox
//! again.

use crate::Report;
use crate::drill::{self, Drill};
use crate::fate::{self, Fate};
use crate::stage::{Plan, Stage};
use crate::table::table;
use anyhow::{Context as _, Result, bail};
use blackbox::backend::Backend;
use blackbox::broker::LOGINS;
use blackbox::standby::Standby;
use std::time::{Duration, Instant};

/// By how many seconds the replica lags behind, and whether the outbox keeps its rows until a replica has what they tell of.
const RUNS: [(f64, bool); 5] = [(0.0, false), (0.5, false), (3.0, false), (15.0, false), (15.0, true)];
/// How long all is well before, and afterwards.
const CALM: Duration = Duration::from_secs(5);
/// How long messages pile up at least before the primary dies: meanwhile the provider takes [`SLOW_MS`] for each.
const PILE_UP: f64 = 3.0;
const SLOW_MS: u64 = 1500;
/// From the primary's death until the replica is the primary: what noticing takes.
const NOTICED: Duration = Duration::from_secs(2);
/// Until the replica has all.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is under way between primary and replica where there is no lag to speak of, in seconds.
const UNDER_WAY: f64 = 0.5;

/// One failover, and what came of it.
struct Run {
    lag: f64,
    waits_for_replica: bool,
    sign_ins: usize,
    refused: usize,
    /// Events that the primary had taken and the replica has not.
    lost_by_redis: u64,
    published_again: u64,
    fates: Vec<Fate>,
    /// How many messages arrived in the time of which the replica knows nothing: their acknowledgement is lost.
    unknown: usize,
    /// Until the first message arrived by the new primary, in seconds.
    pause: f64,
    svg: String,
}

/// What the steps of a failover have found.
struct Found {
    lagging_at: f64,
    killed_at: f64,
    promoted_at: f64,
    /// Events that the primary had taken and the replica has not.
    lost_by_redis: u64,
}

pub(crate) fn run(plan: &Plan) -> Result<Report> {
    let runs = RUNS.map(|(lag, waits)| {
        println!("\nA lag of {lag} s; rows wait for the replica: {waits}");
        fail_over(plan, lag, waits)
    });
    let runs = runs.into_iter().collect::<Result<Vec<_>>>()?;
    report(runs)
}

fn fail_over(plan: &Plan, lag: f64, waits_for_replica: bool) -> Result<Run> {
    let replicas = if waits_for_replica { "1" } else { "0" };
    let stage =
        Stage::with_doors(Backend::with_redis_replica(), plan, &Stage::REPORTED, &[("redis_replicas", replicas)])?;
    let standby = stage.backend.standby.as_ref().context("there is a replica")?;
    let begun = Instant::now();
    while !standby.is_linked() {
        if begun.elapsed() > PATIENCE {
            bail!("the replica is not linked to its primary after {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let drill = drill::under_load(&stage, plan.messages, |clock| steps(&stage, standby, plan, lag, clock))?;
    println!("{} sign-ins; waiting for the last messages", drill.let_in().0);
    drill::settle(&stage)?;
    tell(&stage, &drill, (lag, waits_for_replica))
}

fn steps(stage: &Stage, standby: &Standby, plan: &Plan, lag: f64, clock: &dyn Fn() -> f64) -> Result<Found> {
    std::thread::sleep(CALM);
    stage.mail.take_ms(SLOW_MS);
    std::thread::sleep(Duration::from_secs_f64((PILE_UP - lag).max(0.0)));
    let lagging_at = clock();
    if lag > 0.0 {
        standby.lag(true);
        std::thread::sleep(Duration::from_secs_f64(lag));
    }
    println!("Killing the primary");
    let killed_at = clock();
    stage.backend.redis.kill();
    stage.mail.take_ms(plan.send_ms);
    std::thread::sleep(NOTICED);
    let events_of_replica = entries_added(&standby.replica.ask(&format!("XINFO STREAM {LOGINS}"))?);
    standby.promote();
    let promoted_at = clock();
    std::thread::sleep(CALM);
    // The old primary has all that it had taken on its disk. Nobody is led to it any more; it becomes a replica.
    stage.backend.redis.start_again()?;
    let events_of_primary = entries_added(&stage.backend.redis.ask(&format!("XINFO STREAM {LOGINS}"))?);
    standby.follow(&stage.backend.redis);
    std::thread::sleep(CALM);
    let lost_by_redis = events_of_primary.saturating_sub(events_of_replica);
    Ok(Found { lagging_at, killed_at, promoted_at, lost_by_redis })
}

/// How many entries a stream has ever got, as XINFO says it.
fn entries_added(answer: &str) -> u64 {
    let mut lines = answer.lines().map(str::trim).skip_while(|line| *line != "entries-added").skip(1);
    lines.next().and_then(|line| line.strip_prefix(':')?.parse().ok()).unwrap_or_default()
}

fn tell(stage: &Stage, drill: &Drill<Found>, (lag, waits_for_replica): (f64, bool)) -> Result<Run> {
    let Found { lagging_at, killed_at, promoted_at, lost_by_redis } = drill.found;
    let arrivals = drill.arrivals(stage);
    let (sign_ins, refused) = drill.let_in();
    let unknown = lagging_at - UNDER_WAY..promoted_at;
    let first = arrivals.iter().map(|arrival| arrival.at).find(|at| *at > promoted_at).unwrap_or(f64::INFINITY);
    let marks =
        [(lagging_at, "the replica lags"), (killed_at, "the primary is killed"), (promoted_at, "the replica leads")];
    let marks = if lag > 0.0 { &marks[..] } else { &marks[1..] };
    Ok(Run {
        lag,
        waits_for_replica,
        sign_ins,
        refused,
        lost_by_redis,
        published_again: published_again(&stage.doors.log()),
        fates: fate::fates(sign_ins, &stage.mail.taken()),
        unknown: arrivals.iter().filter(|arrival| unknown.contains(&arrival.at)).count(),
        pause: first - killed_at,
        svg: drill.plot(&format!("A failover to a replica that lags by {lag} s"), &arrivals, marks)?,
    })
}

/// How many events were published again, as the service's log says.
fn published_again(log: &str) -> u64 {
    let lines = log.lines().filter(|line| line.contains("events are published again"));
    let count = |line: &str| {
        let digits = line.split("\"count\"").nth(1)?.trim_start_matches([':', '"', ' ']);
        digits.split(|letter: char| !letter.is_ascii_digit()).next()?.parse::<u64>().ok()
    };
    lines.filter_map(count).sum()
}

impl Run {
    fn lost(&self) -> usize {
        self.fates.iter().map(|fate| fate.lost).sum()
    }

    fn repeated(&self) -> usize {
        self.fates.iter().map(|fate| fate.repeated).sum()
    }

    /// Nobody is refused; nothing is lost, unless the replica lagged for longer than rows are kept and nothing waits for it;
    /// and only what arrived while the replica knew nothing of it may arrive again.
    fn is_kept(&self) -> bool {
        let may_lose = self.lag > KEPT_SECONDS && !self.waits_for_replica;
        self.refused == 0 && (self.lost() == 0 || may_lose) && self.repeated() <= self.unknown
    }
}

/// For how long users keeps what it has published (`components/users/src/store/outbox.rs`).
const KEPT_SECONDS: f64 = 10.0;

fn report(runs: Vec<Run>) -> Result<Report> {
    let rows: Vec<_> = runs
        .iter()
        .map(|run| {
            vec![
                format!("{:.1}", run.lag),
                (if run.waits_for_replica { "yes" } else { "no" }).to_owned(),
                run.sign_ins.to_string(),
                run.refused.to_string(),
                run.lost_by_redis.to_string(),
                run.published_again.to_string(),
                run.lost().to_string(),
                run.repeated().to_string(),
                run.unknown.to_string(),
                format!("{:.1}", run.pause),
            ]
        })
        .collect();
    let head = [
        "lag s",
        "rows wait",
        "sign-ins",
        "refused",
        "events lost by Redis",
        "published again",
        "messages lost",
        "twice",
        "at most",
        "pause s",
    ];
    let is_kept = runs.iter().all(Run::is_kept);
    let text = table(&head, &rows);
    // The plot is that of the longest lag that nothing waits for and that is healed.
    let shown = runs.into_iter().rfind(|run| run.lag <= KEPT_SECONDS).context("there are runs")?;
    Ok(Report { name: "redis-failover", text, svg: shown.svg, is_kept })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(lag: f64, waits_for_replica: bool, lost: usize, repeated: usize) -> Run {
        let fate = Fate { kind: "email", sent: 100, once: 100 - lost - repeated, repeated, lost };
        Run {
            lag,
            waits_for_replica,
            sign_ins: 100,
            refused: 0,
            lost_by_redis: 9,
            published_again: 9,
            fates: vec![fate],
            unknown: 5,
            pause: 3.0,
            svg: String::new(),
        }
    }

    #[test]
    fn only_a_lag_that_nothing_waits_for_may_lose_messages() {
        assert!(run(3.0, false, 0, 5).is_kept());
        assert!(!run(3.0, false, 0, 6).is_kept(), "more arrived twice than the replica could not know of");
        assert!(!run(3.0, false, 1, 0).is_kept());
        assert!(run(15.0, false, 1, 0).is_kept());
        assert!(!run(15.0, true, 1, 0).is_kept());
        assert!(!Run { refused: 1, ..run(3.0, false, 0, 0) }.is_kept());
    }

    #[test]
    fn what_redis_and_the_log_say_is_understood() {
        assert_eq!(
            entries_added("*20\r\n$6\r\nlength\r\n:3\r\n$13\r\nentries-added\r\n:41\r\n$5\r\nother\r\n:1\r\n"),
            41
        );
        let line = |count| format!("{{\"message\":\"events are published again, since\",\"count\":\"{count}\"}}\n");
        assert_eq!(published_again(&format!("{}{{\"count\":\"9\"}}\n{}", line(3), line(40))), 43);
    }
}
