//! The way in: the gateway leads to every SpinApp that has routes, and nowhere to what services tell each other; an
//! ingress leads to the gateway alone, and by TLS.

use crate::app::App;
use crate::manifests::{Manifests, Object, entries, items, text};

/// What takes the paths that are not for the world.
const INTERNAL: &str = "location ~* ^/[^/]+/internal(/|$) {";

/// What gives a request without a trace one.
const TRACE: &str = "proxy_set_header traceparent $traceparent;";

pub(super) fn check(manifests: &Manifests, app: &App) -> Vec<String> {
    let mut faults: Vec<_> =
        manifests.of_kind("Ingress").flat_map(|ingress| ingress_faults(ingress, manifests)).collect();
    let gateways = manifests.of_kind("ConfigMap").filter(|map| map.name().starts_with("gateway"));
    for gateway in gateways {
        // nginx reads every file of this name; each is a server of its own.
        let servers = entries(&gateway.0, "/data").filter(|(file, _)| file.ends_with(".conf"));
        let texts: Vec<_> = servers.filter_map(|(_, text)| text.as_str()).collect();
        if texts.is_empty() {
            faults.push("the gateway has no server".to_owned());
        }
        faults.extend(texts.into_iter().flat_map(configuration_faults));
        faults.extend(route_faults(gateway, manifests, app));
    }
    for service in manifests.of_kind("Service").filter(|service| service.text("/spec/type") != "ClusterIP") {
        if service.at("/spec/selector/core.spinkube.dev~1app-name").is_string() {
            faults.push(format!("{} leads past the gateway", service.id()));
        }
    }
    faults
}

fn ingress_faults(ingress: &Object, manifests: &Manifests) -> Vec<String> {
    let mut faults = Vec::new();
    let id = ingress.id();
    let hosts: Vec<_> = items(&ingress.0, "/spec/tls").flat_map(|tls| items(tls, "/hosts")).collect();
    if ingress.at("/spec/defaultBackend").is_object() {
        faults.push(format!("{id} takes any host"));
    }
    for rule in items(&ingress.0, "/spec/rules") {
        if !hosts.iter().any(|host| host.as_str() == rule["host"].as_str()) {
            faults.push(format!("{id} has no TLS for the host {}", rule["host"]));
        }
        for path in items(rule, "/http/paths") {
            let service = text(path, "/backend/service/name");
            let selected = manifests
                .get("Service", service)
                .map_or("", |service| service.text("/spec/selector/app.kubernetes.io~1name"));
            if selected != "gateway" {
                faults.push(format!("{id} leads to {service} and not to the gateway, which keeps internal routes in"));
            }
        }
    }
    faults
}

fn configuration_faults(configuration: &str) -> Vec<String> {
    let lines: Vec<_> = configuration.lines().map(str::trim).collect();
    let mut faults = Vec::new();
    // nginx takes the first regular expression that matches.
    let first = lines.iter().position(|line| line.starts_with("location ~"));
    let internal = lines.iter().position(|line| *line == INTERNAL);
    if internal.is_none() || internal != first {
        faults.push("the gateway does not refuse internal routes before it looks at others".to_owned());
    }
    let answer = internal.and_then(|place| lines[place..].iter().find(|line| line.starts_with("return")));
    if !answer.is_some_and(|line| line.starts_with("return 404 ")) {
        faults.push("the gateway does not answer internal routes by 404".to_owned());
    }
    if !lines.contains(&TRACE) {
        faults.push("the gateway tells services no trace".to_owned());
    }
    faults
}

/// Faults of where paths go, in all files of the configuration.
fn route_faults(gateway: &Object, manifests: &Manifests, app: &App) -> Vec<String> {
    let files = entries(&gateway.0, "/data").filter_map(|(_, file)| file.as_str());
    let passes: Vec<_> =
        files.flat_map(str::lines).map(str::trim).filter(|line| line.starts_with("proxy_pass")).collect();
    let mut faults = Vec::new();
    // A slash after the address would take the path away.
    if passes.iter().any(|line| line.matches('/').count() != 2) {
        faults.push("the gateway changes paths".to_owned());
    }
    for spin_app in manifests.of_kind("SpinApp") {
        let components = items(&spin_app.0, "/spec/components").filter_map(|name| app.components.get(name.as_str()?));
        let has_routes = components.into_iter().any(|component| !component.routes.is_empty());
        let service = format!("http://{}-cluster-ip-service:4000;", spin_app.name());
        if has_routes && !passes.iter().any(|line| line.ends_with(&service)) {
            faults.push(format!("the gateway does not lead to {}", spin_app.id()));
        }
    }
    faults
}
