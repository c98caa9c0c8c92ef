//! No variable is called like something that Kubernetes or the container's runtime puts into a pod's environment: the
//! shim takes a bare variable `X` for the application's `x`.

use crate::app::App;
use crate::manifests::{Manifests, Object, at, items, text};
use crate::pods;
use std::collections::BTreeSet;

/// What every container has.
const ALWAYS: [&str; 5] = ["PATH", "HOME", "HOSTNAME", "TERM", "PWD"];

pub(super) fn check(manifests: &Manifests, app: &App) -> Vec<String> {
    let mut taken: BTreeSet<String> = ALWAYS.iter().map(|name| (*name).to_owned()).collect();
    taken.extend(links("kubernetes", &[(Some("https"), 443, "TCP")]));
    for service in pods::services(manifests) {
        let ports: Vec<_> = items(&service.0, "/spec/ports").filter_map(port).collect();
        taken.extend(links(service.name(), &ports));
    }
    // The Service that spin-operator makes.
    taken.extend(manifests.of_kind("SpinApp").map(Object::name).flat_map(|name| links(name, &[(None, 80, "TCP")])));
    let given = manifests.of_kind("SpinApp").flat_map(|app| items(&app.0, "/spec/variables"));
    let names: BTreeSet<_> =
        given.map(|variable| text(variable, "/name")).chain(app.variables.keys().map(String::as_str)).collect();
    let bad = names.into_iter().filter(|name| taken.contains(&name.to_uppercase()));
    bad.map(|name| format!("the variable {name} would get the value of ${}", name.to_uppercase())).collect()
}

fn port(port: &serde_json::Value) -> Option<(Option<&str>, u64, &str)> {
    let protocol = at(port, "/protocol").as_str().unwrap_or("TCP");
    Some((at(port, "/name").as_str(), at(port, "/port").as_u64()?, protocol))
}

/// The environment variables for a Service, those of Docker's links included.
fn links(service: &str, ports: &[(Option<&str>, u64, &str)]) -> Vec<String> {
    let prefix = service.to_uppercase().replace('-', "_");
    let mut names = vec![format!("{prefix}_SERVICE_HOST"), format!("{prefix}_SERVICE_PORT"), format!("{prefix}_PORT")];
    for (name, number, protocol) in ports {
        names.extend(name.map(|name| format!("{prefix}_SERVICE_PORT_{}", name.to_uppercase().replace('-', "_"))));
        let port = format!("{prefix}_PORT_{number}_{protocol}");
        names.extend(["", "_PROTO", "_PORT", "_ADDR"].map(|end| format!("{port}{end}")));
    }
    names
}
