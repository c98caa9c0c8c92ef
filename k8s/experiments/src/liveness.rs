//! A wedged pod: guests keep every worker of one pod of users busy, so that its probes are not answered; the kubelet
//! starts it anew. The others go on meanwhile.

use crate::Report;
use crate::cluster::wait_for;
use crate::load::Load;
use crate::objects::Pod;
use crate::stage::{Stage, report};
use anyhow::{Context as _, Result};
use std::time::Duration;

/// The port that leads to the pod.
const PORT: u16 = 40_980;
/// How long a restart may take: six probes at 10 seconds, and some more.
const PATIENCE: Duration = Duration::from_secs(240);
/// Seconds until requests no longer go to the pod: two readiness probes at 5 seconds, the last one's deadline of 3, and that of
/// the caller, 5.
const NOT_READY: f64 = 20.0;
/// Requests a second that keep workers busy: each computes for many seconds.
const WEDGE: u32 = 16;

pub(crate) fn run(stage: &Stage) -> Result<Report> {
    stage.with_load_test(|| {
        let pods = || stage.pods("users-ms");
        let victim = pods()?.into_iter().find(|pod| pod.is_ready).context("users has no pod that is ready")?;
        println!("Wedging {}", victim.name);
        let way = stage.cluster.in_background(&format!("port-forward pod/{} {PORT}:80", victim.name))?;
        let load = stage.load("/users-ms/healthcheck");
        load.go_on(Duration::from_secs(10));
        let from = load.seconds();
        let wedge = Load::start(&format!("http://127.0.0.1:{PORT}/users-ms/load-test?n=45"), WEDGE);
        let find = |is: &dyn Fn(&Pod) -> bool| -> Result<Option<()>> {
            Ok(pods()?.iter().any(|pod| pod.name == victim.name && is(pod)).then_some(()))
        };
        let ((), restarted) = wait_for("the restart", PATIENCE, || find(&|pod| pod.restarts > victim.restarts))?;
        drop((wedge, way));
        let ((), ready) = wait_for("the pod to be ready again", PATIENCE, || find(&|pod| pod.is_ready))?;
        let to = load.seconds();
        load.go_on(Duration::from_secs(10));
        let samples = load.stop();
        let phases = [("before", 0.0, from), ("wedged", from, to), ("after", to, f64::MAX)];
        // The wedged pod gets its share until it counts as not ready.
        let others_answer = samples.between(from + NOT_READY, f64::MAX).failed() == 0;
        let mut report = report("liveness", "One pod of users is wedged", &samples, &phases, others_answer)?;
        report.text += &format!("\nrestarted after {restarted:.0} s, ready {ready:.0} s later\n");
        Ok(report)
    })
}
