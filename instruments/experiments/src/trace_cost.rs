//! What traces cost: the same requests to an app without them, to one that records one in a hundred, and to one that records
//! all, in turns, so that what else the machine does meets all three.

use crate::Report;
use crate::plot::bars;
use crate::stage::Plan;
use crate::table::table;
use anyhow::{Context as _, Result};
use blackbox::app::TestApp;
use blackbox::collector::Collector;
use blackbox::http::Client;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Who asks at once.
const CLIENTS: usize = 4;
/// A read of one row by key: a request, an instance, a connection and a statement.
const PATH: &str = "/users-ms/users?limit=1";
/// How often each app has its turn, and for how long.
const ROUNDS: usize = 9;
const TURN: Duration = Duration::from_secs(2);
/// The kernel counts processor time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;
/// How much of the throughput is left at least where one in a hundred is recorded.
const PROMISED: f64 = 0.95;

/// What is compared: a name, and which part of the traces is recorded; without one there are none.
const SETTINGS: [(&str, Option<&str>); 3] = [("off", None), ("1 in 100", Some("0.01")), ("all", Some("1.0"))];

/// What came of one turn.
#[derive(Clone, Copy)]
struct Turn {
    per_second: f64,
    /// Processor time of the app, in milliseconds for each request.
    cpu: f64,
}

pub(crate) fn run(plan: &Plan) -> Result<Report> {
    println!("Starting PostgreSQL, the broker, and the app three times");
    let backend = plan.broker.backend();
    let collector = Collector::start();
    let apps = SETTINGS.map(|(_, ratio)| {
        let mut setup = TestApp::on(&backend).only(&["users"]);
        if let Some(ratio) = ratio {
            for (name, value) in collector.environment() {
                setup = setup.environment(&name, &value);
            }
            setup = setup.environment("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
            setup = setup.environment("OTEL_TRACES_SAMPLER_ARG", ratio).environment("OTEL_BSP_SCHEDULE_DELAY", "5000");
        }
        setup.start()
    });
    let mut turns = [const { Vec::new() }; SETTINGS.len()];
    for round in 0..=ROUNDS {
        for place in 0..SETTINGS.len() {
            let place = (place + round) % SETTINGS.len();
            let turn = turn(&apps[place])?;
            // The first round warms up.
            if round > 0 {
                turns[place].push(turn);
            }
        }
        println!("round {round} of {ROUNDS}");
    }
    report(&turns, collector.spans().len())
}

fn turn(app: &TestApp) -> Result<Turn> {
    let (count, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let before = cpu(app.app.pid())?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let client = Client::new(&app.app.url());
                while !is_over.load(Ordering::Relaxed) {
                    if client.request("GET", PATH).try_send().is_ok_and(|answer| answer.status == 200) {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        std::thread::sleep(TURN);
        is_over.store(true, Ordering::Relaxed);
    });
    let (seconds, used) = (start.elapsed().as_secs_f64(), cpu(app.app.pid())? - before);
    let count = f64::from(u32::try_from(count.into_inner())?);
    Ok(Turn { per_second: count / seconds, cpu: used * 1e3 / count.max(1.0) })
}

/// The processor time of a process, in seconds.
fn cpu(pid: u32) -> Result<f64> {
    let file = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    // The name, in brackets, may have anything in it.
    let fields: Vec<_> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    Ok((ticks(11) + ticks(12)) / TICKS_PER_SECOND)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn report(turns: &[Vec<Turn>; SETTINGS.len()], spans: usize) -> Result<Report> {
    let mut rows = Vec::new();
    let mut costs = Vec::new();
    let mut kept = true;
    for (place, (name, ratio)) in SETTINGS.iter().enumerate() {
        // Against the same round without traces, so that slow rounds are slow for both.
        let against = |of: fn(&Turn) -> f64| {
            median(turns[place].iter().zip(&turns[0]).map(|(turn, off)| of(turn) / of(off)).collect())
        };
        let (throughput, cpu) = (against(|turn| turn.per_second), against(|turn| turn.cpu));
        kept &= *ratio != Some("0.01") || throughput >= PROMISED;
        let milliseconds = median(turns[place].iter().map(|turn| turn.cpu).collect());
        rows.push(vec![
            (*name).to_owned(),
            format!("{:.0}", median(turns[place].iter().map(|turn| turn.per_second).collect())),
            format!("{throughput:.3}"),
            format!("{milliseconds:.3}"),
            format!("{cpu:.3}"),
        ]);
        costs.push(((*name).to_owned(), (milliseconds * 1e3).round()));
    }
    let head = ["recorded", "requests/s", "ratio", "CPU ms/request", "ratio"];
    let text = format!("{}{spans} spans were sent.\n", table(&head, &rows));
    let svg = bars("Processor time of a read, by what is recorded", "microseconds", &costs)?;
    Ok(Report { name: "trace-cost", text, svg, is_kept: kept })
}
