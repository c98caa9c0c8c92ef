//! `minikube status`: how everything is, as Kubernetes sees it and as somebody outside does.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::cluster::{Cluster, NAMESPACE};
use crate::folder::{SERVICES, root_of};
use crate::program;

/// The gateway's port on the node.
const PORT: u16 = 30400;
/// How long all of it may take to answer, once it is rolled out.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn run(cluster: &Cluster) -> Result<()> {
    if let Err(error) = cluster.minikube(&["status"]) {
        bail!("the node does not run; `cargo xtask minikube up` starts it.\n{error:#}");
    }
    let kinds = "spinapps,deployments,horizontalpodautoscalers,jobs,cronjobs,pods";
    print!("{}", cluster.kubectl(&["get", kinds, "--namespace", NAMESPACE])?);
    let url = gateway(cluster)?;
    println!("\n{url}");
    let answers = SERVICES.map(|service| (service, readiness(&url, service)));
    for (service, answer) in &answers {
        println!("  {service}: {}", answer.as_deref().unwrap_or("ready"));
    }
    if answers.iter().any(|(_, answer)| answer.is_some()) {
        bail!("not everything is ready; `kubectl describe pod --namespace {NAMESPACE}` says why a pod is not");
    }
    Ok(())
}

/// Where the gateway answers.
pub(crate) fn gateway(cluster: &Cluster) -> Result<String> {
    let address = cluster.minikube(&["ip"]).context("the node has no address")?;
    Ok(format!("http://{}:{PORT}", address.trim()))
}

/// Waits until all services are ready.
pub(crate) fn wait_until_ready(url: &str) -> Result<()> {
    for service in SERVICES {
        let is_ready = || readiness(url, service).is_none().then_some(());
        if program::poll(PATIENCE, is_ready).is_none() {
            let why = readiness(url, service).unwrap_or_default();
            bail!(
                "{service} at {url}: {why}. Where the node cannot be reached (minikube's Docker driver outside Linux), \
                 `minikube service --namespace {NAMESPACE} gateway-node-port-service --url` opens a way"
            );
        }
    }
    Ok(())
}

/// Why a service is not ready; nothing if it is.
fn readiness(url: &str, service: &str) -> Option<String> {
    match minreq::get(format!("{url}{}/readiness", root_of(service))).with_timeout(5).send() {
        Ok(answer) if answer.status_code == 200 => None,
        Ok(answer) => Some(format!("{} {}", answer.status_code, answer.as_str().unwrap_or_default())),
        Err(error) => Some(error.to_string()),
    }
}
