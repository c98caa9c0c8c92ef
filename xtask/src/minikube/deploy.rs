//! `minikube deploy`: what is in the cluster becomes what is here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use super::artifact::{self, IMAGE};
use super::cluster::{Cluster, NAMESPACE};
use super::status;
use crate::folder::COMPONENTS;

#[derive(clap::Args, Default)]
pub(crate) struct Arguments {
    /// Only this service gets the new version: users, auth, notification, account, console or docs. The others stay as they are.
    #[arg(long, value_name = "SERVICE")]
    only: Option<String>,
    /// A tag that is in the registry already, in place of building and pushing one.
    #[arg(long)]
    tag: Option<String>,
    /// Components of k8s/components to join from now on, such as mailpit and keda.
    #[arg(long, value_name = "COMPONENT")]
    with: Vec<String>,
    /// Components to leave out again. What they brought is not removed.
    #[arg(long, value_name = "COMPONENT")]
    without: Vec<String>,
}

pub(crate) fn run(cluster: &Cluster, arguments: &Arguments) -> Result<()> {
    let mut tag = arguments.tag.clone().unwrap_or_default();
    if tag.is_empty() {
        let advice =
            "`cargo xtask build` shows what does not build; `minikube addons list` whether the registry is on.";
        cluster.step("the artifact", advice, || {
            tag = artifact::push(cluster)?;
            Ok(())
        })?;
    }
    apply(cluster, arguments, &tag)?;
    let advice = "`cargo xtask minikube status` says which service does not answer.";
    cluster.step("the answer", advice, || {
        let url = status::gateway(cluster)?;
        status::wait_until_ready(&url)?;
        println!("\nConcierge answers at {url}, its pages at {url}/account, its console at {url}/console, its documentation at {url}/docs/");
        Ok(())
    })
}

/// The component of k8s/components that is the whole application as one SpinApp, and that SpinApp.
const WHOLE_APP: (&str, &str) = ("whole-app", "concierge");

/// Applies everything, with the artifact of this tag.
pub(crate) fn apply(cluster: &Cluster, arguments: &Arguments, tag: &str) -> Result<()> {
    let advice = "The script says what it lacks.";
    cluster.step("secrets, made once and kept in k8s/overlays/minikube/secrets.env", advice, || {
        cluster.output("sh", &["k8s/overlays/minikube/make-secrets.sh"], None).map(drop)
    })?;
    let namespace = ["--namespace", NAMESPACE];
    let advice = "`kubectl logs --namespace concierge job/migrations` says what the database said.";
    cluster.step("migrations", advice, || {
        // It is gone from a cluster that was emptied.
        cluster.kubectl(&["apply", "--filename", "k8s/base/namespace.yaml"])?;
        let make = ["create", "configmap", "migrations", "--from-file=migrations", "--dry-run=client", "--output=yaml"];
        let map = cluster.kubectl(&[&make[..], &namespace[..]].concat())?;
        cluster.apply(&map)?;
        // A Job cannot be changed.
        cluster.kubectl(&[&["delete", "job", "migrations", "--ignore-not-found"], &namespace[..]].concat()).map(drop)
    })?;
    let advice =
        "What the API server refuses it names. A webhook without endpoints is an operator that is still starting.";
    let mut has_whole_app = false;
    cluster.step("the manifests", advice, || {
        let (overlay, joined) = write_overlay(cluster, arguments, tag)?;
        has_whole_app = joined.iter().any(|name| name == WHOLE_APP.0);
        let overlay = overlay.to_str().context("the workspace's path is no text")?;
        cluster.insist(|| cluster.kubectl(&["apply", "--kustomize", overlay]).map(drop))
    })?;
    let deployments = deployments(has_whole_app);
    let advice = "`kubectl describe deployment --namespace concierge` says what was refused.";
    cluster.step("what a SpinApp cannot say", advice, || {
        for deployment in &deployments {
            cluster.kubectl(&[&["wait", "--for=create", deployment, "--timeout=60s"], &namespace[..]].concat())?;
        }
        // What an experiment that was broken off has changed is taken over. A file whose Deployment is not there would make one.
        let merge = ["apply", "--server-side", "--force-conflicts", "--field-manager=concierge"];
        for file in hardening(has_whole_app) {
            cluster.kubectl(&[&merge[..], &["--filename", file], &namespace[..]].concat())?;
        }
        Ok(())
    })?;
    let advice = "`kubectl get pods --namespace concierge` and `kubectl logs` say what holds it up; pods that are refused by \
                  the container runtime say so in `kubectl describe pod`.";
    cluster.step("the rollout", advice, || {
        let wait = ["wait", "--for=condition=Complete", "job/migrations", "--timeout=600s"];
        cluster.kubectl(&[&wait[..], &namespace[..]].concat())?;
        for deployment in &deployments {
            cluster.kubectl(&[&["rollout", "status", deployment, "--timeout=300s"], &namespace[..]].concat())?;
        }
        Ok(())
    })
}

/// The Deployments that the operator makes.
fn deployments(has_whole_app: bool) -> Vec<String> {
    let services = COMPONENTS.iter().map(|component| format!("deployment/{component}-ms"));
    services.chain(has_whole_app.then(|| format!("deployment/{}", WHOLE_APP.1))).collect()
}

/// What is merged into them.
fn hardening(has_whole_app: bool) -> Vec<&'static str> {
    let mut files = vec![
        "k8s/hardening/services.yaml",
        "k8s/hardening/account.yaml",
        "k8s/hardening/console.yaml",
        "k8s/hardening/docs.yaml",
    ];
    files.extend(has_whole_app.then_some("k8s/hardening/whole-app.yaml"));
    files
}

/// The overlay `minikube` with the tag of each service: all of them this one, or one of them; and the components that are
/// joined.
fn write_overlay(cluster: &Cluster, arguments: &Arguments, tag: &str) -> Result<(PathBuf, Vec<String>)> {
    let folder = cluster.folder.state()?.join(format!("cluster-{}", cluster.profile));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let file = folder.join("tags");
    let tags = tags(&std::fs::read_to_string(&file).unwrap_or_default(), arguments.only.as_deref(), tag)?;
    let joined_file = folder.join("components");
    let kept = std::fs::read_to_string(&joined_file).unwrap_or_default();
    let joined = joined(&kept, &arguments.with, &arguments.without);
    if let Some(unknown) = joined.iter().find(|name| !cluster.folder.root().join("k8s/components").join(name).is_dir())
    {
        bail!("there is no component {unknown} in k8s/components");
    }
    let lines: String = tags.iter().map(|(service, tag)| format!("{service}={tag}\n")).collect();
    let outer = std::fs::read_to_string(cluster.folder.root().join("k8s/overlays/minikube/kustomization.yaml"))
        .context("the overlay is not there")?;
    std::fs::write(&file, lines)?;
    std::fs::write(&joined_file, joined.iter().map(|name| format!("{name}\n")).collect::<String>())?;
    std::fs::write(folder.join("kustomization.yaml"), overlay(&tags, &joined, &outer))?;
    Ok((folder, joined))
}

/// The components that are joined: those of before, with these and without those. Without the memory of them the next
/// deployment would take back what they change, and leave what they brought.
fn joined(kept: &str, with: &[String], without: &[String]) -> Vec<String> {
    let mut joined: Vec<String> = kept.lines().map(str::to_owned).chain(with.iter().cloned()).collect();
    joined.sort();
    joined.dedup();
    joined.retain(|name| !without.contains(name));
    joined
}

/// The tag of each service.
fn tags(kept: &str, only: Option<&str>, tag: &str) -> Result<BTreeMap<String, String>> {
    if let Some(only) = only.filter(|only| !COMPONENTS.contains(only)) {
        bail!("there is no service {only}: it is one of {}", COMPONENTS.join(", "));
    }
    let mut tags: BTreeMap<_, _> = COMPONENTS.iter().map(|name| ((*name).to_owned(), tag.to_owned())).collect();
    let kept = kept.lines().filter_map(|line| line.split_once('='));
    for (service, tag) in kept.filter(|(service, _)| only.is_some_and(|only| only != *service)) {
        tags.insert(service.to_owned(), tag.to_owned());
    }
    Ok(tags)
}

/// The overlay's text; `outer` is that of the overlay it stands on, whose order it has to repeat.
fn overlay(tags: &BTreeMap<String, String>, with: &[String], outer: &str) -> String {
    let mut text = "# Made by `cargo xtask minikube deploy`.\n\
                    apiVersion: kustomize.config.k8s.io/v1beta1\n\
                    kind: Kustomization\n\
                    namespace: concierge\n\
                    labels: [{pairs: {app.kubernetes.io/part-of: concierge}}]\n\
                    resources: [../../k8s/overlays/minikube]\n"
        .to_owned();
    if !with.is_empty() {
        let paths: Vec<_> = with.iter().map(|name| format!("../../k8s/components/{name}")).collect();
        let _ = writeln!(text, "components: [{}]", paths.join(", "));
    }
    text.push_str("patches:\n");
    let mut patch = |app: &str, tag: &str| {
        let _ = writeln!(text, "  - target: {{ kind: SpinApp, name: {app} }}");
        let _ = writeln!(
            text,
            "    patch: '[{{\"op\":\"replace\",\"path\":\"/spec/image\",\"value\":\"{IMAGE}:{tag}\"}}]'"
        );
    };
    for (service, tag) in tags {
        patch(&format!("{service}-ms"), tag);
    }
    // One process has one version: that of users.
    if let Some(tag) = tags.get("users").filter(|_| with.iter().any(|name| name == WHOLE_APP.0)) {
        patch(WHOLE_APP.1, tag);
    }
    let order = outer.split_once("sortOptions:").map(|(_, order)| order).unwrap_or_default();
    let _ = write!(text, "sortOptions:{order}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_service_is_deployed_alone() {
        let all = tags("", None, "1").unwrap();
        assert!(all.values().all(|tag| tag == "1") && all.len() == COMPONENTS.len());
        let kept: String = all.iter().map(|(service, tag)| format!("{service}={tag}\n")).collect();
        let one = tags(&kept, Some("auth"), "2").unwrap();
        assert_eq!(one["auth"], "2");
        assert_eq!(one["users"], "1");
        assert_eq!(tags(&kept, None, "3").unwrap()["users"], "3");
        assert!(tags("", Some("mail"), "1").is_err());
    }

    #[test]
    fn components_stay_joined_until_they_are_left_out() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(joined("", &names(&["mailpit", "keda"]), &[]), ["keda", "mailpit"]);
        assert_eq!(joined("keda\nmailpit\n", &names(&["keda"]), &[]), ["keda", "mailpit"]);
        assert_eq!(joined("keda\nmailpit\n", &[], &names(&["keda"])), ["mailpit"]);
    }

    #[test]
    fn the_overlay_has_the_tags_and_the_order() {
        let tags = tags("", None, "0.1.0-ab").unwrap();
        let text = overlay(&tags, &["keda".into()], "kind: Kustomization\nsortOptions:\n  order: legacy\n");
        assert!(text.contains("localhost:5000/concierge:0.1.0-ab"), "{text}");
        assert!(text.contains("components: [../../k8s/components/keda]"), "{text}");
        assert!(text.ends_with("sortOptions:\n  order: legacy\n"), "{text}");
        assert!(!text.contains("name: concierge }"), "{text}");
        let text = overlay(&tags, &["whole-app".into()], "sortOptions: {}\n");
        assert!(text.contains("name: concierge }"), "{text}");
    }

    #[test]
    fn what_is_merged_is_merged_into_deployments_that_are_there() {
        assert_eq!(deployments(false).len(), COMPONENTS.len());
        assert!(!hardening(false).iter().any(|file| file.contains("whole-app")));
        assert!(deployments(true).contains(&"deployment/concierge".to_owned()));
        assert!(hardening(true).contains(&"k8s/hardening/whole-app.yaml"));
    }
}
