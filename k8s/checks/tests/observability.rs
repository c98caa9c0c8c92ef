//! Alerts and dashboards: each query is about metrics that there are, each alert has its paragraph for operators, and fires and
//! clears in promtool's unit tests.

use k8s_checks::app::workspace;
use metrics::SERVICES;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

fn component() -> std::path::PathBuf {
    workspace().join("k8s/components/observability")
}

/// The rules, as Prometheus reads them.
fn rules() -> Value {
    let text = std::fs::read_to_string(component().join("alerts.yaml")).expect("alerts.yaml");
    let object: Value = serde_saphyr::from_str(&text).expect("alerts.yaml is YAML");
    object["spec"].clone()
}

fn rule_list() -> Vec<Value> {
    let rules = rules();
    let groups = rules["groups"].as_array().expect("groups").clone();
    groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

/// All queries of the dashboards.
fn dashboard_queries() -> Vec<String> {
    let folder = component().join("dashboards");
    let files = std::fs::read_dir(folder).expect("dashboards").map(|entry| entry.expect("an entry").path());
    let mut queries = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a dashboard");
        let dashboard: Value = serde_json::from_str(&text).expect("a dashboard is JSON");
        for panel in dashboard["panels"].as_array().expect("panels") {
            let targets = panel["targets"].as_array().expect("targets");
            assert!(!targets.is_empty(), "{} shows nothing", panel["title"]);
            queries.extend(targets.iter().map(|target| target["expr"].as_str().expect("a query").to_owned()));
        }
    }
    assert!(!queries.is_empty());
    queries
}

/// The names that a query asks for, of ours and of what the rules record.
fn names(query: &str) -> BTreeSet<String> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let words = query.split(|letter: char| !is_name(letter));
    words.filter(|word| word.starts_with("concierge_") || word.starts_with("concierge:")).map(str::to_owned).collect()
}

#[test]
fn what_keda_asks_users_for_is_a_metric_of_users() {
    let file = workspace().join("k8s/components/keda-permits/scaled-object.yaml");
    let text = std::fs::read_to_string(file).expect("the component is there");
    let object: Value = serde_saphyr::from_multiple::<Value>(&text).expect("it is YAML").swap_remove(0);
    let trigger = &object["spec"]["triggers"][0]["metadata"];
    assert_eq!(trigger["url"], "http://users-ms.concierge.svc/users-ms/internal/metrics");
    let (_, metrics) = SERVICES.iter().find(|(service, _)| *service == "users").expect("users has metrics");
    assert!(metrics.iter().any(|metric| trigger["valueLocation"] == metric.name), "{trigger}");
}

#[test]
fn every_query_is_about_metrics_that_there_are() {
    let catalogue = SERVICES.iter().flat_map(|(_, metrics)| *metrics);
    let mut known: BTreeSet<String> = catalogue
        .flat_map(|metric| metric.kind.endings().iter().map(|ending| format!("{}{ending}", metric.name)))
        .collect();
    let rules = rule_list();
    known.extend(rules.iter().filter_map(|rule| rule["record"].as_str().map(str::to_owned)));
    let of_rules = rules.iter().map(|rule| rule["expr"].as_str().expect("a query").to_owned());
    for query in of_rules.chain(dashboard_queries()) {
        for name in names(&query) {
            assert!(known.contains(&name), "{name} does not exist, and is asked for by {query}");
        }
    }
    // What nobody looks at need not be there: each metric but the facts is in a rule or on a dashboard.
    let asked: BTreeSet<String> = rules
        .iter()
        .map(|rule| rule["expr"].as_str().expect("a query").to_owned())
        .chain(dashboard_queries())
        .flat_map(|query| names(&query))
        .collect();
    for (service, metrics) in SERVICES.iter().filter(|(service, _)| *service != "auth") {
        for metric in metrics.iter().filter(|metric| metric.kind != metrics::Kind::Info) {
            let is_asked =
                metric.kind.endings().iter().any(|ending| asked.contains(&format!("{}{ending}", metric.name)));
            assert!(is_asked, "nothing shows {} of {service}", metric.name);
        }
    }
}

#[test]
fn every_alert_says_how_bad_it_is_and_has_a_paragraph_for_operators() {
    let page = std::fs::read_to_string(workspace().join("docs/operations.md")).expect("docs/operations.md");
    for rule in rule_list() {
        let Some(alert) = rule["alert"].as_str() else { continue };
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["page", "ticket"].contains(&severity), "{alert} is of no severity");
        assert!(rule["annotations"]["summary"].is_string(), "{alert} says nothing");
        assert!(page.contains(&format!("`{alert}`")), "docs/operations.md says nothing about {alert}");
    }
}

#[test]
fn every_alert_fires_and_clears() {
    let tests = std::fs::read_to_string(workspace().join("k8s/checks/tests/alerts.test.yaml")).expect("the tests");
    for rule in rule_list() {
        let Some(alert) = rule["alert"].as_str() else { continue };
        let mine = tests.split("alertname: ").skip(1).filter(|rest| rest.split([',', '\n']).next() == Some(alert));
        let clears = mine.clone().filter(|rest| rest.trim_start_matches(alert).starts_with(", exp_alerts: []")).count();
        assert!(
            mine.count() > clears && clears > 0,
            "{alert} has no test in which it fires, or none in which it clears"
        );
    }
    if Command::new("promtool").arg("--version").output().is_err() {
        assert!(std::env::var_os("CONCIERGE_REQUIRE_PROMTOOL").is_none(), "promtool is not on the PATH");
        let _ = writeln!(std::io::stderr(), "SKIPPED: alerts are not tried, for promtool is not on the PATH");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    // JSON is YAML.
    write("rules.yaml", &rules().to_string());
    write("alerts.test.yaml", &tests);
    let promtool = |arguments: &[&str]| {
        let run = Command::new("promtool").args(arguments).current_dir(Path::new(folder.path())).output();
        let run = run.expect("promtool runs");
        let said = [run.stdout, run.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        assert!(run.status.success(), "promtool {}: {said}", arguments.join(" "));
    };
    promtool(&["check", "rules", "rules.yaml"]);
    promtool(&["test", "rules", "alerts.test.yaml"]);
}
