//! A cluster, as the programs on the PATH reach it.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::folder::Folder;

/// The namespace of everything.
pub(crate) const NAMESPACE: &str = "concierge";

/// What has to be there, and where it is from.
const TOOLS: [(&str, &str); 4] = [
    ("minikube", "1.33 or later, https://minikube.sigs.k8s.io/docs/start/"),
    ("kubectl", "1.31 or later, https://kubernetes.io/docs/tasks/tools/"),
    ("helm", "3, https://helm.sh/docs/intro/install/"),
    ("spin", "3.4 or later, https://spinframework.dev/install"),
];

/// Between two tries of something that is not ready yet.
const PAUSE: Duration = Duration::from_secs(5);
/// How often it is tried.
const TRIES: u32 = 24;

/// What an API server or a webhook says that has looked at a manifest and does not take it.
const REFUSALS: [&str; 5] =
    ["denied the request", "is invalid", "is forbidden", "strict decoding error", "(BadRequest)"];

/// A minikube profile.
pub(crate) struct Cluster {
    pub(crate) folder: Folder,
    pub(crate) profile: String,
    /// Where programs are looked for, if not on our own PATH.
    path: Option<OsString>,
    /// How often something is tried that may not be ready yet.
    tries: u32,
    /// Between two tries.
    pause: Duration,
}

/// Whether words of kubectl tell of a manifest that is not taken, rather than of something that is still starting.
fn is_refusal(words: &str) -> bool {
    REFUSALS.iter().any(|refusal| words.contains(refusal))
}

impl Cluster {
    pub(crate) fn new(folder: Folder, profile: &str) -> Self {
        Self { folder, profile: profile.to_owned(), path: None, tries: TRIES, pause: PAUSE }
    }

    /// The same with programs from elsewhere, which are as ready as they will ever be.
    #[cfg(test)]
    pub(crate) fn with_path(mut self, path: OsString) -> Self {
        self.path = Some(path);
        self.tries = 1;
        self
    }

    /// The same, trying more often and without pauses.
    #[cfg(test)]
    pub(crate) fn with_tries(mut self, tries: u32) -> Self {
        (self.tries, self.pause) = (tries, Duration::ZERO);
        self
    }

    /// The tools that are not there, with a word on how to get each.
    pub(crate) fn missing_tools(&self) -> Vec<String> {
        let path = self.path.clone().or_else(|| std::env::var_os("PATH")).unwrap_or_default();
        let is_there = |tool: &str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
        let missing = TOOLS.iter().filter(|(tool, _)| !is_there(tool));
        missing.map(|(tool, source)| format!("  {tool}: {source}")).collect()
    }

    /// Does something that has a name; a failure says which, and what to do.
    pub(crate) fn step(&self, name: &str, advice: &str, act: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("- {name}");
        act().with_context(|| format!("{name} failed. {advice}\nWhat was said"))
    }

    /// Does something that fails while something else is still starting, again and again for two minutes. What is refused for what it
    /// is will not become better, so that is told at once; else what was said is told when it changes.
    pub(crate) fn insist(&self, act: impl Fn() -> Result<()>) -> Result<()> {
        let mut told = String::new();
        for _ in 1..self.tries {
            let Err(error) = act() else { return Ok(()) };
            let words = format!("{error:#}");
            if is_refusal(&words) {
                return Err(error);
            }
            if words != told {
                println!("  not yet, trying for {} seconds: {words}", (self.pause * self.tries).as_secs());
                told = words;
            }
            std::thread::sleep(self.pause);
        }
        act()
    }

    pub(crate) fn minikube(&self, arguments: &[&str]) -> Result<String> {
        self.output("minikube", &[arguments, &["--profile", &self.profile]].concat(), None)
    }

    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.output("kubectl", &[&["--context", &self.profile], arguments].concat(), None)
    }

    /// Applies a manifest that is no file.
    pub(crate) fn apply(&self, manifest: &str) -> Result<String> {
        let arguments = ["--context", &self.profile, "apply", "--server-side", "--filename", "-"];
        self.output("kubectl", &arguments, Some(manifest))
    }

    pub(crate) fn helm(&self, arguments: &[&str]) -> Result<String> {
        self.output("helm", &[arguments, &["--kube-context", &self.profile]].concat(), None)
    }

    /// A program of the PATH, run in the workspace.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.root());
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command
    }

    /// kubectl in the background: for what ends by being killed.
    pub(crate) fn kubectl_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("kubectl");
        command.args(["--context", &self.profile]).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a program and gives what it printed.
    pub(crate) fn output(&self, program: &str, arguments: &[&str], input: Option<&str>) -> Result<String> {
        let mut command = self.command(program);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // A program that ends without reading says why itself.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().with_context(|| format!("cannot wait for {program}"))?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            bail!("{program} {}: {}", arguments.join(" "), words.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
