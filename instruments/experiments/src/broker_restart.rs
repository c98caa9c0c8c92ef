//! The broker dies by SIGKILL in the middle of the work and comes back: people still sign in meanwhile, and nothing is
//! lost.

use crate::plot::{self, Line};
use crate::split::to_f64;
use crate::stage::{Plan, Stage};
use crate::{Report, broker, fate};
use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the broker is away.
const AWAY: Duration = Duration::from_secs(2);
/// How often arrivals are counted.
const STEP: Duration = Duration::from_millis(100);
/// How long an experiment waits for its middle at most.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn run(plan: &Plan) -> Result<Report> {
    let stage = Stage::set(plan)?;
    let outcome = break_in_the_middle(&stage, plan, |stage| {
        println!("Killing the broker for {} seconds", AWAY.as_secs());
        broker::kill(&stage.backend);
        std::thread::sleep(AWAY);
        broker::start_again(&stage.backend)
    })?;
    report("broker-restart", "Arrived messages; the broker is killed in the middle", &stage, plan, outcome)
}

/// Waits for what is left, and says what became of all that was sent and whether anybody was refused, where the broker was
/// away meanwhile.
pub(crate) fn report(
    name: &'static str,
    title: &str,
    stage: &Stage,
    plan: &Plan,
    (sent, timeline): (usize, Timeline),
) -> Result<Report> {
    stage.wait_for(2 * sent)?;
    let fates = fate::fates(sent, &stage.mail.taken());
    let refused = plan.messages - sent;
    Ok(Report {
        name,
        text: format!("{}\nsign-ins that were refused: {refused}\n", fate::shown(&fates)),
        svg: timeline.plot(title, ("it is killed", Some("it is back")), stage)?,
        // Each consumer may have sent one message of each queue that it could not acknowledge any more.
        is_kept: refused == 0 && fates.iter().all(|fate| fate.lost == 0 && fate.repeated <= plan.consumers),
    })
}

/// How many messages had arrived when.
pub(crate) struct Timeline {
    start: Instant,
    arrivals: Vec<(f64, f64)>,
    broken_at: f64,
    /// When that was over, if it was broken for a time.
    mended_at: f64,
}

impl Timeline {
    /// The arrivals, and a mark where something was broken.
    pub(crate) fn plot(mut self, title: &str, names: (&str, Option<&str>), stage: &Stage) -> Result<String> {
        let all = to_f64(stage.arrived());
        self.arrivals.push((self.start.elapsed().as_secs_f64(), all));
        let mut marks = vec![(self.broken_at, names.0.to_owned())];
        marks.extend(names.1.map(|name| (self.mended_at, name.to_owned())));
        plot::lines(title, "messages", &[Line::main("arrived", self.arrivals)], &marks)
    }
}

/// Signs in, breaks something when half of the messages have arrived, and goes on; says how many were let in.
pub(crate) fn break_in_the_middle(
    stage: &Stage,
    plan: &Plan,
    breakage: impl FnOnce(&Stage) -> Result<()>,
) -> Result<(usize, Timeline)> {
    println!("Signing in {} times", plan.messages);
    let start = Instant::now();
    let is_signing_in = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let sign_ins = scope.spawn(|| {
            let sent = stage.sign_in(plan.messages);
            is_signing_in.store(false, Ordering::SeqCst);
            sent
        });
        let mut timeline = Timeline { start, arrivals: vec![(0.0, 0.0)], broken_at: 0.0, mended_at: 0.0 };
        let mut note = |arrived: usize| timeline.arrivals.push((start.elapsed().as_secs_f64(), to_f64(arrived)));
        while start.elapsed() < PATIENCE {
            let arrived = stage.arrived();
            note(arrived);
            if arrived >= plan.messages {
                break;
            }
            std::thread::sleep(STEP);
        }
        timeline.broken_at = start.elapsed().as_secs_f64();
        breakage(stage)?;
        timeline.mended_at = start.elapsed().as_secs_f64();
        let mut note = |arrived: usize| timeline.arrivals.push((start.elapsed().as_secs_f64(), to_f64(arrived)));
        while start.elapsed() < PATIENCE
            && (is_signing_in.load(Ordering::SeqCst) || stage.arrived() < 2 * plan.messages)
        {
            note(stage.arrived());
            std::thread::sleep(STEP);
        }
        let sent = sign_ins.join().map_err(|_| anyhow::anyhow!("signing in failed"))?;
        Ok((sent, timeline))
    })
}
