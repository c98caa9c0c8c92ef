//! The primary of the database is killed: a standby takes over, and users is ready again without anybody's help. In the
//! overlay `production`.

use crate::Report;
use crate::cluster::wait_for;
use crate::stage::{Stage, report};
use anyhow::{Context as _, Result};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) fn run(stage: &Stage) -> Result<Report> {
    let primary = || -> Result<String> {
        let cluster = stage.cluster.get("clusters.postgresql.cnpg.io users-db")?;
        cluster["status"]["currentPrimary"].as_str().map(str::to_owned).context("the cluster has no primary")
    };
    let before = primary().context("the overlay `production` has a cluster that can fail over; others have not")?;
    println!("Killing {before}");
    let mut took = 0.0;
    let (samples, from, to) = stage.under_load("/users-ms/readiness", || {
        stage.cluster.run(&format!("delete pod {before} --grace-period=0 --force"))?;
        let moved = || Ok(Some(primary()?).filter(|now| *now != before));
        let (now, seconds) = wait_for("another primary", PATIENCE, moved)?;
        println!("{now} is the primary");
        took = seconds;
        let url = format!("{}/users-ms/readiness", stage.url);
        wait_for("users to be ready", PATIENCE, || Ok(ureq::get(&url).call().is_ok().then_some(()))).map(drop)
    })?;
    let phases = [("before", 0.0, from), ("failover", from, to), ("after", to, f64::MAX)];
    // Connections to the one that is gone may cost a request each; ten seconds later nobody may notice anything any more.
    let after = samples.between(to + 10.0, f64::MAX);
    let mut report =
        report("db-failover", "The primary of PostgreSQL is killed", &samples, &phases, after.failed() == 0)?;
    report.text += &format!("\nanother primary after {took:.0} s\n");
    Ok(report)
}
