//! The whole application rolled out by `spin kube deploy`, under load. It is the artifact that is there already, by another
//! number of replicas and back: what is looked at is that callers notice nothing, and that a deployment takes away nothing of
//! what the plugin does not know of, such as variables and probes.

use crate::Report;
use crate::stage::{Stage, report};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::process::Command;

/// The SpinApp of the whole application, and the Deployment that the operator makes of it.
const APP: &str = "concierge";
/// The port of the node behind which it is.
const PORT: &str = ":30401";

pub(crate) fn run(stage: &Stage, context: &str, tag: Option<&str>) -> Result<Report> {
    let before = stage
        .cluster
        .get(&format!("spinapp {APP}"))
        .context("the whole application is not there; `cargo xtask minikube deploy --with whole-app` brings it")?;
    let image = before["spec"]["image"].as_str().context("the SpinApp has no image")?;
    let new = match tag {
        Some(tag) => format!("{}:{tag}", repository(image)),
        None => image.to_owned(),
    };
    println!("Deploying {new} by `spin kube deploy`, while users is asked whether it is ready");
    let url = stage.url.rsplit_once(':').map(|(host, _)| format!("{host}{PORT}")).context("the address has no port")?;
    let (samples, from, to) = stage.under_load_at(&format!("{url}/users-ms/readiness"), || {
        deploy(context, &new)?;
        if new == image {
            // Nothing is new in what was sent, so the pods are made anew by hand.
            stage.cluster.run(&format!("rollout restart deployment/{APP}"))?;
        }
        stage.wait_for_rollout(APP)
    })?;
    let after = stage.cluster.get(&format!("spinapp {APP}"))?;
    let lost = lost(&before, &after);
    let phases = [("before", 0.0, from), ("rollout", from, to), ("after", to, f64::MAX)];
    let is_reached = samples.failed() == 0 && lost.is_empty();
    let mut report = report("kube-deploy", "The whole application by spin kube deploy", &samples, &phases, is_reached)?;
    report.text.push_str(&match &lost[..] {
        [] => "Variables, probes and resources are as they were\n".to_owned(),
        lost => format!("Lost by the deployment: {}\n", lost.join(", ")),
    });
    Ok(report)
}

/// Runs the plugin.
fn deploy(context: &str, image: &str) -> Result<()> {
    let arguments = ["kube", "deploy", "--from", image, "--namespace", crate::cluster::NAMESPACE, "--context", context];
    let output = Command::new("spin").args(arguments).output().context("cannot start spin; is it on the PATH?")?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("spin kube deploy: {}; `spin plugins install kube` brings the plugin", words.trim());
    }
    Ok(())
}

/// The fields of a SpinApp that a deployment is to leave as they are, and has not.
fn lost(before: &Value, after: &Value) -> Vec<&'static str> {
    const FIELDS: [&str; 6] = ["variables", "checks", "resources", "components", "runtimeConfig", "serviceAccountName"];
    FIELDS.into_iter().filter(|field| before["spec"][field] != after["spec"][field]).collect()
}

/// An image without its tag.
fn repository(image: &str) -> &str {
    // A colon before the last slash is a registry's port.
    let name = image.rfind('/').map_or(0, |slash| slash + 1);
    image[name..].find(':').map_or(image, |colon| &image[..name + colon])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(repository("localhost:5000/concierge:0.1.0"), "localhost:5000/concierge");
        assert_eq!(repository("localhost:5000/concierge"), "localhost:5000/concierge");
        assert_eq!(repository("concierge:0.1.0"), "concierge");
    }

    #[test]
    fn what_a_deployment_takes_away_is_named() {
        let before = json!({ "spec": { "image": "a", "variables": [{ "name": "db_host" }], "checks": {} } });
        let mut after = before.clone();
        after["spec"]["image"] = json!("b");
        assert!(lost(&before, &after).is_empty());
        after["spec"]["variables"] = json!(null);
        assert_eq!(lost(&before, &after), ["variables"]);
    }
}
