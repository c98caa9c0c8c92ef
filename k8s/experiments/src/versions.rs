//! Two versions beside each other: canary and blue-green. They are told apart by `load-test`, which one of them has open
//! (200) and the other has not (404).

use crate::Report;
use crate::objects::{self, APP_NAME};
use crate::samples::{Samples, number};
use crate::stage::{Stage, and_back};
use anyhow::Result;
use experiments::plot::{self, Line};
use experiments::table::table;
use serde_json::{Value, json};
use std::time::Duration;

const SERVICE: &str = "service users-ms-cluster-ip-service";
const PATH: &str = "/users-ms/load-test?n=1";
/// The label by which a Service finds pods of both versions.
const SHARED: &str = "experiment.concierge/version-of";
const NEW: u16 = 200;
const OLD: u16 = 404;
/// How long each step is looked at.
const STEP: Duration = Duration::from_secs(20);

/// The new version gets one pod, then two, then all requests: its share is that of its pods.
pub(crate) fn canary(stage: &Stage) -> Result<Report> {
    let cluster = &stage.cluster;
    let labels = json!({ SHARED: "users" });
    with_twin(stage, "users-ms-canary", 1, &labels, || {
        let both = json!({ "spec": { "selector": { APP_NAME: null, SHARED: "users" } } });
        let back = json!({ "spec": { "selector": { APP_NAME: "users-ms", SHARED: null } } });
        let act = || {
            stage.roll("users-ms", &json!({ "spec": { "podLabels": labels } }))?;
            let load = stage.load(PATH);
            load.go_on(STEP);
            let mut marks = vec![("old alone".to_owned(), 0.0, load.seconds(), 0.0)];
            cluster.patch(SERVICE, &both)?;
            for pods in [1, 2] {
                // It was made with one.
                if pods > 1 {
                    stage.roll("users-ms-canary", &json!({ "spec": { "replicas": pods } }))?;
                }
                let old = count(stage, "users-ms")?;
                let from = load.seconds();
                load.go_on(STEP);
                let share = number(pods) / number(pods + old);
                marks.push((format!("{pods} new of {}", pods + old), from, load.seconds(), share));
            }
            cluster
                .patch(SERVICE, &json!({ "spec": { "selector": { APP_NAME: "users-ms-canary", SHARED: null } } }))?;
            let from = load.seconds() + 2.0;
            load.go_on(STEP);
            marks.push(("new alone".to_owned(), from, load.seconds(), 1.0));
            shown("canary", "A canary of users", &load.stop(), &marks)
        };
        let undo = || {
            cluster.patch(SERVICE, &back)?;
            stage.roll("users-ms", &json!({ "spec": { "podLabels": null } }))
        };
        and_back(act, undo)
    })
}

/// All requests go to the new version at once, and back at once.
pub(crate) fn blue_green(stage: &Stage) -> Result<Report> {
    let cluster = &stage.cluster;
    let to = |name: &str| cluster.patch(SERVICE, &json!({ "spec": { "selector": { APP_NAME: name } } }));
    let pods = u32::try_from(count(stage, "users-ms")?)?;
    with_twin(stage, "users-ms-green", pods, &json!({}), || {
        let act = || {
            let load = stage.load(PATH);
            let mut marks = Vec::new();
            for (name, app, share) in
                [("blue", "users-ms", 0.0), ("green", "users-ms-green", 1.0), ("blue again", "users-ms", 0.0)]
            {
                to(app)?;
                // Nodes hear of it within a moment; that moment is not of either.
                let from = load.seconds() + 2.0;
                load.go_on(STEP);
                marks.push((name.to_owned(), from, load.seconds(), share));
            }
            shown("blue-green", "users switched from blue to green and back", &load.stop(), &marks)
        };
        and_back(act, || to("users-ms"))
    })
}

/// A second users with `load-test` open, and the policies that it needs.
fn with_twin<T>(stage: &Stage, name: &str, pods: u32, labels: &Value, act: impl FnOnce() -> Result<T>) -> Result<T> {
    let cluster = &stage.cluster;
    println!("Making {name}");
    let app = cluster.get("spinapp users-ms")?;
    let mut twin = objects::twin(&app, name, pods, labels);
    twin["spec"]["variables"] = objects::variables_with(&app, "load_test", "on");
    let policies = objects::policies_for_twin(&cluster.get("networkpolicies")?, "users-ms", name);
    let begin = || {
        for policy in &policies {
            cluster.apply(policy)?;
        }
        cluster.apply(&twin)?;
        cluster.run(&format!("wait --for=create deployment/{name} --timeout=60s"))?;
        stage.wait_for_rollout(name)?;
        act()
    };
    let end = || {
        cluster.run(&format!("delete spinapp {name} --ignore-not-found"))?;
        cluster.run(&format!("delete networkpolicies --selector experiment={name}")).map(drop)
    };
    and_back(begin, end)
}

/// How many pods of a SpinApp take requests.
fn count(stage: &Stage, app: &str) -> Result<usize> {
    Ok(stage.pods(app)?.iter().filter(|pod| pod.is_ready).count())
}

/// How much the measured share may differ from that of the pods.
const TOLERANCE: f64 = 0.08;

fn shown(name: &'static str, title: &str, samples: &Samples, marks: &[(String, f64, f64, f64)]) -> Result<Report> {
    let mut is_reached = samples.failed() == 0;
    let mut rows = Vec::new();
    for (phase, from, to, expected) in marks {
        let inside = samples.between(*from, *to);
        let share = number(inside.with_status(NEW)) / number(inside.count().max(1));
        is_reached &= (share - expected).abs() <= TOLERANCE;
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        let counts = [inside.count(), inside.failed()].map(|count| count.to_string());
        rows.push([vec![phase.clone()], counts.into(), vec![percent(share), percent(*expected)]].concat());
    }
    let of = |status: u16| samples.per_second(|sample| sample.status == status);
    let failed = samples.per_second(crate::samples::Sample::has_failed);
    Ok(Report {
        name,
        text: table(&["phase", "requests", "failed", "new version", "expected"], &rows),
        svg: plot::lines(
            title,
            "requests a second",
            &[Line::main("old", of(OLD)), Line::other("new", of(NEW)), Line::bad("failed", failed)],
            &marks.iter().map(|(phase, from, ..)| (*from, phase.clone())).collect::<Vec<_>>(),
        )?,
        is_reached,
    })
}
