//! Starts: how long a process takes to its first answer, how much memory it has then, and what one instance costs.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::load::{Load, Next};
use crate::pace::Pace;
use crate::process_time::megabytes;
use crate::report::{Row, metric};
use crate::scenario::Scenario;
use crate::side::{Process, Role, Side, spindle_program};
use crate::stage::Stage;
use crate::{table, workspace};

/// Until the first answer.
const DEADLINE: Duration = Duration::from_secs(30);
/// After its start a process is left alone for so long before its memory is looked at.
const REST: Duration = Duration::from_millis(500);

/// Measures the start of everything, the memory of the idle process, and that after load.
pub(crate) fn measure(stage: &Stage, sides: &[Side], pace: &Pace) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for side in sides {
        // The first start compiles.
        side.start(stage, Role::Whole)?.stop();
        let (mut times, mut idle, mut loaded) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..pace.runs {
            let (process, time) = timed(stage, *side)?;
            times.push(time);
            std::thread::sleep(REST);
            idle.push(megabytes(process.pid()));
            let requests = stage.file("load", &Scenario::GetUser.requests(stage, 16)?)?;
            let url = process.url();
            let (connections, seconds, next) = (16, 1, Next::AtOnce);
            Load { url: &url, requests: &requests, connections, seconds, next }.run(stage)?;
            loaded.push(megabytes(process.pid()));
            process.stop();
        }
        rows.push(Row::new("start to the first 200", 0, side.name()).with(metric::MILLISECONDS, times));
        rows.push(Row::new("memory, idle", 0, side.name()).with(metric::MEGABYTES, idle));
        rows.push(Row::new("memory, after load", 0, side.name()).with(metric::MEGABYTES, loaded));
    }
    rows.iter().for_each(|row| println!("{}", table::line(row)));
    Ok(rows)
}

/// Starts a side and asks it from the first moment on; milliseconds to the first 200.
fn timed(stage: &Stage, side: Side) -> Result<(Process, f64)> {
    let (send, receive) = std::sync::mpsc::channel();
    let process = side.start_watched(stage, Role::Whole, |url| {
        let url = format!("{url}/users-ms/healthcheck");
        let agent: ureq::Agent = ureq::Agent::config_builder().max_idle_connections(0).build().into();
        std::thread::spawn(move || {
            let begun = Instant::now();
            while begun.elapsed() < DEADLINE {
                if agent.get(&url).call().is_ok() {
                    // Nobody waits for it if the start has failed.
                    let _ = send.send(begun.elapsed().as_secs_f64() * 1e3);
                    return;
                }
                std::thread::sleep(Duration::from_micros(500));
            }
        });
    })?;
    Ok((process, receive.recv_timeout(DEADLINE).context("it did not answer")?))
}

/// Has Spindle make instances of each component and nothing else.
pub(crate) fn instantiate(stage: &Stage, pace: &Pace) -> Result<Vec<Row>> {
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..pace.runs {
        let mut command = Command::new(spindle_program()?);
        command.current_dir(workspace()).arg("time-instances").arg("-f").arg(workspace().join("spin.toml"));
        command.arg("--cache").arg(stage.cache());
        for (name, value) in stage.variables()? {
            command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
        }
        let output = command.output().context("cannot start Spindle")?;
        if !output.status.success() {
            bail!("Spindle cannot time its instances: {}", String::from_utf8_lossy(&output.stderr));
        }
        let times: BTreeMap<String, f64> = serde_json::from_slice(&output.stdout)?;
        for (component, microseconds) in times {
            all.entry(component).or_default().push(microseconds);
        }
    }
    let row = |(component, times): (String, Vec<f64>)| {
        Row::new(&format!("an instance of {component}"), 0, "spindle").with(metric::MICROSECONDS, times)
    };
    let rows: Vec<Row> = all.into_iter().map(row).collect();
    rows.iter().for_each(|row| println!("{}", table::line(row)));
    Ok(rows)
}
