//! Ever more clients at once: some read, some refresh their tokens, some sign in, and these alone would use up every core. Hashing
//! permits bound how many passwords are verified at once, so that the others are still served.
//!
//! Promised: 99 of 100 reads are answered within a bound at each step, and whoever is refused is told when to come back: no 5xx but
//! 503 with `retry-after`.

use crate::Report;
use crate::split::to_f64;
use crate::stage::Plan;
use crate::table::table;
use anyhow::{Context as _, Result, ensure};
use blackbox::app::TestApp;
use blackbox::http::Answer;
use blackbox::people::PASSWORD;
use experiments::plot::{self, Line, Panel};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a password costs, as in the product.
const COST: u32 = 12;
/// How many passwords are verified at once: as many as the product would have on a machine with two cores.
const PERMITS: usize = 2;
/// How many people read, and how many others sign in.
const PEOPLE: usize = 4;
/// Between two reads or refreshes of a client.
const PAUSE: Duration = Duration::from_millis(20);

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Refresh,
    SignIn,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Read, Self::Refresh, Self::SignIn];

    fn name(self) -> &'static str {
        match self {
            Self::Read => "reads",
            Self::Refresh => "refreshes",
            Self::SignIn => "sign-ins",
        }
    }

    fn line(self, points: Vec<(f64, f64)>) -> Line<'static> {
        match self {
            Self::Read => Line::main(self.name(), points),
            Self::Refresh => Line::other(self.name(), points),
            Self::SignIn => Line::third(self.name(), points),
        }
    }
}

/// One request and what came of it.
struct Sample {
    kind: Kind,
    milliseconds: f64,
    /// The status; 0 if there was no answer.
    status: u16,
    says_when: bool,
}

impl Sample {
    fn is_done(&self) -> bool {
        self.status == 200
    }

    /// Whether the service may answer so: it does it, or says when to come back.
    fn is_allowed(&self) -> bool {
        self.is_done() || self.status == 503 && self.says_when
    }
}

/// What happened while so many clients were there.
struct Step {
    clients: usize,
    seconds: f64,
    samples: Vec<Sample>,
}

impl Step {
    fn of(&self, kind: Kind) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.kind == kind)
    }

    fn per_second(&self, kind: Kind) -> f64 {
        to_f64(self.of(kind).filter(|sample| sample.is_done()).count()) / self.seconds
    }

    /// The time, in milliseconds, within which so many of a hundred were done.
    fn percentile(&self, kind: Kind, percent: usize) -> f64 {
        let mut times: Vec<_> = self.of(kind).filter(|sample| sample.is_done()).map(|it| it.milliseconds).collect();
        times.sort_by(f64::total_cmp);
        let place = (times.len() * percent).div_ceil(100).max(1) - 1;
        times.get(place).copied().unwrap_or_default()
    }

    fn refused(&self, kind: Kind) -> usize {
        self.of(kind).filter(|sample| !sample.is_done() && sample.is_allowed()).count()
    }

    fn failed(&self, kind: Kind) -> usize {
        self.of(kind).filter(|sample| !sample.is_allowed()).count()
    }
}

pub(crate) fn run(plan: &Plan, most: usize, length: Duration, bound: Duration) -> Result<Report> {
    println!("Starting PostgreSQL, the broker and sign-in");
    let app = TestApp::on(&plan.broker.backend())
        .only(&["users", "auth"])
        .variable("bcrypt_cost", COST)
        .variable("hash_permits", PERMITS)
        .variable("hash_permits_for_sign_ins", 1)
        .variable("authorization", "required")
        .variable("trusted_proxies", "127.0.0.1")
        .start();
    let email = |name: &str, number| format!("{name}-{number}@experiments.example");
    let ids: Vec<_> = (0..PEOPLE).map(|number| app.sign_up(&email("reads", number))).collect();
    for number in 0..PEOPLE {
        let _ = app.sign_up(&email("signs-in", number));
    }
    let session = |number: usize| {
        let which = number % PEOPLE;
        Session::begin(&app, ids[which], &email("reads", which), email("signs-in", which), number)
    };
    let sessions = (0..most).map(session).collect::<Result<Vec<_>>>()?;
    let mut steps = Vec::new();
    for each in counts(most) {
        println!("{} clients", each * Kind::ALL.len());
        steps.push(step(&app, &sessions[..each], length));
    }
    report(&steps, bound)
}

/// 1, 2, 4, and so on.
fn counts(most: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1), |count| Some(count * 2)).take_while(move |count| *count <= most)
}

/// What a client of each kind needs.
struct Session {
    /// Who reads.
    path: String,
    access: String,
    /// The token of now: one client refreshes it at a time.
    refresh: Mutex<String>,
    /// Who signs in: somebody else, so that no session of the others ends.
    signs_in: String,
}

impl Session {
    fn begin(app: &TestApp, id: i64, email: &str, signs_in: String, number: usize) -> Result<Self> {
        let answer = sign_in(app, email, number).map_err(anyhow::Error::msg)?;
        ensure!(answer.status == 200, "a sign-in was answered with {}", answer.status);
        let tokens = answer.json();
        let text = |name: &str| tokens[name].as_str().map(str::to_owned).context("a sign-in has tokens");
        let refresh = Mutex::new(text("refresh_token")?);
        Ok(Self { path: format!("/users-ms/users/{id}"), access: text("access_token")?, refresh, signs_in })
    }

    /// Rotates the token. What was not answered is asked for again.
    fn rotate(&self, app: &TestApp) -> Result<Answer, String> {
        let mut token = self.refresh.lock().unwrap_or_else(PoisonError::into_inner);
        let body = json!({"refresh_token": *token});
        let answer = app.post("/auth-ms/auth/refresh").json(&body).send_unchecked()?;
        if let Some(next) =
            (answer.status == 200).then(|| answer.json()["refresh_token"].as_str().map(str::to_owned)).flatten()
        {
            *token = next;
        }
        Ok(answer)
    }
}

/// Signs in from an address of one's own.
fn sign_in(app: &TestApp, email: &str, number: usize) -> Result<Answer, String> {
    let body = json!({"username": email, "password": PASSWORD});
    let address = format!("198.51.{}.{}", 100 + number / 250, 1 + number % 250);
    app.post("/auth-ms/auth/login").header("x-forwarded-for", &address).json(&body).send_unchecked()
}

/// So many clients of each kind, for a while.
fn step(app: &TestApp, sessions: &[Session], length: Duration) -> Step {
    let (begun, is_over) = (Instant::now(), AtomicBool::new(false));
    let samples = std::thread::scope(|scope| {
        let clients: Vec<_> = sessions
            .iter()
            .enumerate()
            .flat_map(|(number, session)| Kind::ALL.map(|kind| (kind, number, session)))
            .map(|(kind, number, session)| {
                let is_over = &is_over;
                scope.spawn(move || client(app, kind, number, session, is_over))
            })
            .collect();
        std::thread::sleep(length);
        is_over.store(true, Ordering::SeqCst);
        clients.into_iter().flat_map(|client| client.join().unwrap_or_default()).collect()
    });
    Step { clients: sessions.len() * Kind::ALL.len(), seconds: begun.elapsed().as_secs_f64(), samples }
}

/// Does one thing again and again.
fn client(app: &TestApp, kind: Kind, number: usize, session: &Session, is_over: &AtomicBool) -> Vec<Sample> {
    let mut samples = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        let begun = Instant::now();
        let answer = match kind {
            Kind::Read => app.get(&session.path).bearer(&session.access).send_unchecked(),
            Kind::Refresh => session.rotate(app),
            Kind::SignIn => sign_in(app, &session.signs_in, number),
        };
        let (status, wait) = answer.map_or((0, None), |answer| {
            (answer.status, answer.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok()))
        });
        let milliseconds = begun.elapsed().as_secs_f64() * 1000.0;
        samples.push(Sample { kind, milliseconds, status, says_when: wait.is_some() });
        match (kind, wait) {
            (_, Some(seconds)) => pause(Duration::from_secs(seconds), is_over),
            (Kind::SignIn, None) if status == 200 => {}
            _ => std::thread::sleep(PAUSE),
        }
    }
    samples
}

/// Waits, and no longer than the step.
fn pause(length: Duration, is_over: &AtomicBool) {
    let begun = Instant::now();
    while begun.elapsed() < length && !is_over.load(Ordering::SeqCst) {
        std::thread::sleep(PAUSE);
    }
}

fn report(steps: &[Step], bound: Duration) -> Result<Report> {
    let bound_ms = bound.as_secs_f64() * 1000.0;
    let row = |step: &Step, kind: Kind| {
        let times = [50, 99].map(|percent| format!("{:.0}", step.percentile(kind, percent)));
        let counts = [step.refused(kind), step.failed(kind)].map(|count| count.to_string());
        let first = [step.clients.to_string(), kind.name().to_owned(), format!("{:.1}", step.per_second(kind))];
        first.into_iter().chain(times).chain(counts).collect::<Vec<_>>()
    };
    let rows: Vec<_> = steps.iter().flat_map(|step| Kind::ALL.map(|kind| row(step, kind))).collect();
    let is_kept = steps.iter().all(|step| {
        let answered = Kind::ALL.into_iter().all(|kind| step.failed(kind) == 0);
        answered && step.of(Kind::Read).any(Sample::is_done) && step.percentile(Kind::Read, 99) <= bound_ms
    });
    let over = |value: &dyn Fn(&Step, Kind) -> f64| {
        let points = |kind| (0_u32..).zip(steps).map(|(place, step)| (f64::from(place), value(step, kind))).collect();
        Kind::ALL.map(|kind| kind.line(points(kind)))
    };
    let names: Vec<_> = steps.iter().map(|step| step.clients.to_string()).collect();
    let panels = [
        Panel { unit: "done per second", lines: &over(&|step, kind| step.per_second(kind)) },
        Panel { unit: "p50, ms", lines: &over(&|step, kind| step.percentile(kind, 50)) },
        Panel { unit: "p99, ms", lines: &over(&|step, kind| step.percentile(kind, 99)) },
    ];
    let head = ["clients", "what", "per second", "p50 ms", "p99 ms", "told to come back", "failed"];
    Ok(Report {
        name: "load",
        text: format!("{}\nbound of the reads' p99: {bound_ms:.0} ms\n", table(&head, &rows)),
        svg: plot::steps("Ever more clients at once", "clients, a third of each kind", &names, &panels)?,
        is_kept,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(kind: Kind, milliseconds: f64, status: u16, says_when: bool) -> Sample {
        Sample { kind, milliseconds, status, says_when }
    }

    fn step(samples: Vec<Sample>) -> Step {
        Step { clients: 3, seconds: 2.0, samples }
    }

    #[test]
    fn a_slow_read_or_an_answer_that_says_nothing_breaks_the_promise() {
        let bound = Duration::from_millis(100);
        let kept = |samples| report(&[step(samples)], bound).unwrap().is_kept;
        let read = || sample(Kind::Read, 90.0, 200, false);
        assert!(kept(vec![read(), sample(Kind::SignIn, 2000.0, 503, true)]));
        assert!(!kept(vec![sample(Kind::Read, 110.0, 200, false)]), "it is late");
        for (status, says_when) in [(503, false), (500, true), (0, false), (401, false)] {
            assert!(!kept(vec![read(), sample(Kind::SignIn, 1.0, status, says_when)]), "{status}");
        }
        assert!(!kept(vec![sample(Kind::Refresh, 1.0, 200, false)]), "nobody has read");
    }

    #[test]
    fn what_was_refused_is_not_done() {
        let step = step(vec![
            sample(Kind::SignIn, 10.0, 200, false),
            sample(Kind::SignIn, 30.0, 200, false),
            sample(Kind::SignIn, 1.0, 503, true),
        ]);
        let numbers =
            [step.per_second(Kind::SignIn), step.percentile(Kind::SignIn, 50), step.percentile(Kind::SignIn, 99)];
        assert_eq!(numbers, [1.0, 10.0, 30.0]);
        assert_eq!((step.refused(Kind::SignIn), step.failed(Kind::SignIn)), (1, 0));
    }
}
