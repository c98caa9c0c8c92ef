//! One run of Schemathesis, and what came of it.

use crate::office::{Office, People};
use crate::{Broker, Sender};
use blackbox::people::PASSWORD;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What is run.
pub(crate) struct Run<'a> {
    pub(crate) service: &'static str,
    pub(crate) sender: Sender,
    pub(crate) broker: Broker,
    pub(crate) people: &'a People,
    pub(crate) office: &'a Office,
}

/// What came of a run.
pub(crate) struct Verdict {
    service: &'static str,
    sender: Sender,
    passed: bool,
    report: Value,
    /// Chains of requests that were made, and how many there had to be.
    scenarios: u64,
    wanted: u64,
    /// How many requests were accepted by each operation that should accept some of this sender's.
    accepted: BTreeMap<String, u64>,
    time: Duration,
}

/// The file in which the hooks write down what was accepted.
const ACCEPTED: &str = "accepted.jsonl";

/// How often chains of requests are begun anew, at most. Hypothesis ends when the same chain gets other answers than before,
/// as it does from an app that remembers, and Schemathesis takes that for a success.
const ROUNDS: u64 = 300;

impl Run<'_> {
    /// Runs it, with its output shown; and chains of requests again and again, until there were as many as cases.
    pub(crate) fn start(&self, schemathesis: &Path, examples: u32, seed: Option<u64>) -> Verdict {
        let Self { service, sender, .. } = self;
        println!("\n{service}.yaml, requests of {}", sender.name());
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let runtime = std::env::var("CONCIERGE_RUNTIME").unwrap_or_else(|_| "spindle".to_owned());
        let name = format!("{service}-{}-{}-{runtime}", sender.name(), self.broker.name());
        let folder = folder(package).join(name);
        std::fs::create_dir_all(&folder).expect("a folder can be made in target");
        let start = Instant::now();
        let accepted = folder.join(ACCEPTED);
        // Each process of Schemathesis adds to it.
        std::fs::write(&accepted, "").expect("a file can be made in target");
        let report = folder.join("report.json");
        let mut command = self.command(schemathesis, package, &folder, u64::from(examples), seed);
        let (mut passed, output) = shown(command.arg("--report-json-path").arg(&report));
        let report = std::fs::read(&report).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let (mut scenarios, wanted) = (scenarios(&output), u64::from(examples));
        for round in 1..=ROUNDS {
            if !passed || scenarios >= wanted {
                break;
            }
            let seed = seed.map(|seed| seed.wrapping_add(round));
            let mut command = self.command(schemathesis, package, &folder, wanted - scenarios, seed);
            let output = command.args(["--phases", "stateful"]).output();
            let (is_good, output) = output.map_or((false, String::new()), |output| {
                (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
            });
            if !is_good {
                println!("{output}");
                passed = false;
            }
            scenarios += self::scenarios(&output);
        }
        let report = report.unwrap_or_default();
        let accepted = sum(&std::fs::read_to_string(&accepted).unwrap_or_default());
        Verdict { service, sender: *sender, passed, report, scenarios, wanted, accepted, time: start.elapsed() }
    }

    fn command(&self, schemathesis: &Path, package: &Path, folder: &Path, examples: u64, seed: Option<u64>) -> Command {
        let Self { service, sender, broker, people, office } = self;
        let mut command = Command::new(schemathesis);
        command.current_dir(folder).arg("--config-file").arg(package.join("fuzz/schemathesis.toml"));
        command.arg("run").arg(package.join(format!("../../openapi/{service}.yaml")));
        command.args(["--url", &people.url, "--max-examples", &examples.to_string(), "--checks", "all"]);
        command.args(["--generation-database", "none", "--request-timeout", "30", "--no-color"]);
        if let Some(seed) = seed {
            command.args(["--seed", &seed.to_string()]);
        }
        command.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", package.join("fuzz"));
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
        command.env("FUZZ_API_OFFICE", &office.url).env("FUZZ_API_SENDER", sender.name());
        command.env("FUZZ_API_PASSWORD", PASSWORD).env("FUZZ_API_ACCEPTED", folder.join(ACCEPTED));
        command.env("FUZZ_API_BROKER", broker.name());
        command
    }
}

/// Runs a command with its output shown line by line; whether it succeeded, and what it said.
fn shown(command: &mut Command) -> (bool, String) {
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("cannot start Schemathesis: {error}");
            return (false, String::new());
        }
    };
    let mut said = String::new();
    let lines = child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
    for line in lines.map_while(Result::ok) {
        println!("{line}");
        said.push_str(&line);
        said.push('\n');
    }
    (child.wait().is_ok_and(|status| status.success()), said)
}

/// The sum of the counts in lines like `{"operation": "GET /users", "accepted": 7}`.
fn sum(lines: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if let (Some(operation), Some(count)) = (line["operation"].as_str(), line["accepted"].as_u64()) {
            *sums.entry(operation.to_owned()).or_default() += count;
        }
    }
    sums
}

/// How many chains of requests it says that it has made.
fn scenarios(output: &str) -> u64 {
    let count = output.lines().find_map(|line| line.trim().strip_prefix("Scenarios:"));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
}

impl Verdict {
    /// Whether nothing was found, and enough was looked at.
    pub(crate) fn is_good(&self) -> bool {
        self.result() == "good"
    }

    /// In a word or two.
    fn result(&self) -> &'static str {
        if !self.passed {
            "FAILED"
        } else if self.scenarios < self.wanted {
            "TOO FEW CHAINS"
        } else if self.accepted.is_empty() || self.never_accepted().next().is_some() {
            "LET IN NOWHERE"
        } else {
            "good"
        }
    }

    /// The operations that have refused everything, those among them that should not have.
    fn never_accepted(&self) -> impl Iterator<Item = &str> {
        self.accepted.iter().filter(|(_, count)| **count == 0).map(|(operation, _)| operation.as_str())
    }

    /// Prints a table.
    pub(crate) fn show(verdicts: &[Self]) {
        println!(
            "\n{:<18} {:<7} {:>10} {:>8} {:>8} {:>7} {:>6} {:>7}  result",
            "file", "sender", "operations", "requests", "failures", "errors", "chains", "seconds"
        );
        for verdict in verdicts {
            let Self { service, sender, report, scenarios, time, .. } = verdict;
            let number = |pointer: &str| report.pointer(pointer).map_or_else(|| "?".to_owned(), Value::to_string);
            println!(
                "{:<18} {:<7} {:>10} {:>8} {:>8} {:>7} {:>6} {:>7}  {}",
                format!("{service}.yaml"),
                sender.name(),
                number("/operations/tested"),
                number("/test_cases/generated"),
                number("/test_cases/unique_failures"),
                number("/test_cases/errored"),
                scenarios,
                time.as_secs(),
                verdict.result(),
            );
            for operation in verdict.never_accepted() {
                println!("    {operation} has never accepted anything");
            }
        }
    }
}

fn folder(package: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| package.join("../../target"), PathBuf::from);
    target.join("fuzz-api")
}
