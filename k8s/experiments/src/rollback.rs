//! A version that never becomes ready: the rollout stops at its first pod, callers notice nothing, and the way back is the
//! version before.

use crate::Report;
use crate::stage::{AFTER, Stage, and_back, report};
use anyhow::{Result, bail};
use serde_json::json;

pub(crate) fn run(stage: &Stage) -> Result<Report> {
    println!("Rolling out a users whose readiness probe finds nothing");
    let probe = |path: &str| json!({ "spec": { "checks": { "readiness": { "httpGet": { "path": path } } } } });
    let mut went_back_at = 0.0;
    let load = stage.load("/users-ms/readiness");
    load.go_on(std::time::Duration::from_secs(10));
    let from = load.seconds();
    let act = || {
        stage.change("users-ms", &probe("/users-ms/no-such-route"))?;
        match stage.cluster.run("rollout status deployment/users-ms --timeout=60s") {
            Ok(_) => bail!("the version that is never ready was rolled out"),
            Err(error) if error.to_string().contains("timed out") => Ok(()),
            Err(error) => Err(error),
        }
    };
    and_back(act, || {
        went_back_at = load.seconds();
        stage.roll("users-ms", &probe("/users-ms/readiness"))
    })?;
    let end = load.seconds();
    load.go_on(AFTER);
    let samples = load.stop();
    let phases = [
        ("before", 0.0, from),
        ("stopped rollout", from, went_back_at),
        ("way back", went_back_at, end),
        ("after", end, f64::MAX),
    ];
    report("rollback", "A version that is never ready, and the way back", &samples, &phases, samples.failed() == 0)
}
