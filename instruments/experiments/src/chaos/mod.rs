//! Chaos: each thing that the services stand on dies, hangs, is slow, is cut off or is full, alone or in pairs, while people read,
//! refresh their tokens, sign in and sign up, and messages are sent.
//!
//! Promised: what does not need it goes on; whoever is refused is told when to come back; whoever was told that they are in or
//! signed up gets each message, and gets it once; and a moment after the cause is gone all is well without anybody's help.

mod clients;
mod findings;
mod judge;
mod matrix;
mod setting;

use crate::Report;
use crate::stage::Plan;
use anyhow::{Result, ensure};
use blackbox::turn;
use clients::Clients;
use judge::{Arrivals, Step};
use matrix::{Harm, named};
use setting::Setting;
use std::time::{Duration, Instant};

pub(crate) use matrix::{Cause, Part};

/// How long all is well before something is broken.
const CALM: Duration = Duration::from_secs(2);
/// How long silence of the mail provider lasts at least: longer than a send may take.
const SILENCE: Duration = Duration::from_secs(12);
/// How long is waited at most until all is well again; longer than a consumer may keep a message that it does not acknowledge.
const PATIENCE: Duration = Duration::from_secs(45);
/// How long is waited for the last messages: a queue that paused tries again within five minutes.
const LAST: Duration = Duration::from_secs(330);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// What is asked for.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Options {
    /// How long each is away, in seconds.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(3..=120))]
    away: u64,
    /// Two at once, in place of one after the other.
    #[arg(long)]
    pairs: bool,
    /// Only steps with this part.
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
    /// Only steps with this cause.
    #[arg(long)]
    cause: Option<Cause>,
}

pub(crate) fn run(plan: &Plan, options: &Options) -> Result<Report> {
    let harms = matrix::steps(plan.broker, options.pairs, options.only, options.cause);
    ensure!(!harms.is_empty(), "no step has this part and this cause");
    // As tests that measure time: some kernels let processes of PostgreSQL wait for seconds otherwise.
    let _alone = turn::alone();
    let setting = Setting::start(plan)?;
    let start = Instant::now();
    let clients = Clients::begin(&setting, start)?;
    let run = Run { setting: &setting, clients: &clients, start, away: Duration::from_secs(options.away) };
    let steps = std::thread::scope(|scope| {
        clients.spawn(scope);
        let steps = run.all(&harms);
        clients.end();
        steps
    })?;
    run.wait_for_the_last(&steps);
    let (samples, arrivals) = (clients.samples(), run.arrivals());
    let losses = judge::losses(&steps);
    let verdicts: Vec<_> = steps.iter().map(|step| judge::judge(step, &losses, &samples, &arrivals)).collect();
    if let Some(panic) = setting.panic_of_postgresql() {
        println!("PostgreSQL on a full disk: {panic}");
    }
    findings::report(plan.broker, options.pairs, &steps, &verdicts)
}

/// A run that is under way.
struct Run<'a> {
    setting: &'a Setting,
    clients: &'a Clients<'a>,
    start: Instant,
    away: Duration,
}

impl Run<'_> {
    fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// What has arrived at the mail provider.
    fn arrivals(&self) -> Arrivals {
        let mut arrivals = Arrivals::default();
        for posted in self.setting.mail.taken() {
            let at = posted.at.saturating_duration_since(self.start).as_secs_f64();
            arrivals.add(posted.to(), posted.body["Tags"][0].as_str().unwrap_or_default(), at);
        }
        arrivals
    }

    /// One step after the other.
    fn all(&self, harms: &[Harm]) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        for (number, harm) in (1..).zip(harms) {
            let name = named(harm);
            if !self.setting.can(harm) {
                println!("{number} of {}: {name}: left out", harms.len());
                continue;
            }
            let step = self.step(harm)?;
            let (samples, arrivals) = (self.clients.samples(), self.arrivals());
            let healed = judge::healed(&step, &samples, &arrivals, step.over);
            let after = healed.map_or_else(|| "not healed".to_owned(), |time| format!("healed after {time:.1} s"));
            println!("{number} of {}: {name}: {after}", harms.len());
            for reason in judge::reasons(&step, &samples, &arrivals) {
                println!("    {reason}");
            }
            steps.push(step);
        }
        Ok(steps)
    }

    fn step(&self, harm: &Harm) -> Result<Step> {
        let calm = self.now();
        std::thread::sleep(CALM);
        let broken = self.now();
        for (part, cause) in harm {
            self.setting.harm(*part, *cause)?;
        }
        let is_silence =
            |(part, cause): &(Part, Cause)| *part == Part::Mail && matches!(cause, Cause::Pause | Cause::Cut);
        let away = if harm.iter().any(is_silence) { self.away.max(SILENCE) } else { self.away };
        std::thread::sleep(away);
        for (part, cause) in harm {
            self.setting.mend(*part, *cause)?;
        }
        let mended = self.now();
        let mut step = Step { harm: harm.clone(), calm, broken, mended, over: f64::INFINITY };
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && !self.is_well(&step) {
            std::thread::sleep(LOOK);
        }
        step.over = self.now();
        Ok(step)
    }

    /// Whether all has been well for longer than a message may take, and nothing of before is left.
    fn is_well(&self, step: &Step) -> bool {
        let (now, samples, arrivals) = (self.now(), self.clients.samples(), self.arrivals());
        let healed = judge::healed(step, &samples, &arrivals, now);
        healed.is_some_and(|healed| step.mended + healed + judge::MESSAGE + judge::PROOF < now)
            && judge::drained(step, &samples, &arrivals).is_some()
            && self.clients.longest_wait().as_secs_f64() < judge::PROOF
    }

    /// Waits until no message is missing of any step.
    fn wait_for_the_last(&self, steps: &[Step]) {
        let (begun, samples) = (Instant::now(), self.clients.samples());
        println!("Waiting for the last messages");
        // The last step's requests after the mending count as well.
        let is_left = |step: &Step| {
            let whole = Step { mended: step.over, ..step.clone() };
            judge::drained(&whole, &samples, &self.arrivals()).is_none()
        };
        while begun.elapsed() < LAST && steps.iter().any(is_left) {
            std::thread::sleep(LOOK);
        }
        // What arrives twice may do so a moment later.
        std::thread::sleep(CALM);
    }
}
