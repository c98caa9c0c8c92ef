//! What every experiment has: the cluster, the way in, a load, and the way back.

use crate::cluster::{Cluster, wait_for};
use crate::load::Load;
use crate::objects::{self, APP_NAME, Pod};
use crate::samples::{Sample, Samples};
use crate::{Arguments, Report};
use anyhow::{Context as _, Result, bail};
use experiments::plot::{self, Line};
use experiments::table::table;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// How long the load goes on before what is looked at.
const BEFORE: Duration = Duration::from_secs(10);
/// How long it goes on afterwards: a rollout counts as done when the last old pod begins to wait the 10 seconds until its end.
pub(crate) const AFTER: Duration = Duration::from_secs(20);
/// How long the operator may take to make a change of a SpinApp one of its Deployment.
const RECONCILIATION: Duration = Duration::from_secs(15);
/// How long a rollout may take.
const ROLLOUT: &str = "300s";

/// The stage.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) url: String,
    rate: u32,
    secrets: std::path::PathBuf,
}

impl Stage {
    /// Looks whether all of it is there.
    pub(crate) fn set(arguments: &Arguments) -> Result<Self> {
        let url = match &arguments.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}:30400", address_of_node(&arguments.context)?),
        };
        let stage = Self {
            cluster: Cluster::new(&arguments.context),
            url,
            rate: arguments.rate,
            secrets: arguments.secrets.clone(),
        };
        let answer = ureq::get(format!("{}/users-ms/readiness", stage.url)).call();
        answer.with_context(|| format!("users at {} is not ready; `cargo xtask minikube up` first", stage.url))?;
        Ok(stage)
    }

    /// Load on a path.
    pub(crate) fn load(&self, path: &str) -> Load {
        Load::start(&format!("{}{path}", self.url), self.rate)
    }

    /// Does something in the middle of a load on a path, and gives all answers, and when it began and ended.
    pub(crate) fn under_load(&self, path: &str, act: impl FnOnce() -> Result<()>) -> Result<(Samples, f64, f64)> {
        self.under_load_at(&format!("{}{path}", self.url), act)
    }

    /// The same on a whole URL.
    pub(crate) fn under_load_at(&self, url: &str, act: impl FnOnce() -> Result<()>) -> Result<(Samples, f64, f64)> {
        let load = Load::start(url, self.rate);
        load.go_on(BEFORE);
        let from = load.seconds();
        act()?;
        let to = load.seconds();
        load.go_on(AFTER);
        Ok((load.stop(), from, to))
    }

    /// Waits until a Deployment is as it should be.
    pub(crate) fn wait_for_rollout(&self, deployment: &str) -> Result<()> {
        self.cluster.run(&format!("rollout status deployment/{deployment} --timeout={ROLLOUT}")).map(drop)
    }

    /// Opens `load-test` in users for the length of an experiment, and closes it afterwards.
    pub(crate) fn with_load_test<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let app = self.cluster.get("spinapp users-ms")?;
        let variables = objects::variables_with(&app, "load_test", "on");
        let before = json!({ "spec": { "variables": app["spec"]["variables"] } });
        and_back(
            || {
                self.roll("users-ms", &json!({ "spec": { "variables": variables } }))?;
                act()
            },
            || self.roll("users-ms", &before),
        )
    }

    /// The pods of a SpinApp that are to stay.
    pub(crate) fn pods(&self, app: &str) -> Result<Vec<Pod>> {
        Ok(objects::pods(&self.cluster.get(&format!("pods --selector {APP_NAME}={app}"))?))
    }

    /// Changes a SpinApp, and waits until the operator has made that a change of its Deployment.
    pub(crate) fn change(&self, app: &str, patch: &Value) -> Result<()> {
        let generation = || -> Result<Option<u64>> {
            Ok(self.cluster.get(&format!("deployment {app}"))?["metadata"]["generation"].as_u64())
        };
        let before = generation()?;
        self.cluster.patch(&format!("spinapp {app}"), patch)?;
        // A change that changes nothing never becomes one of the Deployment, so this may end in vain.
        let _ = wait_for("the operator", RECONCILIATION, || Ok((generation()? > before).then_some(())));
        Ok(())
    }

    /// Changes a SpinApp, and waits until that is rolled out.
    pub(crate) fn roll(&self, app: &str, patch: &Value) -> Result<()> {
        self.change(app, patch)?;
        self.wait_for_rollout(app)
    }

    /// A secret of the installation.
    pub(crate) fn secret(&self, name: &str) -> Result<String> {
        let file = &self.secrets;
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(str::to_owned).with_context(|| format!("{} has no {name}", file.display()))
    }
}

/// Does something, and whatever became of it, puts things back.
pub(crate) fn and_back<T>(act: impl FnOnce() -> Result<T>, back: impl FnOnce() -> Result<()>) -> Result<T> {
    let result = act();
    let undone = back();
    let value = result?;
    undone.context("what the experiment changed could not be put back")?;
    Ok(value)
}

/// The usual report of a load: a row for each phase, answers and failures over time.
pub(crate) fn report(
    name: &'static str,
    title: &str,
    samples: &Samples,
    phases: &[(&str, f64, f64)],
    is_reached: bool,
) -> Result<Report> {
    let rows: Vec<_> = phases
        .iter()
        .map(|(phase, from, to)| {
            let inside = samples.between(*from, *to);
            vec![
                (*phase).to_owned(),
                inside.count().to_string(),
                inside.failed().to_string(),
                format!("{:.1}", inside.longest_outage()),
                format!("{:.0}", inside.quantile_ms(0.5)),
                format!("{:.0}", inside.quantile_ms(0.99)),
            ]
        })
        .collect();
    let good = samples.per_second(|sample| !sample.has_failed());
    let bad = samples.per_second(Sample::has_failed);
    Ok(Report {
        name,
        text: table(&["phase", "requests", "failed", "longest outage s", "p50 ms", "p99 ms"], &rows),
        svg: plot::lines(
            title,
            "requests a second",
            &[Line::main("answered", good), Line::bad("failed", bad)],
            &phases.iter().skip(1).map(|(phase, from, _)| (*from, (*phase).to_owned())).collect::<Vec<_>>(),
        )?,
        is_reached,
    })
}

fn address_of_node(profile: &str) -> Result<String> {
    let output = Command::new("minikube").args(["ip", "--profile", profile]).output();
    let output = output.context("cannot start minikube; say by --url where the gateway answers")?;
    if !output.status.success() {
        bail!("minikube: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
