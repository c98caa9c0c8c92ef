//! Builds that run side by side, each with a Cargo of its own: where one waits for a single crate, the other has work for the
//! second core.
//!
//! What Cargo prints goes to `.concierge/logs/build-<name>.log`. Warnings and errors are passed on as they come; in place of
//! Cargo's progress bars, a line says now and then how far all of them are.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use dev_servers::process::{Launch, Managed};

use crate::folder::Folder;
use crate::growing_log::GrowingLog;
use crate::interrupt::Interrupt;

/// Between two looks at the builds.
const STEP: Duration = Duration::from_millis(50);
/// Between two lines that say how far they are.
const REPORT: Duration = Duration::from_secs(15);
/// How Cargo's lines begin that say only that it works.
const STATUS: [&str; 10] = [
    "Adding ",
    "Blocking waiting for file lock on package cache",
    "Building ",
    "Compiling ",
    "Downloaded ",
    "Downloading ",
    "Executable ",
    "Finished ",
    "Locking ",
    "Updating ",
];

/// A running build: one run of Cargo, or several in a row. Dropping it ends it.
pub(crate) struct Build {
    name: &'static str,
    cargo: Managed,
    next: VecDeque<Command>,
    path: PathBuf,
    log: GrowingLog,
    progress: Option<Progress>,
}

/// How many of its steps a build has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    done: u32,
    all: u32,
}

impl Build {
    /// Starts a build of `name`, which completes "the build of ...".
    pub(crate) fn start(folder: &Folder, name: &'static str, cargo: Command) -> Result<Self> {
        let file = name.trim_start_matches("the ").replace(' ', "-").to_lowercase();
        let path = folder.fresh_log(&format!("build-{file}"))?;
        let cargo = launch(cargo, &path)?;
        Ok(Self { name, cargo, next: VecDeque::new(), log: GrowingLog::open(&path)?, path, progress: None })
    }

    /// Adds what Cargo is to do after this.
    pub(crate) fn then(&mut self, cargo: Command) {
        self.next.push_back(cargo);
    }

    /// Passes on what it has said; whether it has ended, and how.
    fn look(&mut self) -> Result<Option<bool>> {
        // Asked first, so that nothing printed before the end is missed.
        let status = self.cargo.exit_status();
        let progress = &mut self.progress;
        self.log.read(|line| {
            for part in line.split('\r') {
                match Progress::of(part) {
                    Some(seen) => *progress = Some(seen),
                    None if is_status(part) => {}
                    None => eprintln!("{part}"),
                }
            }
        })?;
        let is_done = status.is_some_and(|status| status.success());
        if is_done && let Some(cargo) = self.next.pop_front() {
            self.cargo = launch(cargo, &self.path)?;
            self.progress = None;
            return Ok(None);
        }
        Ok(status.map(|status| status.success()))
    }
}

fn launch(mut cargo: Command, log: &Path) -> Result<Managed> {
    cargo.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "80");
    Ok(Launch::new("cargo", cargo, log).start()?)
}

/// Waits for builds to end. `false` if `is_cancelled`: then they are ended. When one fails, so are the others.
pub(crate) fn wait(mut running: Vec<Build>, is_cancelled: impl Fn() -> bool) -> Result<bool> {
    let started = Instant::now();
    let mut reported = started;
    while !running.is_empty() {
        let mut still = Vec::new();
        for mut build in running {
            match build.look()? {
                None => still.push(build),
                Some(true) if started.elapsed() > REPORT => {
                    println!("  built {} after {} s", build.name, started.elapsed().as_secs());
                }
                Some(true) => {}
                Some(false) => {
                    end(&still);
                    bail!("the build of {} failed; the reason is above", build.name);
                }
            }
        }
        running = still;
        if is_cancelled() {
            end(&running);
            return Ok(false);
        }
        if reported.elapsed() > REPORT && !running.is_empty() {
            reported = Instant::now();
            println!("  {}", report(started.elapsed(), running.iter().map(|build| (build.name, build.progress))));
        }
        if !running.is_empty() {
            std::thread::sleep(STEP);
        }
    }
    Ok(true)
}

/// Waits for builds to end while `work` is done on another thread; what that gives, or `None` after an `interrupt`. When one of
/// all this fails, the rest is given up: `work` can ask whether it is.
pub(crate) fn wait_beside<T: Send>(
    running: Vec<Build>,
    interrupt: &Interrupt,
    work: impl FnOnce(&dyn Fn() -> bool) -> Result<T> + Send,
) -> Result<Option<T>> {
    let failed = AtomicBool::new(false);
    let is_cancelled = || failed.load(Ordering::SeqCst) || interrupt.is_requested();
    let (built, worked) = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let worked = work(&is_cancelled);
            failed.fetch_or(worked.is_err(), Ordering::SeqCst);
            worked
        });
        let built = wait(running, is_cancelled);
        failed.fetch_or(built.is_err(), Ordering::SeqCst);
        (built, thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let (is_built, worked) = (built?, worked?);
    Ok((is_built && !interrupt.is_requested()).then_some(worked))
}

/// Ends builds at once, with all compilers that they have started.
fn end(builds: &[Build]) {
    for build in builds {
        build.cargo.kill();
    }
}

/// A line like `30 s: users 3 of 7, Spindle 120 of 400`.
fn report<'a>(elapsed: Duration, builds: impl Iterator<Item = (&'a str, Option<Progress>)>) -> String {
    let parts: Vec<_> = builds
        .map(|(name, progress)| match progress {
            Some(Progress { done, all }) => format!("{name} {done} of {all} steps"),
            None => format!("{name} not begun"),
        })
        .collect();
    format!("{} s: {}", elapsed.as_secs(), parts.join(", "))
}

/// Whether a line of Cargo's says only that it works.
fn is_status(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || STATUS.iter().any(|status| line.starts_with(status))
}

impl Progress {
    /// Reads Cargo's progress bar: `Building [==>   ] 12/345: name, name`.
    fn of(bar: &str) -> Option<Self> {
        let (_, counts) = bar.trim_start().strip_prefix("Building [")?.split_once("] ")?;
        let (done, all) = counts.split(':').next()?.split_once('/')?;
        Some(Self { done: done.trim().parse().ok()?, all: all.trim().parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(folder: &Folder, name: &'static str, script: &str) -> Build {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        Build::start(folder, name, shell).unwrap()
    }

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::at(dir.path());
        (dir, folder)
    }

    #[test]
    fn a_progress_bar_is_read() {
        let bar = "    Building [=======================>     ] 5/116: serde, tokio(bin)      ";
        assert_eq!(Progress::of(bar), Some(Progress { done: 5, all: 116 }));
        assert_eq!(Progress::of("   Compiling serde v1.0.0"), None);
        let builds = [("users", None), ("Spindle", Some(Progress { done: 5, all: 116 }))];
        assert_eq!(
            report(Duration::from_secs(15), builds.into_iter()),
            "15 s: users not begun, Spindle 5 of 116 steps"
        );
    }

    #[test]
    fn only_status_lines_are_kept_back() {
        assert!(is_status("   Compiling serde v1.0.0") && is_status("") && is_status("    Finished `dev` profile"));
        assert!(!is_status("warning: unused variable: `x`") && !is_status(" --> src/main.rs:1:16"));
    }

    #[test]
    fn builds_run_side_by_side() {
        let (_dir, folder) = folder();
        let builds = vec![script(&folder, "one", "sleep 0.6"), script(&folder, "two", "sleep 0.6")];
        let started = Instant::now();
        assert!(wait(builds, || false).unwrap());
        assert!(started.elapsed() < Duration::from_millis(1100));
    }

    #[test]
    fn one_goes_on_when_it_has_done_its_first_part() {
        let (dir, folder) = folder();
        let mark = |name: &str| {
            let mut touch = Command::new("touch");
            touch.arg(dir.path().join(name));
            touch
        };
        let mut build = script(&folder, "one", "sleep 0.3");
        build.then(mark("second"));
        build.then(mark("third"));
        assert!(wait(vec![build], || false).unwrap());
        assert!(dir.path().join("second").exists() && dir.path().join("third").exists());

        let mut build = script(&folder, "one", "false");
        build.then(mark("fourth"));
        assert!(wait(vec![build], || false).is_err());
        assert!(!dir.path().join("fourth").exists());
    }

    #[test]
    fn a_build_that_fails_ends_the_other() {
        let (_dir, folder) = folder();
        let builds = vec![script(&folder, "one", "sleep 60"), script(&folder, "two", "exit 3")];
        let started = Instant::now();
        let error = wait(builds, || false).unwrap_err().to_string();
        assert_eq!(error, "the build of two failed; the reason is above");
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn whoever_cancels_ends_all_of_them() {
        let (_dir, folder) = folder();
        let started = Instant::now();
        assert!(!wait(vec![script(&folder, "one", "sleep 60 & wait")], || true).unwrap());
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
