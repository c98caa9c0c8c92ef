//! What is asked for by probes and schedules is there: the paths of the OpenAPI files.

use crate::app::App;
use crate::manifests::{Manifests, Object, items, text};
use crate::pods;

/// Answered by Spin's HTTP trigger itself, without a component.
const OF_SPIN: &str = "/.well-known/spin/health";

pub(super) fn check(manifests: &Manifests, app: &App) -> Vec<String> {
    let mut faults = Vec::new();
    for spin_app in manifests.of_kind("SpinApp") {
        for (check, route) in [("liveness", "/healthcheck"), ("readiness", "/readiness")] {
            let path = spin_app.text(&format!("/spec/checks/{check}/httpGet/path"));
            let is_good = if has_api(spin_app, app) {
                path.ends_with(route) && is_own(spin_app, app, path) && has(app, "GET", path)
            } else {
                // A component without an API is asked for what it serves.
                path == OF_SPIN || is_own(spin_app, app, path)
            };
            if !is_good {
                faults.push(format!("{}: the {check} probe asks for `{path}`", spin_app.id()));
            }
            // The operator's webhook writes null where there is no list, which its own CRD refuses.
            if !spin_app.at(&format!("/spec/checks/{check}/httpGet/httpHeaders")).is_array() {
                faults.push(format!(
                    "{}: the {check} probe has no list of httpHeaders, not even an empty one",
                    spin_app.id()
                ));
            }
        }
    }
    faults
}

/// What the schedules post to.
pub(super) fn check_schedules(manifests: &Manifests, app: &App) -> Vec<String> {
    let mut faults = Vec::new();
    for schedule in manifests.of_kind("CronJob") {
        let Some(pods) = pods::of(schedule) else { continue };
        let env: Vec<_> = items(&pods.spec, "/containers").flat_map(|container| items(container, "/env")).collect();
        for url in env.iter().map(|variable| text(variable, "/value")).filter(|value| value.starts_with("http")) {
            let path = url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
            if !has(app, "POST", &path) {
                faults.push(format!("{} posts to `{path}`, which no service has", schedule.id()));
            }
        }
    }
    faults
}

fn has(app: &App, method: &str, path: &str) -> bool {
    app.paths.get(path).is_some_and(|methods| methods.contains(method))
}

/// Whether an OpenAPI file is about what a SpinApp runs.
fn has_api(spin_app: &Object, app: &App) -> bool {
    app.paths.keys().any(|path| is_own(spin_app, app, path))
}

/// Whether a path is on a route of what a SpinApp runs.
fn is_own(spin_app: &Object, app: &App, path: &str) -> bool {
    let components = items(&spin_app.0, "/spec/components").filter_map(|name| app.components.get(name.as_str()?));
    let mut routes = components.flat_map(|component| &component.routes);
    routes.any(|route| route.strip_suffix("...").is_some_and(|start| path.starts_with(start)))
}
