//! The page.

use std::collections::HashMap;
use std::fmt::Write as _;

use anyhow::Result;

use super::costs::{costs, held, measured_on, row, value};
use super::grown::{migrations_text, permits_text};
use super::model::{Cost, Installation, Kind, Load, Outcome, simulate};
use crate::number::{counted, number};
use crate::report::{Report, metric};
use crate::scenario::Scenario;
use crate::side::Side;

/// Sizes: people, and sign-ins a second in the busiest minutes, one for each ten thousand people.
const SIZES: [(f64, f64); 4] = [(1e4, 1.0), (1e6, 100.0), (5e6, 500.0), (1e8, 10_000.0)];
/// For each sign-in there are so many refreshes and reads.
const REFRESHES: f64 = 10.0;
const READS: f64 = 40.0;
/// Messages of a sign-in.
const MESSAGES: f64 = 2.0;
/// How much of what is ordered is in use in the busiest minutes.
const USED: f64 = 0.6;
/// Cores of a pod.
const POD: f64 = 4.0;
/// The most hashing permits (docs/limits.md).
const PERMITS: f64 = 256.0;
/// The connections of a pod of users, and those that PostgreSQL takes without a pooler.
const CONNECTIONS: f64 = 64.0;
const ACCEPTED: f64 = 350.0;
/// The cores of the largest PostgreSQL that the page counts on.
const LARGEST_POSTGRES: f64 = 64.0;
/// Seconds of the model's time, of which the first are not counted.
const SIMULATED: (f64, f64) = (6.0, 1.0);

/// Makes it of a result; `rows` is the name of the one that its rows came from, `backlog` of that of messages that wait.
pub(super) fn of(report: &Report, rows: &str, backlog: Option<&str>) -> Result<String> {
    let mut page = String::new();
    let machine = &report.machine;
    let (asked_for, linked, name, section) = match backlog.zip(super::backlog::text(report)) {
        Some((name, text)) => (
            ", `--only rows` and `--only backlog`",
            format!(", [backlog](../instruments/bench/results/{name}.md)"),
            format!(" {name}"),
            format!("## Messages that wait\n\n{text}\n"),
        ),
        None => (" and `--only rows`", String::new(), String::new(), String::new()),
    };
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "# Scale\n\nWhat to order for so many people, and what is the limit next. `cargo xtask bench --only cost`{asked_for} \
         measured what things cost ({at}, {cores} cores, {processor}; [costs](../instruments/bench/results/{costs_name}.md), \
         [rows](../instruments/bench/results/{rows}.md){linked}), and `cargo xtask bench scale {costs_name} {rows}{name}` made this page of it. Other \
         machines have other numbers, so measure on yours.\n\n## What things cost\n\n{costs}\n{sizes}{migrations}\n{permits}\n{consumers}\n{section}## The model\n\n{model}\n## What to order\n\n{order}",
        costs_name = report.name,
        at = report.at.split('T').next().unwrap_or_default(),
        cores = machine.cores,
        processor = machine.processor,
        costs = costs_table(report)?,
        sizes = people_text(report),
        migrations = migrations_text(report),
        permits = permits_text(report),
        consumers = consumers_text(report),
        model = model_text(report)?,
        order = order_text(report)?,
    );
    Ok(page)
}

/// What one request costs each part.
pub(super) fn costs_table(report: &Report) -> Result<String> {
    let asked = [
        ("a route without I/O", Scenario::Health, 16),
        ("GET one user", Scenario::GetUser, 16),
        ("the same with an access token", Scenario::GetUserWithToken, 16),
        ("a refused sign-in is counted", Scenario::SqlWrite, 16),
        ("refresh", Scenario::Refresh, 16),
        ("sign-in with a password, cost 12", Scenario::Login, 2),
    ];
    let mut text = String::from(
        "Each number is for one request. Processor time is in microseconds of a core.\n\n\
         | request | services | PostgreSQL | Redis | transactions | bytes of the write-ahead log | answered a second here |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for (name, scenario, connections) in asked {
        let row = row(report, scenario, connections)?;
        let cell = |metric: &str| number(value(row, metric));
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} |",
            cell(metric::PROCESSOR),
            cell(metric::OF_POSTGRES),
            cell(metric::OF_REDIS),
            cell(metric::TRANSACTIONS),
            cell(metric::LOG_BYTES),
            cell(metric::THROUGHPUT),
        );
    }
    Ok(text)
}

fn people_text(report: &Report) -> String {
    let bytes = bytes_a_person(report);
    let mut text = format!(
        "A person takes {bytes:.0} bytes of PostgreSQL with indexes: the account, a session, an attempt, two rows of the audit log, \
         and every fifth or tenth a passkey, a second factor, a ticket. "
    );
    let mut ratios = ratios(report);
    ratios.sort_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((_, _, people)) = ratios.first() {
        let _ = write!(
            text,
            "Requests among {} people, as a part of the requests a second among 10,000:\n\n| request | ratio |\n|---|---|\n",
            counted(*people)
        );
        for (name, ratio, _) in &ratios {
            let _ = writeln!(text, "| {name} | {ratio:.2} |");
        }
    }
    text.push('\n');
    text
}

/// Bytes of PostgreSQL for each person, among the most people that were measured.
fn bytes_a_person(report: &Report) -> f64 {
    let rows = report.rows.iter().filter(|row| row.scenario.starts_with("people added, "));
    rows.map(|row| value(row, metric::BYTES)).next_back().unwrap_or(0.0)
}

/// For each question, its throughput among the most people as a part of that among the fewest, and how many people that is.
fn ratios(report: &Report) -> Vec<(String, f64, f64)> {
    let mut first: HashMap<String, f64> = HashMap::new();
    let mut last: HashMap<String, (f64, f64)> = HashMap::new();
    for row in report.rows.iter().filter(|row| row.side == Side::Spindle.name()) {
        let parts = row.scenario.strip_suffix(" people").and_then(|scenario| scenario.rsplit_once(", "));
        let Some((name, people)) = parts.and_then(|(name, people)| Some((name, people.parse::<f64>().ok()?))) else {
            continue;
        };
        let throughput = value(row, metric::THROUGHPUT);
        first.entry(name.to_owned()).or_insert(throughput);
        last.insert(name.to_owned(), (throughput, people));
    }
    // Adding people is no request.
    last.into_iter()
        .filter(|(name, _)| name != "people added")
        .map(|(name, (throughput, people))| {
            let ratio = throughput / first.get(&name).copied().unwrap_or(throughput).max(f64::MIN_POSITIVE);
            (name, ratio, people)
        })
        .collect()
}

/// How many messages one consumer handles in a second.
fn of_one_consumer(report: &Report) -> f64 {
    report
        .row("event consumed by 1", Side::Spindle.name(), None)
        .map_or(1.0, |row| value(row, metric::THROUGHPUT).max(1.0))
}

fn consumers_text(report: &Report) -> String {
    let mut text = String::from(
        "| consumers on this machine | messages a second | services, µs of a core | Redis, µs of a core |\n|---|---|---|---|\n",
    );
    for row in &report.rows {
        if let Some(count) = row.scenario.strip_prefix("event consumed by ") {
            let cell = |metric: &str| number(value(row, metric));
            let _ = writeln!(
                text,
                "| {count} | {} | {} | {} |",
                cell(metric::THROUGHPUT),
                cell(metric::PROCESSOR),
                cell(metric::OF_REDIS)
            );
        }
    }
    text
}

fn model_text(report: &Report) -> Result<String> {
    let mut text = String::from(
        "The model (`instruments/bench/src/scale/model.rs`) is a discrete-event simulation of pods with cores, hashing permits, \
         connections and PostgreSQL. It has the costs of one client and of a few, and is held to rates, which it was not made of: a test \
         fails if it is off by more than a fifth.\n\n| requests of so many clients | measured a second | model | |\n|---|---|---|---|\n",
    );
    for held in held(report)? {
        let name = match held.kind {
            Kind::Read => "GET one user with a token",
            Kind::Refresh => "refresh",
            Kind::SignIn => "sign-in",
        };
        let _ = writeln!(
            text,
            "| {name}, {} | {} | {} | {:+.0} % |",
            held.connections,
            number(held.measured),
            number(held.model),
            (held.model / held.measured - 1.0) * 100.0
        );
    }
    Ok(text)
}

/// What a size needs.
struct Need {
    cells: f64,
    auth_pods: f64,
    users_pods: f64,
    postgres_cores: f64,
    gigabytes: f64,
    permits: f64,
    commits: f64,
    log_megabytes: f64,
    messages: f64,
    consumers: f64,
}

fn need(report: &Report, costs: &HashMap<Kind, Cost>, people: f64, sign_ins: f64) -> Result<Need> {
    let cost = |kind| costs.get(&kind).copied().unwrap_or_default();
    let (read, refresh, sign_in) = (cost(Kind::Read), cost(Kind::Refresh), cost(Kind::SignIn));
    let hashing = sign_ins * sign_in.hash / 1e6;
    let (reads, refreshes) = (sign_ins * READS, sign_ins * REFRESHES);
    let others = (reads * read.app + refreshes * refresh.app + sign_ins * sign_in.app) / 1e6;
    let postgres = (reads * read.postgres + refreshes * refresh.postgres + sign_ins * sign_in.postgres) / 1e6;
    // A sign-in holds its permit as long as its hash takes, and a third more come than go on average.
    let permits = (hashing * 1.3).max(4.0).ceil();
    let (of_refresh, of_login) = (row(report, Scenario::Refresh, 16)?, row(report, Scenario::Login, 2)?);
    let commits =
        refreshes * value(of_refresh, metric::TRANSACTIONS) + sign_ins * value(of_login, metric::TRANSACTIONS);
    let logged = refreshes * value(of_refresh, metric::LOG_BYTES) + sign_ins * value(of_login, metric::LOG_BYTES);
    let messages = sign_ins * MESSAGES;
    let cells = (permits / PERMITS).max(postgres / USED / LARGEST_POSTGRES).ceil().max(1.0);
    let part = |cores: f64| (cores / cells / USED).ceil().max(1.0);
    Ok(Need {
        cells,
        auth_pods: (part(hashing) / POD).ceil().max(2.0),
        users_pods: (part(others) / POD).ceil().max(2.0),
        postgres_cores: part(postgres).max(2.0),
        gigabytes: people / cells * bytes_a_person(report) / 1e9,
        permits: (permits / cells).ceil(),
        commits: commits / cells,
        log_megabytes: logged / cells / 1e6,
        messages: messages / cells,
        consumers: (messages / cells / USED / of_one_consumer(report)).ceil().max(2.0),
    })
}

impl Need {
    /// What is fullest, and what to do before it is full.
    fn limit(&self) -> String {
        let connections = (self.users_pods + 1.0) * CONNECTIONS;
        let parts = [
            (self.permits / PERMITS, "hashing permits", "cells"),
            (self.postgres_cores / LARGEST_POSTGRES, "PostgreSQL", "a larger primary, then cells"),
            (connections / ACCEPTED, "connections without a pooler", "the pooler of `production`"),
        ];
        let fullest = parts.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        fullest.map_or_else(String::new, |(used, name, next)| format!("{name}, {:.0} % used: {next}", used * 100.0))
    }

    fn installation(&self) -> Installation {
        let pods = self.auth_pods + self.users_pods;
        Installation {
            pods: pods as u32,
            cores: POD as u32,
            postgres_cores: self.postgres_cores as u32,
            redis_cores: 1,
            connections: 200.min((CONNECTIONS * self.users_pods) as u32),
            permits: self.permits as u32,
            patience: 300_000.0,
        }
    }
}

/// What happens in the busiest minutes, or in worse ones.
fn at_peak(installation: &Installation, costs: &HashMap<Kind, Cost>, sign_ins: f64) -> Result<HashMap<Kind, Outcome>> {
    // Clients have machines of their own.
    let costs = costs.iter().map(|(kind, cost)| (*kind, Cost { client: 0.0, ..*cost })).collect();
    let rates = vec![(Kind::SignIn, sign_ins), (Kind::Refresh, sign_ins * REFRESHES), (Kind::Read, sign_ins * READS)];
    simulate(installation, &costs, &Load::Rates(rates), SIMULATED)
}

fn order_text(report: &Report) -> Result<String> {
    let costs = costs(report)?;
    let mut text = format!(
        "The busiest minutes have one sign-in a second for each ten thousand people, ten refreshes and forty reads for each sign-in, \
         and two messages. Pods have {POD:.0} cores, and {:.0} % of what is ordered is used then. Where one installation does not \
         do, there are **cells**: each has its own PostgreSQL, Redis and services, people belong to one of them, and all accept the \
         tokens of all.\n\n\
         | people | sign-ins a second | cells | in each: pods of auth | pods of users | cores of PostgreSQL | database | \
         `hash_permits` | commits a second | log a second | messages a second | consumers | fullest, and the next move |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        USED * 100.0
    );
    let mut outcomes = String::from(
        "\nWhat the model says of one cell of each, in its busiest minutes and at twice that:\n\n\
         | people | load | sign-ins a second | refused | p99 of a sign-in | p99 of a refresh | p99 of a read |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for (people, sign_ins) in SIZES {
        let need = need(report, &costs, people, sign_ins)?;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} GB | {} | {} | {} MB | {} | {} | {} |",
            counted(people),
            counted(sign_ins),
            need.cells,
            need.auth_pods,
            need.users_pods,
            need.postgres_cores,
            number(need.gigabytes),
            need.permits,
            number(need.commits),
            number(need.log_megabytes),
            number(need.messages),
            need.consumers,
            need.limit(),
        );
        for (name, times) in [("busiest", 1.0), ("twice that", 2.0)] {
            let outcome = at_peak(&need.installation(), &costs, sign_ins / need.cells * times)?;
            let of = |kind| outcome.get(&kind).cloned().unwrap_or_default();
            let _ = writeln!(
                outcomes,
                "| {} | {name} | {} | {:.1} % | {} ms | {} ms | {} ms |",
                counted(people),
                number(of(Kind::SignIn).throughput),
                of(Kind::SignIn).refused * 100.0,
                number(of(Kind::SignIn).p99),
                number(of(Kind::Refresh).p99),
                number(of(Kind::Read).p99),
            );
        }
    }
    text.push_str(&outcomes);
    let hash = costs.get(&Kind::SignIn).map_or(0.0, |cost| cost.hash) / 1e6;
    let many = Installation {
        pods: 1_000,
        postgres_cores: 64,
        redis_cores: 1,
        connections: 200,
        permits: PERMITS as u32,
        ..measured_on(report)
    };
    let bound = PERMITS / hash;
    let outcome = at_peak(&many, &costs, bound * 1.5)?;
    let sign_in = outcome.get(&Kind::SignIn).cloned().unwrap_or_default();
    let _ = write!(
        text,
        "\n**More pods alone do not help beyond the permits.** A hash takes {hash:.2} s of a core, so {PERMITS:.0} permits are {bound:.0} \
         sign-ins a second. The model of 1,000 pods that are asked for {:.0} a second answers {} and refuses {:.0} %: from there on it \
         takes cells, or sign-ins without a password, which need no permit.\n\n\
         **In the order of need**\n\n\
         1. More pods of auth and users, by themselves (`HorizontalPodAutoscaler`), with `hash_permits` at one for each core of auth.\n\
         2. The pooler, from five pods of users on ([operations](operations.md#scale)).\n\
         3. A larger PostgreSQL, and Redis on its own node; consumers by queue length (`k8s/components/keda`).\n\
         4. Cells. What has to be there for them and is not: a gateway that knows people's cells by their addresses, an issuer for \
         each cell in `accepted` keys of all, and ids that name their cell.\n",
        bound * 1.5,
        number(sign_in.throughput),
        sign_in.refused * 100.0,
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed() -> Option<Report> {
        let page = std::fs::read_to_string(crate::folders::workspace().join(super::super::PAGE)).ok()?;
        let names: Vec<_> = page.split("bench scale ").nth(1)?.split('`').next()?.split(' ').collect();
        Some(super::super::together(&names).expect("the page names its results"))
    }

    #[test]
    fn the_page_has_the_costs_of_its_result_and_the_model_is_held_to_it() {
        let report = committed().expect("there is a page");
        let page = std::fs::read_to_string(crate::folders::workspace().join(super::super::PAGE)).unwrap();
        let parts = [
            costs_table(&report).unwrap(),
            people_text(&report),
            consumers_text(&report),
            permits_text(&report),
            migrations_text(&report),
        ];
        for part in parts.into_iter().chain(super::super::backlog::text(&report)) {
            assert!(page.contains(&part), "make docs/scale.md anew: cargo xtask bench scale");
        }
        for held in held(&report).unwrap() {
            let off = held.model / held.measured - 1.0;
            assert!(
                off.abs() < 0.2,
                "{:?} of {}: {} and not {}",
                held.kind,
                held.connections,
                held.model,
                held.measured
            );
        }
    }
}
