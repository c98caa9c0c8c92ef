//! A consumer that dies by SIGKILL in the middle of the work: nothing is lost, and what it had in hand is handled by
//! the others once its time is up.

use crate::stage::{Plan, Stage};
use crate::{Report, broker_restart, fate};
use anyhow::{Result, bail};

pub(crate) fn run(plan: &Plan) -> Result<Report> {
    let stage = set(plan)?;
    let (sent, timeline) = broker_restart::break_in_the_middle(&stage, plan, |stage| {
        kill_one(stage);
        Ok(())
    })?;
    stage.wait_for(2 * sent)?;
    let fates = fate::fates(sent, &stage.mail.taken());
    Ok(Report {
        name: "kill-consumer",
        text: fate::shown(&fates),
        svg: timeline.plot("Arrived messages; one consumer is killed in the middle", ("it is killed", None), &stage)?,
        // What the dead one had sent and not yet acknowledged comes again: one message of each queue at most.
        is_kept: fates.iter().all(|fate| fate.lost == 0 && fate.repeated <= 1),
    })
}

/// The stage, with somebody left when a consumer is killed.
pub(crate) fn set(plan: &Plan) -> Result<Stage> {
    if plan.consumers < 2 {
        bail!("one of the consumers is killed, so there have to be two at least: `--consumers 2`");
    }
    Stage::set(plan)
}

/// Ends a consumer by SIGKILL.
pub(crate) fn kill_one(stage: &Stage) {
    let (name, doomed) = &stage.consumers[0];
    println!("Killing {name}");
    doomed.app.kill();
}
