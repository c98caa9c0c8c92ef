//! kubectl.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The namespace of everything.
pub const NAMESPACE: &str = "concierge";
/// Between two looks.
const STEP: Duration = Duration::from_secs(1);

/// A cluster, by the name of kubectl's context.
#[derive(Debug)]
pub struct Cluster {
    context: String,
}

impl Cluster {
    /// The cluster of a context.
    #[must_use]
    pub fn new(context: &str) -> Self {
        Self { context: context.to_owned() }
    }

    /// kubectl with these arguments, which are separated by spaces, in our namespace.
    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new("kubectl");
        command.args(["--context", &self.context, "--namespace", NAMESPACE]).args(arguments.split(' '));
        command
    }

    /// Runs kubectl and gives what it printed.
    ///
    /// # Errors
    /// If it fails, in its own words.
    pub fn run(&self, arguments: &str) -> Result<String> {
        Self::finish(self.command(arguments), None)
    }

    /// What kubectl gives as JSON.
    ///
    /// # Errors
    /// If it fails, or gives something else.
    pub fn get(&self, what: &str) -> Result<Value> {
        serde_json::from_str(&self.run(&format!("get {what} --output json"))?).context("kubectl did not print JSON")
    }

    /// Merges something into an object.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub fn patch(&self, object: &str, patch: &Value) -> Result<()> {
        let mut command = self.command(&format!("patch {object} --type merge --patch"));
        command.arg(patch.to_string());
        Self::finish(command, None).map(drop)
    }

    /// Applies an object.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub fn apply(&self, object: &Value) -> Result<()> {
        let command = self.command("apply --server-side --force-conflicts --field-manager experiment --filename -");
        Self::finish(command, Some(&object.to_string())).map(drop)
    }

    /// kubectl in the background, ended when it is dropped.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn in_background(&self, arguments: &str) -> Result<Background> {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Background(command.spawn().context("cannot start kubectl")?))
    }

    fn finish(mut command: Command, input: Option<&str>) -> Result<String> {
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start kubectl")?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            stdin.write_all(input.as_bytes()).context("kubectl does not read")?;
        }
        let output = child.wait_with_output().context("cannot wait for kubectl")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A kubectl that runs until it is dropped.
#[derive(Debug)]
pub struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Looks each second until it sees what it looks for; gives it with the seconds that it took.
///
/// # Errors
/// If it does not see it within `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<(T, f64)> {
    let start = Instant::now();
    loop {
        // An API server that does not answer once is asked again.
        if let Ok(Some(found)) = look() {
            return Ok((found, start.elapsed().as_secs_f64()));
        }
        if start.elapsed() > limit {
            bail!("{what}: not within {} seconds", limit.as_secs());
        }
        std::thread::sleep(STEP);
    }
}
