//! A handler that traps: each trap costs its own request, no other, and no pod.

use crate::Report;
use crate::load::Load;
use crate::samples::Samples;
use crate::stage::{Stage, report};
use anyhow::Result;
use std::collections::BTreeMap;
use std::time::Duration;

/// Requests a second that trap.
const TRAPS: u32 = 10;
/// For how long.
const LENGTH: Duration = Duration::from_secs(20);

pub(crate) fn run(stage: &Stage) -> Result<Report> {
    stage.with_load_test(|| {
        let restarts = || -> Result<BTreeMap<String, u64>> {
            Ok(stage.pods("users-ms")?.into_iter().map(|pod| (pod.name, pod.restarts)).collect())
        };
        let before = restarts()?;
        let mut trapped = Samples::default();
        println!("Trapping {TRAPS} times a second");
        let (samples, from, to) = stage.under_load("/users-ms/healthcheck", || {
            let load = Load::start(&format!("{}/users-ms/load-test?n=1&trap=true", stage.url), TRAPS);
            load.go_on(LENGTH);
            trapped = load.stop();
            Ok(())
        })?;
        let after = restarts()?;
        let (count, as_promised) = (trapped.count(), trapped.with_status(500));
        let restarted = after.iter().filter(|(name, restarts)| **restarts > before.get(*name).copied().unwrap_or(0)).count();
        let is_reached = count > 0 && count == as_promised && samples.failed() == 0 && restarted == 0;
        let phases = [("before", 0.0, from), ("traps", from, to), ("after", to, f64::MAX)];
        let mut report = report("trap", "A handler that traps", &samples, &phases, is_reached)?;
        report.text += &format!(
            "\n{count} requests that trap, {as_promised} of them answered with 500; pods started anew: {restarted} of {}\n",
            after.len()
        );
        Ok(report)
    })
}
