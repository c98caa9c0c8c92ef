//! One run of Schemathesis, and what came of it.

use crate::Sender;
use crate::office::{Office, People};
use blackbox::people::PASSWORD;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What is run.
pub(crate) struct Run<'a> {
    pub(crate) service: &'static str,
    pub(crate) sender: Sender,
    pub(crate) people: &'a People,
    pub(crate) office: &'a Office,
}

/// What came of a run.
pub(crate) struct Verdict {
    service: &'static str,
    sender: Sender,
    passed: bool,
    report: Value,
    time: Duration,
}

impl Run<'_> {
    /// Runs it, with its output shown.
    pub(crate) fn start(&self, schemathesis: &Path, examples: u32, seed: Option<u64>) -> Verdict {
        let Self { service, sender, people, office } = self;
        println!("\n{service}.yaml, requests of {}", sender.name());
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = folder(package).join(format!("{service}-{}", sender.name()));
        std::fs::create_dir_all(&folder).expect("a folder can be made in target");
        let report = folder.join("report.json");
        let mut command = Command::new(schemathesis);
        command.current_dir(&folder).arg("--config-file").arg(package.join("fuzz/schemathesis.toml"));
        command.arg("run").arg(package.join(format!("../openapi/{service}.yaml")));
        command.args(["--url", &people.url, "--max-examples", &examples.to_string(), "--checks", "all"]);
        command.args(["--generation-database", "none", "--request-timeout", "30", "--no-color"]);
        command.arg("--report-json-path").arg(&report);
        if let Some(seed) = seed {
            command.args(["--seed", &seed.to_string()]);
        }
        command.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", package.join("fuzz"));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("FUZZ_API_OFFICE", &office.url).env("FUZZ_API_SENDER", sender.name());
        command.env("FUZZ_API_PASSWORD", PASSWORD);
        let start = Instant::now();
        let passed = match command.status() {
            Ok(status) => status.success(),
            Err(error) => {
                eprintln!("cannot start {}: {error}", schemathesis.display());
                false
            }
        };
        let report = std::fs::read(&report).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Verdict { service, sender: *sender, passed, report: report.unwrap_or_default(), time: start.elapsed() }
    }
}

impl Verdict {
    /// Whether nothing was found.
    pub(crate) fn is_good(&self) -> bool {
        self.passed
    }

    /// Prints a table.
    pub(crate) fn show(verdicts: &[Self]) {
        println!(
            "\n{:<18} {:<7} {:>10} {:>8} {:>8} {:>7} {:>7}  result",
            "file", "sender", "operations", "requests", "failures", "errors", "seconds"
        );
        for verdict in verdicts {
            let Self { service, sender, passed, report, time } = verdict;
            let number = |pointer: &str| report.pointer(pointer).map_or_else(|| "?".to_owned(), Value::to_string);
            println!(
                "{:<18} {:<7} {:>10} {:>8} {:>8} {:>7} {:>7}  {}",
                format!("{service}.yaml"),
                sender.name(),
                number("/operations/tested"),
                number("/test_cases/generated"),
                number("/test_cases/unique_failures"),
                number("/test_cases/errored"),
                time.as_secs(),
                if *passed { "good" } else { "FAILED" }
            );
        }
    }
}

fn folder(package: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| package.join("../target"), PathBuf::from);
    target.join("fuzz-api")
}
