//! The Prometheus of `up --observe`: it scrapes the metrics of the app and knows the alerts of `k8s/components/observability`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use dev_servers::ports;
use dev_servers::process::{Launch, Managed};
use dev_servers::secret;
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::{program, setup};

/// The services that have metrics.
const SERVICES: [&str; 3] = ["users", "auth", "notification"];
/// Where it listens, if nobody else does.
const USUAL_PORT: u16 = 9090;
/// Until it answers.
const READY_DEADLINE: Duration = Duration::from_secs(20);
/// Until it has ended after it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// A running Prometheus.
pub(crate) struct Prometheus {
    process: Managed,
    port: u16,
}

impl Prometheus {
    /// Starts one that scrapes the app at this address (`host:port`), and Spindle where it shows its own metrics.
    pub(crate) fn start(folder: &Folder, app: &str, spindle: Option<&str>, credential: &str) -> Result<Self> {
        setup::prometheus(folder)?;
        let home = folder.state()?.join("prometheus");
        std::fs::create_dir_all(&home)?;
        secret::write_private(&home.join("credential"), credential)?;
        let rules = std::fs::read_to_string(folder.root().join("k8s/components/observability/alerts.yaml"))?;
        std::fs::write(home.join("rules.yaml"), rules_of(&rules)?)?;
        // JSON is YAML.
        std::fs::write(home.join("prometheus.yaml"), configuration(app, spindle).to_string())?;
        let port = if ports::is_free(USUAL_PORT) { USUAL_PORT } else { ports::free_port()? };
        let process = Launch::new("prometheus", command(&home, port), &folder.fresh_log("prometheus")?).start()?;
        let started = Self { process, port };
        let is_ready = || {
            let answer = minreq::get(format!("{}/-/ready", started.url())).with_timeout(2).send();
            if !started.process.is_running() {
                return Some(false);
            }
            answer.is_ok_and(|answer| answer.status_code == 200).then_some(true)
        };
        match program::poll(READY_DEADLINE, is_ready) {
            Some(true) => Ok(started),
            _ => bail!("Prometheus does not start; its log says:\n{}", started.process.log_tail()),
        }
    }

    /// Its page.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.process.stop(GRACE);
    }
}

fn command(home: &Path, port: u16) -> Command {
    let mut command = Command::new("prometheus");
    command
        .current_dir(home)
        .arg("--config.file=prometheus.yaml")
        .arg("--storage.tsdb.path=data")
        .arg("--storage.tsdb.retention.time=7d")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    command
}

/// What it scrapes. The credential is in a file of its own, which nobody else may read.
fn configuration(app: &str, spindle: Option<&str>) -> Value {
    let job = |service: &str| {
        json!({
            "job_name": format!("concierge-{service}"),
            "metrics_path": format!("/{service}-ms/internal/metrics"),
            "authorization": {"credentials_file": "credential"},
            "static_configs": [{"targets": [app]}],
        })
    };
    let mut jobs: Vec<_> = SERVICES.iter().map(|service| job(service)).collect();
    jobs.extend(spindle.map(|address| json!({"job_name": "spindle", "static_configs": [{"targets": [address]}]})));
    json!({
        "global": {"scrape_interval": "5s", "evaluation_interval": "15s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": jobs,
    })
}

/// The rules of an object for prometheus-operator, as Prometheus itself reads them: what is below `spec:`, two columns to the left.
fn rules_of(object: &str) -> Result<String> {
    let (_, spec) = object.split_once("\nspec:\n").context("the alerts have no spec")?;
    Ok(spec.lines().map(|line| format!("{}\n", line.strip_prefix("  ").unwrap_or(line))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_is_scraped_with_the_credential() {
        let configuration = configuration("127.0.0.1:4000", Some("127.0.0.1:9"));
        let jobs = configuration["scrape_configs"].as_array().unwrap();
        assert_eq!(jobs.len(), 4);
        assert_eq!(jobs[3]["static_configs"][0]["targets"][0], "127.0.0.1:9");
        assert!(jobs[3].get("authorization").is_none(), "the credential is for the services");
        for job in &jobs[..3] {
            assert_eq!(job["authorization"]["credentials_file"], "credential");
            assert_eq!(job["static_configs"][0]["targets"][0], "127.0.0.1:4000");
        }
    }

    #[test]
    fn the_alerts_are_those_of_kubernetes() {
        let text = include_str!("../../k8s/components/observability/alerts.yaml");
        let rules = rules_of(text).unwrap();
        assert!(rules.starts_with("groups:\n  - name: concierge-objectives\n    rules:\n"), "{rules}");
    }
}
