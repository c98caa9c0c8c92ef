//! The goals: what was measured as a ratio, and whether it is enough.

use crate::report::{Goal, Report, SOAK, metric};
use crate::spread::Spread;

/// Judges all goals. Those of which a side is missing stay open.
pub(crate) fn judge(report: &Report) -> Vec<Goal> {
    let of = |scenario: &str, side: &str, metric: &str| report.spread(scenario, side, metric);
    let ratio = |a: Option<&Spread>, b: Option<&Spread>| Some(a?.ratio_to(b?));
    let against = |scenario: &str, side: &str| {
        ratio(of(scenario, "spindle", metric::THROUGHPUT), of(scenario, side, metric::THROUGHPUT))
    };
    let median = |scenario: &str, side: &str, metric: &str| of(scenario, side, metric).map(|spread| spread.median);
    let storm = |scenario: &str| {
        let p99 = |when: &str| of(&format!("{scenario}, {when}"), "spindle", metric::P99);
        ratio(p99("storm"), p99("idle"))
    };
    let limit = median("hash alone", "native", metric::THROUGHPUT);
    let real_limit = median("hash on all cores", "native", metric::THROUGHPUT);
    let logins = median("login", "spindle", metric::THROUGHPUT);
    let part = |limit: Option<f64>| Some(logins? / limit?);
    let hashes = |flow: &str| Some(median(flow, "spindle", metric::THROUGHPUT)? / real_limit?);
    vec![
        at_least("GET one user, against native", 0.6, against("get-user", "native")),
        at_least("GET one user with a token, against native", 0.6, against("get-user-token", "native")),
        at_least("GET one user, against Spin", 11.0, against("get-user", "spin")),
        at_least("GET one user with a token, against Spin", 11.0, against("get-user-token", "spin")),
        at_least("a route without I/O, against native", 0.45, against("health", "native")),
        at_least("a route without I/O, against Spin", 11.0, against("health", "spin")),
        at_least("refresh, against native", 0.6, against("refresh", "native")),
        at_most(
            "an instance of users, microseconds",
            8.0,
            median("an instance of users", "spindle", metric::MICROSECONDS),
        ),
        at_least("logins, against cores / time of one native hash alone", 0.95, part(limit)),
        at_least("logins, against native hashes on all cores at once", 0.95, part(real_limit)),
        at_least("sign-ups to be confirmed, against native hashes on all cores at once", 0.9, hashes("sign-up")),
        at_least("logins with a code, against native hashes on all cores at once", 0.9, hashes("login-code")),
        at_least("logins with a code, against native", 0.9, against("login-code", "native")),
        at_least("logins with a passkey, against native", 0.4, against("login-passkey", "native")),
        at_most("p99 of the healthcheck in a storm of logins, against idle", 2.0, storm("health")),
        at_most("p99 of GET one user in a storm of logins, against idle", 2.0, storm("get-user")),
        at_least("events consumed and acknowledged, against native", 0.8, against("event consumed", "native")),
        at_most("split of a queue, most / least", 1.02, median("split of a queue", "spindle", metric::RATIO)),
        at_most("all components on disk, MB", 2.2, median("size of all components", "components", metric::MEGABYTES)),
        at_most("memory of the idle app, MB", 60.0, median("memory, idle", "spindle", metric::MEGABYTES)),
        at_most(
            "memory at the end of a soak, against its second quarter",
            1.05,
            median(SOAK, "spindle", metric::RATIO),
        ),
        at_most("start to the first 200, ms", 100.0, median("start to the first 200", "spindle", metric::MILLISECONDS)),
    ]
}

fn at_least(measure: &str, goal: f64, measured: Option<f64>) -> Goal {
    let met = measured.map(|measured| measured >= goal);
    Goal { measure: measure.to_owned(), goal: format!(">= {goal}"), measured, met }
}

fn at_most(measure: &str, goal: f64, measured: Option<f64>) -> Goal {
    let met = measured.map(|measured| measured <= goal);
    Goal { measure: measure.to_owned(), goal: format!("<= {goal}"), measured, met }
}
