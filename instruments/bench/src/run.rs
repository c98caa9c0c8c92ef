//! A run of the benchmark: the stage, the sides in turns, and the report.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::flows::{self, Flow};
use crate::folders::{results, target, workspace};
use crate::load::{Sample, http_row};
use crate::machine::Machine;
use crate::pace::{CONNECTIONS, LOGIN_CONNECTIONS, Pace};
use crate::process_time::microseconds;
use crate::report::{BACKLOG, ROWS, Report, Row, SOAK, metric};
use crate::scenario::Scenario;
use crate::side::{Process, Side, together};
use crate::soak;
use crate::stage::Stage;
use crate::{backlog, cost, events, goals, growth, hashing, load, plot, size, start, storm, table};

/// The other measurements, by the names that `only` takes.
const OTHERS: [&str; 13] =
    [COST, PERMITS, "range", "login", "storm", "events", "start", "size", "instantiate", SOAK, GROWTH, BACKLOG, ROWS];
/// What a request costs each part.
const COST: &str = "cost";
/// The table of hashing permits under ever more pods.
const PERMITS: &str = "permits";
/// What takes long, as a soak does, and only shows in a full run or when it is asked for.
const GROWTH: &str = "growth";

/// What to measure, and for how long.
#[derive(Debug, Clone)]
pub struct Options {
    /// The sides, in the order of their turns.
    pub sides: Vec<Side>,
    /// Only these measurements; all of them if it is empty.
    pub only: Vec<String>,
    /// Fewer points and shorter runs, for under ten minutes in all.
    pub quick: bool,
    /// Runs of each measurement.
    pub runs: u32,
    /// Messages that wait in a backlog.
    pub waiting: u32,
    /// Minutes of load in a soak.
    pub soak_minutes: u32,
    /// What the files of the results in `instruments/bench/results` are called; without it they are in the target folder.
    pub name: Option<String>,
}

/// Measures, and writes `<name>.json`, `<name>.md` and the plots.
///
/// # Errors
/// If something cannot be started, or does not answer as it should.
pub fn run(options: &Options) -> Result<()> {
    load::program()?;
    let known = || {
        let flows = Flow::ALL.iter().map(|flow| flow.name());
        Scenario::ALL.iter().map(|scenario| scenario.name()).chain(flows).chain(OTHERS)
    };
    if let Some(unknown) = options.only.iter().find(|name| !known().any(|known| known == *name)) {
        bail!("there is no measurement \"{unknown}\"; there are: {}", known().collect::<Vec<_>>().join(", "));
    }
    ensure!(!options.sides.is_empty() && options.runs > 0, "there is nothing to measure");
    let folder = target().join(format!("run-{}", std::process::id()));
    println!("Starting PostgreSQL and Redis, and filling the database");
    let stage = Stage::set(&folder, workspace())?;
    let mut rows = Vec::new();
    // What was measured before something failed is kept all the same.
    let measured = measure(&stage, options, &mut rows);
    let mut report = Report {
        name: options.name.clone().unwrap_or_else(|| "latest".to_owned()),
        at: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
        machine: Machine::describe(),
        quick: options.quick,
        runs: options.runs,
        goals: Vec::new(),
        rows,
    };
    report.goals = goals::judge(&report);
    drop(stage);
    // What is left of it is of no use to anybody.
    let _ = std::fs::remove_dir_all(&folder);
    write(&report, &if options.name.is_some() { results() } else { target() })?;
    measured
}

/// Measures all that is wanted.
fn measure(stage: &Stage, options: &Options, rows: &mut Vec<Row>) -> Result<()> {
    let wants = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let pace = Pace { runs: options.runs, quick: options.quick };
    for scenario in Scenario::ALL.into_iter().filter(|scenario| wants(scenario.name())) {
        rows.extend(http(stage, options, scenario, &[CONNECTIONS], pace.runs, pace.seconds())?);
    }
    if wants("range") {
        for scenario in Scenario::RANGED.into_iter().filter(|s| !pace.quick || *s != Scenario::GetUserWithToken) {
            let seconds = if pace.quick { 1 } else { 4 };
            rows.extend(http(stage, options, scenario, pace.range(), pace.runs, seconds)?);
        }
    }
    if wants("login") {
        rows.extend(hashing::measure(stage, &pace)?);
        rows.extend(http(stage, options, Scenario::Login, &[LOGIN_CONNECTIONS], pace.runs, pace.login_seconds())?);
    }
    for flow in Flow::ALL.into_iter().filter(|flow| wants(flow.name())) {
        rows.extend(flows::measure(stage, flow, &options.sides, &pace)?);
    }
    if wants("storm") {
        rows.extend(storm::measure(stage, &options.sides, &pace)?);
    }
    if wants("events") {
        rows.extend(events::measure(stage, &options.sides, &pace)?);
    }
    if wants("start") {
        rows.extend(start::measure(stage, &options.sides, &pace)?);
    }
    if wants("instantiate") && options.sides.contains(&Side::Spindle) {
        rows.extend(start::instantiate(stage, &pace)?);
    }
    if wants("size") {
        rows.extend(size::measure()?);
    }

    let wants_long = |name: &str| wants(name) && !(options.only.is_empty() && options.quick);
    if wants_long(SOAK) {
        rows.extend(soak::measure(stage, options.soak_minutes)?);
    }
    if wants_long(COST) {
        rows.extend(cost::measure(stage, &pace)?);
    }
    if wants_long(PERMITS) {
        rows.extend(crate::permits::measure(stage, &pace)?);
    }
    if wants_long(GROWTH) {
        rows.extend(growth::measure(stage, &pace)?);
    }
    if wants_long(BACKLOG) {
        rows.extend(backlog::measure(stage, options.waiting)?);
    }
    // Last: it fills the database.
    if wants_long(ROWS) {
        rows.extend(crate::rows::measure(stage, &pace)?);
    }
    Ok(())
}

/// Measures a scenario with each of these numbers of connections, the sides taking turns.
fn http(
    stage: &Stage,
    options: &Options,
    scenario: Scenario,
    connections: &[u32],
    runs: u32,
    seconds: u32,
) -> Result<Vec<Row>> {
    let sides: Vec<Side> =
        options.sides.iter().copied().filter(|side| *side != Side::Native || scenario.is_in_peer()).collect();
    let processes = together(stage, &sides, scenario.role())?;
    let mut rows = Vec::new();
    for connections in connections {
        let run = |process: &Process, seconds: u32| -> Result<(Sample, f64)> {
            let before = microseconds(process.pid());
            let sample = cost::load(stage, process, scenario, *connections, seconds)?;
            let processor = (microseconds(process.pid()) - before) / sample.count().max(1.0);
            cost::settle(stage, process, scenario)?;
            Ok((sample, processor))
        };
        // The first requests open connections and fill caches.
        for process in &processes {
            run(process, 1)?;
        }
        let mut samples = vec![Vec::new(); sides.len()];
        for _ in 0..runs {
            for (process, samples) in processes.iter().zip(&mut samples) {
                samples.push(run(process, seconds)?);
            }
        }
        for (side, samples) in sides.iter().zip(&samples) {
            let (samples, processor): (Vec<Sample>, Vec<f64>) = samples.iter().cloned().unzip();
            let row = http_row(scenario.name(), *connections, side.name(), &samples).with(metric::PROCESSOR, processor);
            println!("{}", table::line(&row));
            rows.push(row);
        }
    }
    Ok(rows)
}

fn write(report: &Report, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let markdown = table::page(report);
    let put = |extension: &str, content: &str| {
        let path = folder.join(format!("{}.{extension}", report.name));
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    };
    put("json", &format!("{}\n", serde_json::to_string_pretty(report)?))?;
    put("md", &markdown)?;
    for (name, svg) in plot::all(report)? {
        put(&format!("{name}.svg"), &svg)?;
    }
    println!("\n{}", table::goals(&report.goals));
    println!("The results are in {}", folder.join(&report.name).display());
    Ok(())
}
