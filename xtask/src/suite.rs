//! `test`: all tests, and the sum of what they say as the last line.
//!
//! What Cargo prints goes to `.concierge/logs/test.log` and from there to the terminal as it comes. The tests start their own
//! servers, which die with them. What the services answered the black-box suite is noted in `.concierge/logs/answers.log`;
//! once the whole suite has passed, a last test wants to see there every response that the OpenAPI files describe.
//!
//! With `CONCIERGE_RUNTIME=spin` the app runs on the `spin` on the PATH, with the plugin of this clone, and Spindle is neither built
//! nor tested. A test that does not apply there says why, which is printed, and counts as skipped.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use dev_servers::app::RuntimeKind;
use dev_servers::process::{Launch, Managed};

use crate::compile::{self, Wanted};
use crate::folder::Folder;
use crate::growing_log::GrowingLog;
use crate::interrupt::Interrupt;
use crate::{builds, plugin, program, setup};

/// A run that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(3000);
/// How long all is built from nothing.
const USUAL_TIME: &str = "about eight minutes on two cores the first time";
/// How many threads a test program has.
const THREADS: &str = "RUST_TEST_THREADS";
/// Most tests wait most of the time, for servers that start and for what must not happen. Those that measure time run alone.
const TESTS_PER_CORE: usize = 2;
/// How many of the black-box tests run at once, for them.
const AT_ONCE: &str = "CONCIERGE_TESTS_AT_ONCE";
/// In how many threads more those wait that will run alone, so that they take nobody's place.
const WAITING_ALONE: usize = 6;
/// How many seconds each property of Spindle's parsers is tried on random inputs, and the variable that says so.
const FUZZ_TIME: u32 = 8;
const FUZZ_SECONDS: &str = "SPINDLE_FUZZ_SECONDS";
/// Between two looks at the output.
const STEP: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only the tests whose name has this in it.
    filter: Option<String>,
    /// Neither set up nor build the components and Spindle: they are as they should be.
    #[arg(long)]
    no_build: bool,
}

/// What the test programs have said so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut tally = Tally::default();
    let complete = match prepare_and_test(arguments, &mut tally) {
        Ok(()) => true,
        Err(error) => {
            eprintln!("error: {error:#}");
            false
        }
    };
    if !complete && tally.failed == 0 {
        // A build that breaks, or a test program that crashes, is a failure that no test could report.
        tally.failed = 1;
    }
    // Whoever reads this by machine takes the last line: all else must be out before it.
    let _ = std::io::stderr().flush();
    println!("{tally}");
    if tally.failed == 0 && tally.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn prepare_and_test(arguments: &Arguments, tally: &mut Tally) -> Result<()> {
    let folder = Folder::find()?;
    let runtime = RuntimeKind::from_env()?;
    let interrupt = Interrupt::listen()?;
    if !arguments.no_build {
        build(&folder, runtime, &interrupt)?;
    }
    println!("Testing (the output is also in .concierge/logs)");
    let notes = Notes { answers: folder.fresh_log("answers")?, skipped: folder.fresh_log("skipped")? };
    let (mut failed, mut has_all_answers) = (Vec::new(), true);
    for part in PARTS.iter().filter(|part| part.applies_to(runtime)) {
        // The second part runs even if the first fails: all failures are seen at once.
        if !test_part(&folder, part, &notes, arguments.filter.as_deref(), &interrupt, tally)? {
            failed.push(format!("cargo test {}", part.selection.join(" ")));
            has_all_answers &= part.answers.is_none();
        }
    }
    if arguments.filter.is_some() {
        println!("Whether every documented response was seen is a question to the whole suite");
    } else if has_all_answers && !test_part(&folder, &UNSEEN, &notes, None, &interrupt, tally)? {
        failed.push(format!("cargo test {}", UNSEEN.selection.join(" ")));
    }
    tally.skip(&std::fs::read_to_string(&notes.skipped).unwrap_or_default());
    if !failed.is_empty() {
        bail!("{} failed", failed.join(" and "));
    }
    Ok(())
}

/// Builds all that is tested and all tests, side by side as far as Cargo lets them, while what is missing on this machine is
/// installed.
fn build(folder: &Folder, runtime: RuntimeKind, interrupt: &Interrupt) -> Result<()> {
    let compiler = setup::compiler(folder)?;
    println!("Building the app and its tests ({USUAL_TIME})");
    let mut running = compile::start(folder, &compiler, Wanted::to_test_on(runtime))?;
    for part in PARTS.iter().filter(|part| part.applies_to(runtime)) {
        let mut cargo = program::cargo(folder.root());
        cargo.args(["test", "--no-run"]).args(part.selection);
        match &mut running.engine {
            // What shares a profile waits for each other anyway.
            Some(engine) if !part.is_optimised() => engine.then(cargo),
            _ => running.components.then(cargo),
        }
    }
    let installed = builds::wait_beside(running.into(), interrupt, |is_cancelled| {
        setup::servers(folder)?;
        setup::browser(folder)?;
        setup::nginx(folder)?;
        setup::pyjwt(folder)?;
        setup::authlib(folder)?;
        setup::standardwebhooks(folder);
        setup::axe(folder);
        if is_cancelled() {
            return Ok(());
        }
        setup::promtool(folder);
        setup::tool(folder, "valgrind")
    })?;
    if installed.is_none() {
        bail!("interrupted");
    }
    if runtime == RuntimeKind::Spin {
        plugin::install_for_tests(folder)?;
    }
    Ok(())
}

/// A part of the tests.
struct Part {
    /// What its log is named after.
    name: &'static str,
    /// Which tests they are, for Cargo.
    selection: &'static [&'static str],
    /// The environment variable by which the tests learn where the services' answers are noted, if they want to know.
    answers: Option<&'static str>,
    /// The one test program of them that is run, if not all are.
    only: Option<&'static str>,
    /// Whether another runtime makes no difference to them.
    is_about_spindle: bool,
}

impl Part {
    fn applies_to(&self, runtime: RuntimeKind) -> bool {
        runtime == RuntimeKind::Spindle || !self.is_about_spindle
    }

    /// Whether it is compiled in a profile of its own.
    fn is_optimised(&self) -> bool {
        self.selection.contains(&"--release")
    }
}

/// Files that the tests write for each other and for us.
struct Notes {
    /// What the services answered.
    answers: PathBuf,
    /// Which tests do not apply, and why.
    skipped: PathBuf,
}

/// All packages but those whose dependencies would get other features beside the rest.
const MOST: [&str; 7] = ["--workspace", "--exclude", "spindle", "--exclude", "trigger-amqp", "--exclude", "hot-paths"];

/// What is tested, in parts: Spindle, and the plugin that is made of it, with the selection with which it is built anyway, since
/// compiling its engine a second time takes longer than all of the tests.
const PARTS: [Part; 3] = [
    Part { name: "test", selection: &MOST, answers: Some("CONCIERGE_ANSWERS_TO"), only: None, is_about_spindle: false },
    Part {
        name: "test-spindle",
        selection: &["--package", "spindle", "--package", "trigger-amqp"],
        answers: None,
        only: None,
        is_about_spindle: true,
    },
    // Instructions are counted of what the release profile makes.
    Part {
        name: "test-hot-paths",
        selection: &["--release", "--package", "hot-paths"],
        answers: None,
        only: None,
        is_about_spindle: true,
    },
];

/// What is tested after all else: that what is documented was seen. Selected so that nothing is compiled anew for it.
const UNSEEN: Part = Part {
    name: "test-unseen",
    selection: &MOST,
    only: Some("unseen"),
    answers: Some("CONCIERGE_ANSWERS"),
    is_about_spindle: false,
};

/// Runs `cargo test` on a part of the workspace, passing its output on; whether it succeeded.
fn test_part(
    folder: &Folder,
    part: &Part,
    notes: &Notes,
    filter: Option<&str>,
    interrupt: &Interrupt,
    tally: &mut Tally,
) -> Result<bool> {
    let mut cargo = program::cargo(folder.root());
    cargo.arg("test").args(part.selection).arg("--no-fail-fast");
    if let Some(only) = part.only {
        cargo.args(["--test", only]);
    }
    if let Some(variable) = part.answers {
        cargo.env(variable, &notes.answers);
    }
    cargo.env("CONCIERGE_SKIPPED_TO", &notes.skipped);
    if part.is_about_spindle && std::env::var_os(FUZZ_SECONDS).is_none() {
        cargo.env(FUZZ_SECONDS, FUZZ_TIME.to_string());
    }
    if std::env::var_os(THREADS).is_none() {
        let at_once = match std::env::var(AT_ONCE) {
            Ok(number) => number
                .parse()
                .ok()
                .filter(|&number| number > 0)
                .with_context(|| format!("{AT_ONCE} is no number: {number}"))?,
            Err(_) => TESTS_PER_CORE * std::thread::available_parallelism().map_or(1, usize::from),
        };
        let waiting = if part.answers.is_some() { WAITING_ALONE } else { 0 };
        cargo.env(THREADS, (at_once + waiting).to_string()).env(AT_ONCE, at_once.to_string());
    }
    if RuntimeKind::from_env()? == RuntimeKind::Spin {
        cargo.env("SPIN_DATA_DIR", folder.spin_data()?);
    }
    if let Some(filter) = filter {
        cargo.args(["--", filter]);
    }
    let log = folder.fresh_log(part.name)?;
    let tests = Launch::new("cargo test", cargo, &log).start()?;
    let mut output = GrowingLog::open(&log)?;
    let started = Instant::now();
    let status = loop {
        // Asked first, so that nothing printed before the end is missed.
        let status = tests.exit_status();
        output.read(|line| {
            println!("{line}");
            tally.add(line);
        })?;
        std::io::stdout().flush().context("cannot print")?;
        if let Some(status) = status {
            break status;
        }
        if interrupt.within(STEP) {
            end(&tests);
            bail!("interrupted");
        }
        if started.elapsed() > DEADLINE {
            end(&tests);
            bail!("the tests did not end within {} minutes", DEADLINE.as_secs() / 60);
        }
    };
    Ok(status.success())
}

/// Ends Cargo, and with it the test programs, which are in its process group; their servers die with them.
fn end(tests: &Managed) {
    tests.kill();
}

impl Tally {
    /// Adds what a line like `test result: FAILED. 3 passed; 1 failed; ...` says.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let counts = result.split_once(". ").map_or(result, |(_, counts)| counts);
        for part in counts.split(';') {
            match part.trim().split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// Prints why tests do not apply, and no longer counts them as passed. A line is a test's name and the reason.
    fn skip(&mut self, lines: &str) {
        let lines: BTreeSet<_> = lines.lines().collect();
        for line in &lines {
            println!("skipped: {line}");
        }
        self.skipped = lines.len() as u64;
        self.passed = self.passed.saturating_sub(self.skipped);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(f, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_test_programs_are_summed_up() {
        let mut tally = Tally::default();
        tally.add("running 4 tests");
        tally.add("test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.01s");
        tally.add("test result: ok. 10 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        assert_eq!(tally, Tally { passed: 13, failed: 1, skipped: 0 });
        assert_eq!(tally.to_string(), "13 passed, 1 failed");
    }

    #[test]
    fn a_skipped_test_is_none_that_passed() {
        let mut tally = Tally { passed: 13, failed: 0, skipped: 0 };
        tally.skip("storm::a: it is about Spindle\nfairness::b: it is about Spindle\nstorm::a: it is about Spindle\n");
        assert_eq!(tally.to_string(), "11 passed, 0 failed, 2 skipped");
    }
}
