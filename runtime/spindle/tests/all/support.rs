//! Starts Spindle for a test and speaks HTTP to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use dev_servers::postgres::{self, Postgres};
use dev_servers::redis::{self, Redis};
use tempfile::TempDir;

/// Until something that should happen has happened.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What an app is started with.
#[derive(Default)]
pub(crate) struct Setup {
    hosts: Vec<String>,
    manifest: String,
    component: String,
    variables: String,
    runtime: Option<String>,
    arguments: Vec<String>,
    env: Vec<(String, String)>,
    source: Option<PathBuf>,
    within: Vec<String>,
    triggers: Option<String>,
    files: Vec<(String, String)>,
}

impl Setup {
    /// A file beside the manifest.
    pub(crate) fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Destinations that the guest may reach.
    pub(crate) fn hosts(mut self, hosts: &[&str]) -> Self {
        self.hosts.extend(hosts.iter().map(|host| (*host).to_owned()));
        self
    }

    /// More text for the manifest.
    pub(crate) fn manifest(mut self, text: &str) -> Self {
        self.manifest.push_str(text);
        self
    }

    /// More lines for `[component.guest]`.
    pub(crate) fn component(mut self, text: &str) -> Self {
        self.component.push_str(text);
        self
    }

    /// A variable of the guest.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push_str(&format!("{name} = {value:?}\n"));
        self
    }

    /// Replaces the HTTP trigger for all paths.
    pub(crate) fn triggers(mut self, text: &str) -> Self {
        self.triggers = Some(text.to_owned());
        self
    }

    /// The runtime configuration file.
    pub(crate) fn runtime(mut self, text: &str) -> Self {
        self.runtime = Some(text.to_owned());
        self
    }

    /// More arguments.
    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// An environment variable of Spindle.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Other code than the test guest.
    pub(crate) fn source(mut self, path: &Path) -> Self {
        self.source = Some(path.to_owned());
        self
    }

    /// A command that runs Spindle, which it is given as further arguments.
    pub(crate) fn within(mut self, command: &[String]) -> Self {
        self.within = command.to_vec();
        self
    }

    fn command(&self, dir: &Path) -> Command {
        let source = self.source.clone().unwrap_or_else(guest);
        let hosts = &self.hosts;
        let trigger = self.triggers.as_deref().unwrap_or("[[trigger.http]]\nroute = \"/...\"\ncomponent = \"guest\"\n");
        let text = format!(
            "spin_manifest_version = 2\n[application]\nname = \"test\"\nversion = \"1.2.3\"\n{trigger}\n{}\n\
             [component.guest]\nsource = {source:?}\nallowed_outbound_hosts = {hosts:?}\n{}\n\
             [component.guest.variables]\n{}",
            self.manifest, self.component, self.variables,
        );
        std::fs::write(dir.join("spin.toml"), text).unwrap();
        for (name, text) in &self.files {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let spindle = env!("CARGO_BIN_EXE_spindle").to_owned();
        let mut words = self.within.iter().chain([&spindle]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["up", "--listen", "127.0.0.1:0", "--from"]).arg(dir.join("spin.toml"));
        command.arg("--cache").arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
        if let Some(runtime) = &self.runtime {
            std::fs::write(dir.join("runtime.toml"), runtime).unwrap();
            command.arg("--runtime-config-file").arg(dir.join("runtime.toml"));
        }
        command.args(&self.arguments).current_dir(dir).stdin(Stdio::null());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it and expects that it cannot run; the end of what it says.
    pub(crate) fn fail(&self) -> String {
        let dir = tempfile::tempdir().unwrap();
        let output = self.command(dir.path()).output().unwrap();
        assert!(!output.status.success(), "it should not have started");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Starts it and waits until it serves.
    pub(crate) fn start(&self) -> App {
        let dir = tempfile::tempdir().unwrap();
        let mut command = self.command(dir.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // It is not to outlive tests that are killed.
        let mut child = dev_servers::process::spawn(command).unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        collect(child.stdout.take().unwrap(), &output);
        collect(child.stderr.take().unwrap(), &output);
        let mut app = App { child, output, address: String::new(), dir };
        let serving = app.wait_for_output("Serving http");
        app.address = serving.split("://").nth(1).unwrap().trim().to_owned();
        app
    }
}

fn collect(stream: impl Read + Send + 'static, output: &Arc<Mutex<String>>) {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            let mut output = output.lock().unwrap();
            output.push_str(&line);
            output.push('\n');
        }
    });
}

/// The test guest.
pub(crate) fn guest() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    let path = target.join("wasm32-wasip1/component/spindle_guest.wasm");
    assert!(
        path.exists(),
        "the test guest is missing: cargo build -p spindle-guest --target wasm32-wasip1 --profile component"
    );
    path
}

/// A running app. Dropping it kills it.
pub(crate) struct App {
    child: Child,
    output: Arc<Mutex<String>>,
    address: String,
    dir: TempDir,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl App {
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.request(&format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"))
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Response {
        let length = body.len();
        self.request(&format!(
            "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    }

    /// The body of a response that must be a 200.
    pub(crate) fn text(&self, path: &str) -> String {
        let response = self.get(path);
        assert_eq!(response.status, 200, "{path}: {response:?}");
        response.body
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    /// Sends bytes as they are and reads until the end.
    pub(crate) fn request(&self, text: &str) -> Response {
        let mut stream = self.connect();
        // A server may answer and close before it has read everything.
        let _ = stream.write_all(text.as_bytes());
        read_response(stream)
    }

    /// Waits until it has said something, and returns that line.
    pub(crate) fn wait_for_output(&mut self, text: &str) -> String {
        let found = || {
            let output = self.output.lock().unwrap();
            output.lines().find(|line| line.contains(text)).map(str::to_owned)
        };
        let end = Instant::now() + SOON;
        loop {
            if let Some(line) = found() {
                return line;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < end, "no {text:?} ({ended:?}) in:\n{}", self.output());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn wait_for_end(&mut self) -> ExitStatus {
        until(|| self.child.try_wait().unwrap())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Response {
    /// Whether Spindle itself has answered with this status.
    pub(crate) fn is_problem(&self, status: u16) -> bool {
        let is_one = self.headers.contains("content-type: application/problem+json");
        self.status == status && is_one && self.body.contains(&format!("\"status\":{status}"))
    }
}

pub(crate) fn read_response(mut stream: TcpStream) -> Response {
    let mut bytes = Vec::new();
    // What came before a connection broke is looked at all the same.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (headers, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = headers.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let headers = headers.to_ascii_lowercase();
    let body = if headers.contains("transfer-encoding: chunked") { unchunk(body) } else { body.to_owned() };
    Response { status, headers, body }
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap_or(0);
        let Some(chunk) = rest.get(..length) else { break };
        whole.push_str(chunk);
        body = rest.get(length + 2..).unwrap_or("");
    }
    whole
}

/// Waits for something to be there.
pub(crate) fn until<T>(poll: impl FnMut() -> Option<T>) -> T {
    within(SOON, poll)
}

/// Waits for something to be there, which may take so long.
pub(crate) fn within<T>(limit: Duration, mut poll: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(Instant::now() < end, "it did not happen in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A PostgreSQL that the tests that run at the same time share.
pub(crate) fn shared_postgres() -> Arc<(Postgres, TempDir)> {
    static SHARED: Mutex<Weak<(Postgres, TempDir)>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = shared.upgrade() {
        return running;
    }
    let started = Arc::new(private_postgres());
    *shared = Arc::downgrade(&started);
    started
}

/// A PostgreSQL for one test.
pub(crate) fn private_postgres() -> (Postgres, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Postgres::start(dir.path(), postgres::Options::for_tests()).unwrap(), dir)
}

/// A Redis for one test.
pub(crate) fn private_redis() -> (Redis, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Redis::start(dir.path(), redis::Options::default()).unwrap(), dir)
}
