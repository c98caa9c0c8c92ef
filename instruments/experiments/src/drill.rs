//! A drill: people sign in all the time while something is done to the broker, and what came of it is told from their
//! answers and from what has arrived at the mail provider, and when.

use crate::fate;
use crate::plot::{self, Line};
use crate::split::to_f64;
use crate::stage::{PERSON, Stage};
use anyhow::{Result, bail};
use blackbox::mail_api::Posted;
use blackbox::people::PASSWORD;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// From how many sides sign-ins come, and how long each side pauses after an answer.
const SIDES: usize = 4;
const GAP: Duration = Duration::from_millis(60);
/// Until all is delivered afterwards.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often is looked.
const STEP: Duration = Duration::from_millis(200);

/// A sign-in, and what came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignIn {
    /// When it began, in seconds since the beginning.
    pub(crate) at: f64,
    pub(crate) seconds: f64,
    pub(crate) is_in: bool,
}

/// A message that has arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Seconds since the beginning.
    pub(crate) at: f64,
    /// Its place in [`fate::KINDS`].
    pub(crate) kind: usize,
    /// Whether it has arrived before.
    pub(crate) is_repeated: bool,
}

/// What the load was, and what the steps in its midst have found.
pub(crate) struct Drill<T> {
    pub(crate) start: Instant,
    pub(crate) sign_ins: Vec<SignIn>,
    pub(crate) found: T,
}

impl<T> Drill<T> {
    /// How many were let in, and how many were not.
    pub(crate) fn let_in(&self) -> (usize, usize) {
        let let_in = self.sign_ins.iter().filter(|sign_in| sign_in.is_in).count();
        (let_in, self.sign_ins.len() - let_in)
    }

    /// The slowest of those that began between two moments, in seconds.
    pub(crate) fn slowest(&self, from: f64, to: f64) -> f64 {
        let meant = self.sign_ins.iter().filter(|sign_in| (from..to).contains(&sign_in.at));
        meant.map(|sign_in| sign_in.seconds).fold(0.0, f64::max)
    }

    /// What has arrived of sign-ins, in order.
    pub(crate) fn arrivals(&self, stage: &Stage) -> Vec<Arrival> {
        let mut seen = std::collections::HashSet::new();
        let taken = stage.mail.taken();
        let known = taken.iter().filter_map(|posted| Some((posted, fate::kind(posted)?)));
        known
            .map(|(posted, kind)| Arrival {
                at: posted.at.saturating_duration_since(self.start).as_secs_f64(),
                kind,
                is_repeated: !seen.insert((kind, key(posted))),
            })
            .collect()
    }

    /// Sign-ins and arrivals over time, with marks.
    pub(crate) fn plot(&self, title: &str, arrivals: &[Arrival], marks: &[(f64, &str)]) -> Result<String> {
        let counted = |times: Vec<f64>| (1..).map(to_f64).zip(times).map(|(count, at)| (at, count)).collect();
        let mut let_in: Vec<f64> =
            self.sign_ins.iter().filter(|one| one.is_in).map(|one| one.at + one.seconds).collect();
        let_in.sort_by(f64::total_cmp);
        let of = |kind| arrivals.iter().filter(move |one| one.kind == kind && !one.is_repeated).map(|one| one.at);
        let marks: Vec<_> = marks.iter().map(|(at, name)| (*at, (*name).to_owned())).collect();
        let lines = [
            Line::other("sign-ins", counted(let_in)),
            Line::main("mails", counted(of(0).collect())),
            Line::third("SMS", counted(of(1).collect())),
        ];
        plot::lines(title, "so far", &lines, &marks)
    }
}

fn key(posted: &Posted) -> String {
    posted.header("idempotency-key").unwrap_or_default().to_owned()
}

/// Has people sign in until `steps` are over and there were so many sign-ins at least. The steps get a clock, in seconds since
/// the beginning.
pub(crate) fn under_load<T>(
    stage: &Stage,
    least: usize,
    steps: impl FnOnce(&dyn Fn() -> f64) -> Result<T>,
) -> Result<Drill<T>> {
    let (sign_ins, count, is_over) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicBool::new(false));
    let start = Instant::now();
    let clock = || start.elapsed().as_secs_f64();
    let found = std::thread::scope(|scope| {
        for _ in 0..SIDES {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) || count.load(Ordering::SeqCst) < least {
                    let at = clock();
                    let login = serde_json::json!({"username": PERSON, "password": PASSWORD});
                    let answer = stage.doors.post("/auth-ms/auth/login").json(&login).try_send();
                    let is_in = answer.is_ok_and(|answer| answer.status == 200);
                    let sign_in = SignIn { at, seconds: clock() - at, is_in };
                    sign_ins.lock().unwrap_or_else(PoisonError::into_inner).push(sign_in);
                    count.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(GAP);
                }
            });
        }
        let found = steps(&clock);
        is_over.store(true, Ordering::SeqCst);
        if found.is_err() {
            // Nobody waits for the others.
            count.store(least, Ordering::SeqCst);
        }
        found
    })?;
    Ok(Drill { start, sign_ins: sign_ins.into_inner().unwrap_or_else(PoisonError::into_inner), found })
}

/// Waits until nothing is left that could still be delivered: the outbox has nothing that waits or may be published again,
/// and the broker nothing that waits, is retried or in hand.
pub(crate) fn settle(stage: &Stage) -> Result<()> {
    let (begun, mut quiet) = (Instant::now(), Instant::now());
    let mut told = Instant::now();
    let mut sql = stage.backend.sql();
    let mut arrived = 0;
    while begun.elapsed() < PATIENCE {
        let kept: i64 = sql.query_one("SELECT count(*) FROM outbox", &[])?.get(0);
        let now = stage.arrived();
        if kept > 0 || now != arrived || !stage.is_drained() {
            quiet = Instant::now();
        }
        arrived = now;
        if quiet.elapsed() > stage.old_figures().max(Duration::from_secs(2)) {
            return Ok(());
        }
        if told.elapsed() > Duration::from_secs(5) {
            println!("{arrived} messages have arrived, {kept} events are in the outbox");
            told = Instant::now();
        }
        std::thread::sleep(STEP);
    }
    bail!("something is left to deliver after {} seconds", PATIENCE.as_secs());
}

/// The longest time without one of these moments, which are in order, from one moment to another.
pub(crate) fn longest_pause(moments: impl IntoIterator<Item = f64>, from: f64, to: f64) -> f64 {
    let meant = moments.into_iter().filter(|moment| (from..to).contains(moment)).chain([to]);
    let mut last = from;
    meant
        .map(|moment| {
            let pause = moment - last;
            last = moment;
            pause
        })
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_reaches_from_one_moment_to_the_next_or_to_an_end() {
        let moments = [0.5, 1.0, 4.0, 4.5];
        for (from, to, expected) in [(0.0, 5.0, 3.0), (1.5, 4.2, 2.5), (4.0, 9.0, 4.5), (5.0, 8.0, 3.0)] {
            let pause = longest_pause(moments, from, to);
            assert!((pause - expected).abs() < 1e-9, "{from} to {to}: {pause}");
        }
    }
}
