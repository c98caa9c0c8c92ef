//! The outage drill: what everything stands on goes away, one part after the other, while people sign up and sign in. The
//! mail provider answers with errors for a (shortened) day, Redis is full (RabbitMQ hangs), PostgreSQL is read-only.
//!
//! Promised: nobody is refused but while the database cannot be written, and then by 503 with `retry-after`; a moment
//! later people get in again, without anybody's help; and whoever was told that they are in or signed up gets their
//! messages, each once.

use crate::plot::{self, Line};
use crate::stage::{Plan, Stage};
use crate::table::table;
use crate::{Report, broker, fate};
use anyhow::{Context as _, Result, bail};
use blackbox::people::{PASSWORD, with_phone};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long everything is well before, between and after the outages.
const CALM: Duration = Duration::from_secs(5);
/// Between two sign-ins, and between two sign-ups.
const GAPS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(500)];
/// Whoever is not let in this long after the database may be written again is kept out.
const HEALING: Duration = Duration::from_secs(10);
/// How long the last messages may take: a queue that paused tries again within five minutes.
const PATIENCE: Duration = Duration::from_secs(420);
/// How often is looked.
const STEP: Duration = Duration::from_millis(200);

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    SignIn,
    SignUp,
}

/// One request and what came of it.
struct Sample {
    deed: Deed,
    /// Seconds since the beginning.
    at: f64,
    seconds: f64,
    /// The status; 0 if there was no answer.
    status: u16,
    says_when: bool,
}

impl Sample {
    fn is_in(&self) -> bool {
        matches!(self.status, 200 | 201)
    }
}

/// A part of the drill.
struct Phase {
    name: &'static str,
    from: f64,
    to: f64,
    /// Whether nobody can be let in: there is nowhere to write it down.
    may_refuse: bool,
}

pub(crate) fn run(plan: &Plan, away: Duration) -> Result<Report> {
    // The consumers with the settings of the product.
    let stage = Stage::with(plan, &[])?;
    // The queues are there once the first message was handled.
    let first = stage.sign_in(1);
    stage.wait_for(2 * first)?;
    let samples = Mutex::new(Vec::new());
    let (is_over, number) = (AtomicBool::new(false), AtomicUsize::new(0));
    let start = Instant::now();
    let mut arrivals = Vec::new();
    let phases = std::thread::scope(|scope| {
        for (deed, gap) in [Deed::SignIn, Deed::SignUp].into_iter().zip(GAPS) {
            let (stage, samples, is_over, number) = (&stage, &samples, &is_over, &number);
            scope.spawn(move || {
                let mut due = Instant::now();
                while !is_over.load(Ordering::SeqCst) {
                    let sample = act(stage, deed, number.fetch_add(1, Ordering::SeqCst), start);
                    samples.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(sample);
                    // Late ones are not made up for: a client waits for its answer.
                    due = (due + gap).max(Instant::now());
                    std::thread::sleep(due.saturating_duration_since(Instant::now()).min(gap));
                }
            });
        }
        let phases = outages(&stage, away, start, &mut arrivals);
        is_over.store(true, Ordering::SeqCst);
        phases
    })?;
    let samples = samples.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let count = |deed| samples.iter().filter(|sample| sample.deed == deed && sample.is_in()).count();
    // The first sign-in and the person who signs in came before.
    let (sign_ins, sign_ups) = (count(Deed::SignIn) + first, count(Deed::SignUp) + 1);
    println!("{sign_ins} sign-ins and {sign_ups} sign-ups; waiting for the last messages");
    drain(&stage, 2 * sign_ins + sign_ups, start, &mut arrivals)?;
    report(plan, &stage, &phases, &samples, (sign_ins, sign_ups), &arrivals)
}

/// Somebody signs in or signs up.
fn act(stage: &Stage, deed: Deed, number: usize, start: Instant) -> Sample {
    let at = start.elapsed().as_secs_f64();
    let begun = Instant::now();
    let request = match deed {
        Deed::SignIn => stage
            .doors
            .post("/auth-ms/auth/login")
            .json(&serde_json::json!({"username": crate::stage::PERSON, "password": PASSWORD})),
        Deed::SignUp => {
            stage.doors.post("/users-ms/users").json(&with_phone(&format!("drill-{number}@experiments.example")))
        }
    };
    let answer = request.try_send();
    let (status, says_when) =
        answer.map_or((0, false), |answer| (answer.status, answer.header("retry-after").is_some()));
    Sample { deed, at, seconds: begun.elapsed().as_secs_f64(), status, says_when }
}

/// One outage after the other, with a calm around each.
fn outages(stage: &Stage, away: Duration, start: Instant, arrivals: &mut Vec<(f64, f64)>) -> Result<Vec<Phase>> {
    let mut phases = Vec::new();
    let mut phase = |name, length: Duration, may_refuse, arrivals: &mut Vec<(f64, f64)>| {
        println!("{name}");
        let from = start.elapsed().as_secs_f64();
        let end = Instant::now() + length;
        while Instant::now() < end {
            arrivals.push((start.elapsed().as_secs_f64(), to_f64(stage.mail.taken().len())));
            std::thread::sleep(STEP);
        }
        phases.push(Phase { name, from, to: start.elapsed().as_secs_f64(), may_refuse });
    };
    phase("all is well", CALM, false, arrivals);
    stage.mail.fail(true);
    phase("the mail provider is away", away, false, arrivals);
    stage.mail.fail(false);
    phase("all is well again", CALM, false, arrivals);
    stage.backend.broker().fill(true);
    if let Some(rabbit) = &stage.backend.rabbit {
        rabbit.server.pause();
        phase("RabbitMQ hangs, Redis is full", away, false, arrivals);
        rabbit.server.resume();
    } else {
        phase("Redis is full", away, false, arrivals);
    }
    stage.backend.broker().fill(false);
    phase("all is well once more", CALM, false, arrivals);
    read_only(stage, true)?;
    phase("PostgreSQL is read-only", away, true, arrivals);
    read_only(stage, false)?;
    phase("the service heals", HEALING, true, arrivals);
    phase("all is well at last", CALM, false, arrivals);
    Ok(phases)
}

/// Makes the database read-only for all connections, the open ones included, or no more for new ones: whoever keeps an
/// old one has to notice by themselves.
fn read_only(stage: &Stage, is_so: bool) -> Result<()> {
    let mut sql = stage.backend.sql();
    let name: String = sql.query_one("SELECT current_database()::text", &[])?.get(0);
    let change = if is_so { "SET default_transaction_read_only = on" } else { "RESET default_transaction_read_only" };
    sql.batch_execute("SET default_transaction_read_only = off")?;
    sql.batch_execute(&format!("ALTER DATABASE {name} {change}")).context("the database cannot be changed")?;
    if is_so {
        sql.batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )?;
    }
    Ok(())
}

/// Waits until so many messages have arrived and none is left.
fn drain(stage: &Stage, count: usize, start: Instant, arrivals: &mut Vec<(f64, f64)>) -> Result<()> {
    let begun = Instant::now();
    loop {
        let arrived = stage.mail.taken().len();
        arrivals.push((start.elapsed().as_secs_f64(), to_f64(arrived)));
        if arrived >= count && stage.is_drained() {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("{arrived} of {count} messages have arrived after {} seconds", PATIENCE.as_secs());
        }
        std::thread::sleep(STEP);
    }
}

fn report(
    plan: &Plan,
    stage: &Stage,
    phases: &[Phase],
    samples: &[Sample],
    (sign_ins, sign_ups): (usize, usize),
    arrivals: &[(f64, f64)],
) -> Result<Report> {
    let of =
        |phase: &Phase| samples.iter().filter(|sample| (phase.from..phase.to).contains(&sample.at)).collect::<Vec<_>>();
    let rows: Vec<_> = phases.iter().map(|phase| row(phase.name, &of(phase))).collect();
    let refused = |phase: &Phase| of(phase).into_iter().filter(|sample| !sample.is_in()).collect::<Vec<_>>();
    let is_kept_in = |phase: &Phase| {
        let refused = refused(phase);
        if phase.may_refuse {
            refused.iter().all(|sample| sample.status == 503 && sample.says_when)
        } else {
            refused.is_empty()
        }
    };
    let posted = stage.mail.taken();
    let mut fates = fate::fates(sign_ins, &posted);
    fates.push(fate::welcomes(sign_ups, &posted));
    let dead: usize = broker::QUEUES.iter().map(|queue| broker::dead_letters(&stage.backend, queue).len()).sum();
    let is_kept = phases.iter().all(is_kept_in) && fates.iter().all(|fate| fate.lost == 0) && dead == 0;
    let (answered, refused) = (per_second(samples, Sample::is_in), per_second(samples, |sample| !sample.is_in()));
    let most = arrivals.iter().map(|(_, count)| *count).fold(1.0, f64::max);
    let top = answered.iter().map(|(_, count)| *count).fold(1.0, f64::max);
    let scaled = arrivals.iter().map(|(at, count)| (*at, top * count / most)).collect();
    Ok(Report {
        name: "outage",
        text: format!(
            "{}\n{}\ndead letters: {dead}\n",
            table(&["", "let in", "refused", "slowest s"], &rows),
            fate::shown(&fates)
        ),
        svg: plot::lines(
            &format!("Outages in turn ({})", plan.broker.name()),
            "requests a second",
            &[
                Line::main("let in", answered),
                Line::bad("refused", refused),
                Line::other("messages that have arrived (all of them at the top)", scaled),
            ],
            &phases.iter().skip(1).map(|phase| (phase.from, phase.name.to_owned())).collect::<Vec<_>>(),
        )?,
        is_kept,
    })
}

fn row(name: &str, samples: &[&Sample]) -> Vec<String> {
    let let_in = samples.iter().filter(|sample| sample.is_in()).count();
    let slowest = samples.iter().map(|sample| sample.seconds).fold(0.0, f64::max);
    vec![name.to_owned(), let_in.to_string(), (samples.len() - let_in).to_string(), format!("{slowest:.1}")]
}

fn per_second(samples: &[Sample], is_counted: impl Fn(&Sample) -> bool) -> Vec<(f64, f64)> {
    let last = samples.iter().map(|sample| sample.at).fold(0.0, f64::max);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run, which are few")]
    let second = |at: f64| at as u32;
    let mut counts: BTreeMap<u32, usize> = (0..second(last)).map(|second| (second, 0)).collect();
    for sample in samples.iter().filter(|sample| is_counted(sample)) {
        if let Some(count) = counts.get_mut(&second(sample.at)) {
            *count += 1;
        }
    }
    counts.into_iter().map(|(second, count)| (f64::from(second), to_f64(count))).collect()
}

fn to_f64(count: usize) -> f64 {
    crate::split::to_f64(count)
}
