//! Load, made by `wrk`: a generator in C that needs so little of the processor that on a small machine the services get
//! what is left. Its connections are closed loops: each sends its next request when it has the answer to the last.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::report::{Row, metric};
use crate::stage::Stage;

/// What a connection does after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It sends the next request at once.
    AtOnce,
    /// It rests for so many milliseconds first.
    After(u32),
    /// It sends a refresh with the token of the answer.
    Refresh,
}

/// Load for a while.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    pub(crate) url: &'a str,
    /// The file with the requests.
    pub(crate) requests: &'a Path,
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
    pub(crate) next: Next,
}

/// What came of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Sample {
    requests: u64,
    microseconds: u64,
    /// Answers with a status of 400 and more.
    pub(crate) refused: u64,
    broken: u64,
    longest: u64,
    percentiles: Vec<(f64, f64)>,
}

impl Sample {
    /// Requests that were answered.
    pub(crate) fn count(&self) -> f64 {
        self.requests as f64
    }

    /// Requests a second that were answered as they should.
    pub(crate) fn throughput(&self) -> f64 {
        (self.requests - self.refused.min(self.requests)) as f64 * 1e6 / self.microseconds.max(1) as f64
    }

    /// A percentile of the latency, in milliseconds.
    pub(crate) fn percentile(&self, wanted: f64) -> f64 {
        self.curve().into_iter().find(|(percentile, _)| *percentile >= wanted).map_or(0.0, |(_, value)| value)
    }

    /// Percentiles and their latencies, in milliseconds.
    pub(crate) fn curve(&self) -> Vec<(f64, f64)> {
        let points = self.percentiles.iter().map(|(percentile, value)| (*percentile, value / 1000.0));
        points.chain([(100.0, self.longest as f64 / 1000.0)]).collect()
    }
}

/// Where the generator is.
pub(crate) fn program() -> Result<PathBuf> {
    dev_servers::install::program("wrk")
        .context("wrk is missing: `cargo xtask bench` installs it for root on Debian; elsewhere install it by hand")
}

/// Load that is under way. Dropping it ends it.
pub(crate) struct Running(Option<Child>);

impl Load<'_> {
    /// Starts it.
    pub(crate) fn start(&self, stage: &Stage) -> Result<Running> {
        let script = stage.file("load.lua", include_bytes!("load.lua"))?;
        // Only a thread of its own remembers the token of its connection.
        let threads = if self.next == Next::Refresh { self.connections } else { 1 };
        let pause = if let Next::After(milliseconds) = self.next { milliseconds } else { 0 };
        let mut command = Command::new(program()?);
        command.args(["-t", &threads.to_string(), "-c", &self.connections.to_string()]);
        command.args(["-d", &format!("{}s", self.seconds), "--timeout", "30s", "-s"]).arg(script);
        command.arg(self.url).arg("--").arg(self.requests).arg(pause.to_string());
        if self.next == Next::Refresh {
            command.arg("refresh");
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Ok(Running(Some(child.context("cannot start wrk")?)))
    }

    /// Runs it to its end. That requests break is an error; that they are refused is for the caller to judge.
    pub(crate) fn run(&self, stage: &Stage) -> Result<Sample> {
        self.start(stage)?.finish()
    }
}

impl Running {
    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Result<Sample> {
        let child = self.0.take().context("it has ended already")?;
        let output = child.wait_with_output().context("wrk was lost")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let Some(result) = text.lines().find_map(|line| line.strip_prefix("RESULT ")) else {
            bail!("wrk gave no result: {text}{}", String::from_utf8_lossy(&output.stderr));
        };
        let sample: Sample = serde_json::from_str(result).context("wrk's result cannot be read")?;
        if sample.broken > 0 {
            bail!("{} connections broke or gave no answer: {result}", sample.broken);
        }
        Ok(sample)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The row of several samples.
pub(crate) fn http_row(scenario: &str, connections: u32, side: &str, samples: &[Sample]) -> Row {
    let of = |value: fn(&Sample) -> f64| samples.iter().map(value).collect::<Vec<_>>();
    let mut by_throughput: Vec<&Sample> = samples.iter().collect();
    by_throughput.sort_by(|a, b| a.throughput().total_cmp(&b.throughput()));
    let mut row = Row::new(scenario, connections, side)
        .with(metric::THROUGHPUT, of(Sample::throughput))
        .with(metric::P50, of(|sample| sample.percentile(50.0)))
        .with(metric::P99, of(|sample| sample.percentile(99.0)));
    row.curve = by_throughput.get(samples.len() / 2).map_or_else(Vec::new, |sample| sample.curve());
    row
}
