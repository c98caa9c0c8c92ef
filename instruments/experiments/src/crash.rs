//! A consumer dies by SIGKILL, and a moment later the broker, in the middle of the work: nothing is lost.

use crate::broker_restart::{break_in_the_middle, report};
use crate::stage::Plan;
use crate::{Report, broker, kill_consumer};
use anyhow::Result;
use std::time::Duration;

/// Between the two deaths, and until the broker is back.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) fn run(plan: &Plan) -> Result<Report> {
    let stage = kill_consumer::set(plan)?;
    let outcome = break_in_the_middle(&stage, plan, |stage| {
        kill_consumer::kill_one(stage);
        std::thread::sleep(PAUSE);
        println!("Killing the broker");
        broker::kill(&stage.backend);
        std::thread::sleep(PAUSE);
        broker::start_again(&stage.backend)
    })?;
    report("crash", "Arrived messages; a consumer and the broker are killed", &stage, plan, outcome)
}
