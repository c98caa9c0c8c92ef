//! A new version of users under load, by one strategy or the other. It is the same version again: what is looked at is the
//! change of pods.

use crate::Report;
use crate::stage::{Stage, and_back, report};
use anyhow::Result;
use serde_json::json;

/// How a Deployment changes its pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// A new one is ready before an old one goes.
    RollingUpdate,
    /// All old ones go before the first new one comes.
    Recreate,
}

const DEPLOYMENT: &str = "users-ms";

pub(crate) fn run(stage: &Stage, strategy: Strategy) -> Result<Report> {
    match strategy {
        Strategy::RollingUpdate => roll(stage, "rolling", "A rolling update of users", |failed| failed == 0),
        Strategy::Recreate => {
            let before = stage.cluster.get("deployment users-ms")?["spec"]["strategy"].clone();
            let recreate = json!({ "spec": { "strategy": { "type": "Recreate", "rollingUpdate": null } } });
            stage.cluster.patch("deployment users-ms", &recreate)?;
            // Here it is failures that are expected: without them nothing would have been seen.
            let act = || roll(stage, "recreate", "users made anew by Recreate", |failed| failed > 0);
            and_back(act, || stage.cluster.patch("deployment users-ms", &json!({ "spec": { "strategy": before } })))
        }
    }
}

fn roll(stage: &Stage, name: &'static str, title: &str, is_goal: impl Fn(usize) -> bool) -> Result<Report> {
    println!("Asking users whether it is ready while its pods change");
    let (samples, from, to) = stage.under_load("/users-ms/readiness", || {
        stage.cluster.run(&format!("rollout restart deployment/{DEPLOYMENT}"))?;
        stage.wait_for_rollout(DEPLOYMENT)
    })?;
    let phases = [("before", 0.0, from), ("rollout", from, to), ("after", to, f64::MAX)];
    report(name, title, &samples, &phases, is_goal(samples.failed()))
}
