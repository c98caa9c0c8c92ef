//! The machine that a run was made on: numbers without it say nothing.

use std::process::Command;

use serde::{Deserialize, Serialize};

/// What matters of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gb: f64,
    pub(crate) kernel: String,
    pub(crate) rust: String,
    pub(crate) postgres: String,
    pub(crate) redis: String,
    pub(crate) wrk: String,
}

impl Machine {
    pub(crate) fn describe() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let after = |text: &str, name: &str| {
            text.lines().find_map(|line| Some(line.strip_prefix(name)?.split_once(':')?.1.trim().to_owned()))
        };
        let kilobytes = after(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let kilobytes: f64 = kilobytes.trim_end_matches(" kB").parse().unwrap_or_default();
        let postgres = dev_servers::install::find(dev_servers::install::Tool::Postgres)
            .map_or_else(|| "postgres".to_owned(), |folder| folder.join("postgres").display().to_string());
        Self {
            processor: after(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gb: (kilobytes / 1024.0 / 1024.0 * 10.0).round() / 10.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            rust: first_line("rustc", "--version"),
            postgres: first_line(&postgres, "--version"),
            redis: first_line("redis-server", "--version"),
            wrk: first_line("wrk", "--version").split(" [").next().unwrap_or_default().to_owned(),
        }
    }
}

fn first_line(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").trim().to_owned()
}
