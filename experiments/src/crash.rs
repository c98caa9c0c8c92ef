//! A consumer dies by SIGKILL, and a moment later the broker, in the middle of the work: nothing is lost.

use crate::stage::{Plan, Stage};
use crate::{Report, broker, broker_restart, fate};
use anyhow::{Result, bail};
use std::time::Duration;

/// Between the two deaths, and until the broker is back.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) fn run(plan: &Plan) -> Result<Report> {
    if plan.consumers < 2 {
        bail!("one of the consumers is killed, so there have to be two at least: `--consumers 2`");
    }
    let stage = Stage::set(plan)?;
    let (sent, timeline) = broker_restart::break_in_the_middle(&stage, plan, |stage| {
        let (name, doomed) = &stage.consumers[0];
        println!("Killing {name}");
        doomed.app.kill();
        std::thread::sleep(PAUSE);
        println!("Killing the broker");
        broker::kill(&stage.backend);
        std::thread::sleep(PAUSE);
        broker::start_again(&stage.backend)
    })?;
    stage.wait_for(2 * sent)?;
    let fates = fate::fates(sent, &stage.mail.taken());
    let refused = plan.messages - sent;
    Ok(Report {
        name: "crash",
        text: format!("{}\nsign-ins that were refused: {refused}\n", fate::shown(&fates)),
        svg: timeline.plot("Arrived messages; a consumer and the broker are killed", &stage)?,
        // Whatever was in somebody's hands may come again: one message of each queue for each consumer.
        is_kept: refused == 0 && fates.iter().all(|fate| fate.lost == 0 && fate.repeated <= plan.consumers),
    })
}
