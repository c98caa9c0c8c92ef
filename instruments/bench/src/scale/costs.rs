//! What a result says of costs, as the model takes them.

use std::collections::HashMap;

use anyhow::{Context as _, Result};

use super::model::{Cost, Installation, Kind, Load, simulate};
use crate::cost::name;
use crate::pace::Pace;
use crate::report::{Report, Row, metric};
use crate::scenario::Scenario;
use crate::side::Side;

/// Kinds of requests, with the scenario and the number of connections whose costs are taken.
const KINDS: [(Kind, Scenario, u32); 3] = [
    (Kind::Read, Scenario::GetUserWithToken, 4),
    (Kind::Refresh, Scenario::Refresh, 4),
    (Kind::SignIn, Scenario::Login, 2),
];
/// What the model is held to. It was made of costs, and of none of these rates.
const HELD_TO: [(Kind, Scenario, u32); 6] = [
    (Kind::Read, Scenario::GetUserWithToken, 4),
    (Kind::Read, Scenario::GetUserWithToken, 16),
    (Kind::Refresh, Scenario::Refresh, 4),
    (Kind::Refresh, Scenario::Refresh, 16),
    (Kind::SignIn, Scenario::Login, 4),
    (Kind::SignIn, Scenario::Login, 8),
];

/// A row of costs.
pub(super) fn row(report: &Report, scenario: Scenario, connections: u32) -> Result<&Row> {
    report
        .row(&name(scenario), Side::Spindle.name(), Some(connections))
        .with_context(|| format!("the result has no {} with {connections} connections", name(scenario)))
}

/// A value of a row.
pub(super) fn value(row: &Row, metric: &str) -> f64 {
    row.metrics.get(metric).map_or(0.0, |spread| spread.median)
}

/// What requests cost.
pub(super) fn costs(report: &Report) -> Result<HashMap<Kind, Cost>> {
    let refresh = value(row(report, Scenario::Refresh, 4)?, metric::PROCESSOR);
    KINDS
        .iter()
        .map(|(kind, scenario, connections)| {
            let measured = row(report, *scenario, *connections)?;
            let app = value(measured, metric::PROCESSOR);
            // A sign-in without its hash is what a refresh is: a write and a signature.
            let hash = if *kind == Kind::SignIn { (app - refresh).max(0.0) } else { 0.0 };
            let mut cost = Cost {
                app: app - hash,
                hash,
                postgres: value(measured, metric::OF_POSTGRES),
                redis: value(measured, metric::OF_REDIS),
                client: value(measured, metric::OF_GENERATOR),
                wait: 0.0,
            };
            // One client by itself waits for all that is computed, and for the rest.
            let alone = row(report, *scenario, 1)?;
            let computed = [metric::PROCESSOR, metric::OF_POSTGRES, metric::OF_REDIS, metric::OF_GENERATOR]
                .iter()
                .map(|metric| value(alone, metric))
                .sum::<f64>();
            cost.wait = (value(alone, metric::P50) * 1e3 - computed).max(0.0);
            Ok((*kind, cost))
        })
        .collect()
}

/// The machine on which it was measured, where all parts share the cores.
pub(super) fn measured_on(report: &Report) -> Installation {
    Installation {
        pods: 1,
        cores: u32::try_from(report.machine.cores).unwrap_or(1),
        postgres_cores: 0,
        redis_cores: 0,
        connections: 64,
        permits: 16,
        patience: 300_000.0,
    }
}

/// What the model says of something that was measured, and what was.
pub(super) struct Held {
    pub(super) kind: Kind,
    pub(super) connections: u32,
    pub(super) measured: f64,
    pub(super) model: f64,
}

/// Holds the model to the measured points, in requests a second.
pub(super) fn held(report: &Report) -> Result<Vec<Held>> {
    let (costs, installation) = (costs(report)?, measured_on(report));
    HELD_TO
        .iter()
        .map(|(kind, scenario, connections)| {
            let measured = value(row(report, *scenario, *connections)?, metric::THROUGHPUT);
            // As it was measured: what is under way at the end is not counted.
            let pace = Pace { runs: 1, quick: report.quick };
            let seconds = if *kind == Kind::SignIn { pace.login_seconds() } else { pace.seconds() };
            let load = Load::Clients(*kind, *connections);
            let outcome = simulate(&installation, &costs, &load, (f64::from(seconds), 0.0))?;
            let model = outcome.get(kind).map_or(0.0, |outcome| outcome.throughput);
            Ok(Held { kind: *kind, connections: *connections, measured, model })
        })
        .collect()
}
