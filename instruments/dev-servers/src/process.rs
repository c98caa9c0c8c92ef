//! A child process that never outlives its parent.
//!
//! Linux can send a child a signal when its parent dies (`PR_SET_PDEATHSIG`), but "parent" means the *thread* that started
//! it: a server started by a test's thread would die with that test. So all children are started by one thread that
//! lives as long as the process. Each child also leads a process group of its own: Ctrl-C in a terminal reaches us alone,
//! and we end the others in the right order.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{kill, killpg};
use nix::unistd::Pid;

pub use nix::sys::signal::Signal;

use crate::{Error, Result, wait};

/// How long the system may take to end a process that was killed.
const AFTER_KILL: Duration = Duration::from_secs(10);
/// How long a process may take to end by itself when its handle is dropped.
const AT_DROP: Duration = Duration::from_secs(5);
/// How much of a log is worth showing.
const TAIL_LINES: usize = 20;

/// A process to be started: the command, and how it is to be ended.
#[derive(Debug)]
pub struct Launch {
    name: String,
    command: Command,
    log: PathBuf,
    stop_signal: Signal,
    death_signal: Signal,
}

impl Launch {
    /// A process called `name` in messages, whose standard output and standard error are appended to the file `log`.
    /// It is asked to end by SIGTERM, and killed if this process dies.
    pub fn new(name: &str, command: Command, log: &Path) -> Self {
        Self {
            name: name.to_owned(),
            command,
            log: log.to_owned(),
            stop_signal: Signal::SIGTERM,
            death_signal: Signal::SIGKILL,
        }
    }

    /// The signal that asks it to end in good order.
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// The signal that it gets when this process dies. Anything but SIGKILL is for programs with children of their own,
    /// which they must have a chance to end.
    pub fn death_signal(mut self, signal: Signal) -> Self {
        self.death_signal = signal;
        self
    }

    /// Starts it.
    pub fn start(self) -> Result<Managed> {
        let Self { name, mut command, log, stop_signal, death_signal } = self;
        if let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        }
        let open =
            || OpenOptions::new().create(true).append(true).open(&log).map_err(Error::file("open the log", &log));
        command.stdin(Stdio::null()).stdout(open()?).stderr(open()?).process_group(0);
        die_with_this_process(&mut command, death_signal);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = spawn_for_life(command).map_err(|source| Error::Spawn { name: name.clone(), program, source })?;
        Ok(Managed {
            pid: child.id(),
            name,
            log,
            stop_signal,
            state: Mutex::new(State { child, ended: None, paused: false }),
        })
    }
}

/// Has the kernel send `signal` to the child when the thread that starts it ends.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "only the child itself can ask to die with its parent")]
fn die_with_this_process(command: &mut Command, signal: Signal) {
    let parent = nix::unistd::getpid();
    let ask = move || {
        nix::sys::prctl::set_pdeathsig(signal)?;
        // The parent may have died between fork and here; then no signal would ever come.
        if nix::unistd::getppid() == parent { Ok(()) } else { Err(Errno::ESRCH.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed: these are two bare system calls, prctl and
    // getppid, without allocation or locks. The user id, which would clear the request, has been set before.
    unsafe {
        command.pre_exec(ask);
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_this_process(_command: &mut Command, _signal: Signal) {}

/// Starts a command whose process ends with this one, however it ends: the kernel kills it.
///
/// # Errors
/// When it cannot be started.
pub fn spawn(mut command: Command) -> std::io::Result<Child> {
    die_with_this_process(&mut command, Signal::SIGKILL);
    spawn_for_life(command)
}

/// Starts a command on the thread that lives as long as this process.
fn spawn_for_life(command: Command) -> std::io::Result<Child> {
    type Job = (Command, mpsc::Sender<std::io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, inbox) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                // Nobody is left to hear it only if the asking thread died; then the child is dropped, and runs on
                // until this process ends.
                let _ = answer.send(command.spawn());
            }
        });
        jobs
    });
    let (answer, result) = mpsc::channel();
    let gone = || std::io::Error::other("the thread that starts processes is gone");
    spawner.send((command, answer)).map_err(|_| gone())?;
    result.recv().map_err(|_| gone())?
}

/// A running child process. Dropping it ends it; so does the death of this process, however it dies.
#[derive(Debug)]
pub struct Managed {
    name: String,
    pid: u32,
    log: PathBuf,
    stop_signal: Signal,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    child: Child,
    ended: Option<ExitStatus>,
    paused: bool,
}

impl State {
    /// Collects the exit status if there is one. Until then the process id cannot be given to another process.
    fn look(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }
}

impl Managed {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is valid at every moment, so a panic elsewhere did it no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, which is also its process group.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it runs (or is paused).
    pub fn is_running(&self) -> bool {
        self.exit_status().is_none()
    }

    /// How it ended, if it has.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.state().look()
    }

    /// The file that it logs to.
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// All that it has logged so far.
    pub fn log(&self) -> String {
        read_lossy(&self.log)
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// Sends it a signal; nothing happens if it has ended.
    pub fn signal(&self, signal: Signal) {
        let mut state = self.state();
        if state.look().is_none() {
            // It can only have ended in this very moment, which is no error.
            let _ = kill(pid(self.pid), signal);
        }
    }

    /// Freezes it and its children: connections stay open and nobody answers, as on a machine that hangs.
    pub fn pause(&self) {
        self.freeze(true);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.freeze(false);
    }

    fn freeze(&self, paused: bool) {
        let mut state = self.state();
        if state.look().is_some() {
            return;
        }
        let signal = if paused { Signal::SIGSTOP } else { Signal::SIGCONT };
        // The parent first: while it is frozen it makes no further children.
        for id in std::iter::once(self.pid).chain(children(self.pid)) {
            let _ = kill(pid(id), signal);
        }
        state.paused = paused;
    }

    /// Waits for it to end by itself; `None` if it still runs after `limit`.
    pub fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        wait::until(limit, || self.exit_status())
    }

    /// Asks it to end, waits for at most `grace`, then kills it.
    pub fn stop(&self, grace: Duration) {
        if !self.is_running() {
            return;
        }
        self.signal(self.stop_signal);
        // A paused process cannot hear.
        if self.state().paused {
            self.resume();
        }
        if wait::until(grace, || self.exit_status()).is_none() {
            self.kill();
        }
    }

    /// Kills it and all of its process group at once, as a power cut would.
    pub fn kill(&self) {
        {
            let mut state = self.state();
            if state.look().is_some() {
                return;
            }
            let _ = killpg(pid(self.pid), Signal::SIGKILL);
        }
        let _ = wait::until(AFTER_KILL, || self.exit_status());
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        self.stop(AT_DROP);
    }
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap_or(i32::MAX))
}

/// The ids of the direct children of a process.
fn children(parent: u32) -> Vec<u32> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&id| stat_fields(id).and_then(|fields| fields.get(1)?.parse().ok()) == Some(parent))
        .collect()
}

/// The fields of `/proc/<id>/stat` from the third on. The second is the program's name in brackets, which may itself
/// have spaces and brackets.
fn stat_fields(id: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// Runs a helper program to its end, for at most `limit`; what it prints goes to `log`.
pub fn run(name: &str, command: Command, log: &Path, limit: Duration) -> Result<()> {
    let before = std::fs::metadata(log).map_or(0, |file| file.len());
    let helper = Launch::new(name, command, log).start()?;
    let status = match helper.wait(limit) {
        Some(status) if status.success() => return Ok(()),
        Some(status) => status.to_string(),
        None => {
            helper.stop(AT_DROP);
            format!("no end after {} s", limit.as_secs())
        }
    };
    let text = std::fs::read(log).unwrap_or_default();
    let fresh = text.get(usize::try_from(before).unwrap_or(0)..).unwrap_or_default();
    Err(Error::Helper { program: name.to_owned(), status, output: last_lines(&String::from_utf8_lossy(fresh)) })
}

/// The last lines of a log file; empty if there is none.
pub fn tail(log: &Path) -> String {
    last_lines(&read_lossy(log))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn read_lossy(log: &Path) -> String {
    std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// A process of an earlier run, known by its id and by when it started: an id alone may belong to someone else by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since the machine did (field 22 of `/proc/<pid>/stat`).
    pub started: u64,
}

impl Recorded {
    /// Looks a running process up; `None` if there is none of that id.
    pub fn of(id: u32) -> Option<Self> {
        let fields = stat_fields(id)?;
        if fields.first()? == "Z" {
            return None;
        }
        Some(Self { pid: id, started: fields.get(19)?.parse().ok()? })
    }

    /// Whether that very process still runs.
    pub fn is_running(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Asks it to end by `signal`, waits for at most `grace`, then kills it; `false` if it was gone already.
    pub fn end(&self, signal: Signal, grace: Duration) -> bool {
        if !self.is_running() {
            return false;
        }
        let _ = kill(pid(self.pid), signal);
        let _ = kill(pid(self.pid), Signal::SIGCONT);
        if wait::until(grace, || (!self.is_running()).then_some(())).is_none() && self.is_running() {
            let _ = kill(pid(self.pid), Signal::SIGKILL);
            let _ = wait::until(AFTER_KILL, || (!self.is_running()).then_some(()));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(log: &Path) -> Managed {
        let mut command = Command::new("sleep");
        command.arg("60");
        Launch::new("sleeper", command, log).start().unwrap()
    }

    #[test]
    fn a_process_outlives_the_thread_that_asked_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let process = std::thread::spawn(move || sleeper(&log)).join().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        assert!(process.is_running());
        process.stop(Duration::from_secs(5));
        assert!(!process.is_running());
    }

    /// Not a test: what the next one starts and kills.
    #[test]
    #[ignore = "it waits to be killed"]
    fn starts_a_process_and_is_killed() {
        let mut command = Command::new("sleep");
        command.arg("60");
        let mut child = std::thread::spawn(|| spawn(command).unwrap()).join().unwrap();
        println!("started {}", child.id());
        child.wait().unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_child_ends_with_its_parent_that_is_killed() {
        use std::io::{BufRead, BufReader};
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", "process::tests::starts_a_process_and_is_killed"]);
        let mut parent = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
        let pid = lines.find_map(|line| line.unwrap().split_once("started ")?.1.trim().parse::<u32>().ok()).unwrap();
        let is_alive = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.contains("(sleep)") && !stat.contains(") Z ")
        };
        assert!(is_alive());
        parent.kill().unwrap();
        parent.wait().unwrap();
        wait::until(Duration::from_secs(5), || (!is_alive()).then_some(())).unwrap();
    }

    #[test]
    fn a_paused_process_can_still_be_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let process = sleeper(&dir.path().join("log"));
        process.pause();
        assert!(process.is_running());
        process.stop(Duration::from_secs(5));
        assert!(!process.is_running());
    }

    #[test]
    fn a_process_that_ignores_the_request_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]);
        let process = Launch::new("stubborn", command, &log).start().unwrap();
        wait::until(Duration::from_secs(5), || process.log().contains("ready").then_some(())).unwrap();
        process.stop(Duration::from_millis(200));
        assert!(!process.is_running());
    }

    #[test]
    fn a_recorded_process_is_ended_and_another_of_the_same_id_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let process = sleeper(&dir.path().join("log"));
        let record = Recorded::of(process.pid()).unwrap();
        let stranger = Recorded { started: record.started + 1, ..record.clone() };
        assert!(!stranger.end(Signal::SIGTERM, Duration::from_secs(1)));
        assert!(process.is_running());
        assert!(record.end(Signal::SIGTERM, Duration::from_secs(5)));
        assert!(!process.is_running());
    }

    #[test]
    fn an_unknown_program_is_named_in_the_error() {
        let dir = tempfile::tempdir().unwrap();
        let error = Launch::new("the app", Command::new("/nowhere/app"), &dir.path().join("log")).start().unwrap_err();
        assert!(error.to_string().starts_with("cannot start the app (/nowhere/app)"), "{error}");
    }
}
