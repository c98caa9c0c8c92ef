//! `up --experiments`: starts the experiments for the console, which as a component starts no process. It listens on a free port of
//! 127.0.0.1 and answers whoever has its token, which the console alone is given.
//!
//! | request | answer |
//! |---|---|
//! | `GET /experiments` | all experiments, with state and the end of what each has printed |
//! | `POST /experiments/NAME` | 202: it has begun; 409: another one runs; 404: there is none of this name |
//! | `GET /experiments/NAME/plot` | the plot of its last run |

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use dev_servers::process::{Launch, Managed, tail};
use dev_servers::secret;
use serde_json::{Value, json};

/// The local experiments, with what each is about.
const EXPERIMENTS: [(&str, &str); 9] = [
    ("split", "How evenly the consumers share the work."),
    ("kill-consumer", "A consumer dies in the middle of the work."),
    ("broker-restart", "The broker dies in the middle of the work, and comes back."),
    ("crash", "A consumer and then the broker die in the middle of the work."),
    ("rabbitmq-leader", "The leader of a queue on three nodes of RabbitMQ dies, and comes back."),
    ("redis-failover", "The primary of two Redis dies, and its replica, which lags, takes over."),
    ("poison", "A message that nobody can handle, among others."),
    ("outage", "The mail provider, the broker and the database fail, one after the other."),
    ("load", "Ever more clients read, refresh tokens and sign in at once."),
];
/// How long one may take; the first has its program compiled.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// Between two looks at the one that runs.
const LOOK: Duration = Duration::from_millis(500);
/// How long a caller may take to send the next bytes, or to read them.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest head of a request, in bytes.
const MAX_HEAD: u64 = 8 * 1024;
/// The largest plot, in bytes.
const MAX_PLOT: u64 = 512 * 1024;

/// The server. Dropping it ends it, and the experiment that runs.
pub(crate) struct ExperimentServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// Makes the command that runs the experiment of a name and draws its plot into a folder.
type MakeCommand = dyn Fn(&str, &Path) -> Command + Send + Sync;

struct Shared {
    token: String,
    command: Box<MakeCommand>,
    folder: PathBuf,
    limit: Duration,
    runs: Mutex<Vec<Run>>,
    is_closed: AtomicBool,
}

/// The last run of an experiment.
struct Run {
    name: &'static str,
    process: Managed,
    began: Instant,
    ended: Option<(Instant, &'static str)>,
}

impl ExperimentServer {
    /// Listens. Logs and plots are in `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        Self::with(folder, LIMIT, move |name, out| {
            let mut command = Command::new(&program);
            command.args(["experiment", name, "--messages", "150", "--out"]).arg(out);
            command
        })
    }

    fn with(
        folder: &Path,
        limit: Duration,
        command: impl Fn(&str, &Path) -> Command + Send + Sync + 'static,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free for experiments")?;
        let address = listener.local_addr().context("no port is free for experiments")?;
        let shared = Arc::new(Shared {
            token: secret::random_hex()?,
            command: Box::new(command),
            folder: folder.to_owned(),
            limit,
            runs: Mutex::default(),
            is_closed: AtomicBool::new(false),
        });
        let (inside, watched) = (Arc::clone(&shared), Arc::clone(&shared));
        std::thread::spawn(move || serve_all(&inside, &listener));
        std::thread::spawn(move || {
            while !watched.is_closed.load(Ordering::SeqCst) {
                watched.look();
                std::thread::sleep(LOOK);
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What callers show.
    pub(crate) fn token(&self) -> &str {
        &self.shared.token
    }
}

impl Drop for ExperimentServer {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        for run in self.shared.runs().iter() {
            run.process.kill();
        }
        // Wakes the thread that waits for callers.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
    }
}

impl Shared {
    fn runs(&self) -> MutexGuard<'_, Vec<Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what has ended, and ends what takes too long.
    fn look(&self) {
        for run in self.runs().iter_mut().filter(|run| run.ended.is_none()) {
            let outcome = match run.process.exit_status() {
                Some(status) if status.success() => Some("succeeded"),
                Some(_) => Some("failed"),
                None if run.began.elapsed() >= self.limit => {
                    run.process.kill();
                    Some("timed out")
                }
                None => None,
            };
            run.ended = outcome.map(|outcome| (Instant::now(), outcome));
        }
    }

    fn begin(&self, name: &str) -> (&'static str, Value) {
        let Some((name, _)) = EXPERIMENTS.into_iter().find(|(known, _)| *known == name) else {
            return ("404 Not Found", json!({"detail": "There is no such experiment."}));
        };
        self.look();
        let mut runs = self.runs();
        if self.is_closed.load(Ordering::SeqCst) || runs.iter().any(|run| run.ended.is_none()) {
            return ("409 Conflict", json!({"detail": "Another experiment runs. One runs at a time."}));
        }
        let (log, out) = (self.folder.join(format!("{name}.log")), self.folder.join(name));
        // What is shown is of this run.
        for old in [std::fs::remove_file(&log), std::fs::remove_dir_all(&out)] {
            if let Err(error) = old
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return ("500 Internal Server Error", json!({"detail": error.to_string()}));
            }
        }
        match Launch::new(name, (self.command)(name, &out), &log).start() {
            Ok(process) => {
                runs.retain(|run| run.name != name);
                runs.push(Run { name, process, began: Instant::now(), ended: None });
                ("202 Accepted", json!({"name": name}))
            }
            Err(error) => ("500 Internal Server Error", json!({"detail": error.to_string()})),
        }
    }

    fn list(&self) -> Value {
        self.look();
        let runs = self.runs();
        let item = |(name, about): (&'static str, &'static str)| {
            let run = runs.iter().find(|run| run.name == name);
            let seconds = run.map(|run| {
                let end = run.ended.map_or_else(Instant::now, |(end, _)| end);
                end.duration_since(run.began).as_secs()
            });
            json!({
                "name": name,
                "about": about,
                "state": run.map_or("never run", |run| run.ended.map_or("running", |(_, outcome)| outcome)),
                "seconds": seconds,
                "output": run.map(|run| tail(run.process.log_file())),
                "has_plot": self.plot(name).is_some(),
            })
        };
        json!({"items": EXPERIMENTS.map(item), "limit_seconds": self.limit.as_secs()})
    }

    /// The plot of the last run.
    fn plot(&self, name: &str) -> Option<PathBuf> {
        let (name, _) = EXPERIMENTS.into_iter().find(|(known, _)| *known == name)?;
        let mut files = std::fs::read_dir(self.folder.join(name)).ok()?.flatten().map(|file| file.path());
        files.find(|file| file.extension().is_some_and(|extension| extension == "svg"))
    }
}

fn serve_all(shared: &Shared, listener: &TcpListener) {
    for connection in listener.incoming() {
        if shared.is_closed.load(Ordering::SeqCst) {
            return;
        }
        match connection {
            // One after the other: there is one caller.
            Ok(connection) => drop(serve(shared, &connection)),
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

/// One request for each connection.
fn serve(shared: &Shared, connection: &TcpStream) -> std::io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut head = BufReader::new(connection).take(MAX_HEAD);
    let mut line = String::new();
    head.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut is_admitted = false;
    loop {
        line.clear();
        if head.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("authorization")
        {
            is_admitted = value.trim().strip_prefix("Bearer ").is_some_and(|token| is_same(token, &shared.token));
        }
    }
    let parts: Vec<_> = path.split('/').skip(1).collect();
    let (status, media_type, body) = match (is_admitted, method.as_str(), parts.as_slice()) {
        (false, ..) => of_json("401 Unauthorized", &json!({})),
        (_, "GET", ["experiments"]) => of_json("200 OK", &shared.list()),
        (_, "POST", ["experiments", name]) => {
            let (status, body) = shared.begin(name);
            of_json(status, &body)
        }
        (_, "GET", ["experiments", name, "plot"]) => match shared.plot(name).and_then(|file| read(&file)) {
            Some(svg) => ("200 OK", "image/svg+xml", svg),
            None => of_json("404 Not Found", &json!({})),
        },
        _ => of_json("404 Not Found", &json!({})),
    };
    let mut connection = connection;
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )?;
    connection.write_all(&body)
}

fn of_json(status: &'static str, body: &Value) -> (&'static str, &'static str, Vec<u8>) {
    (status, "application/json", body.to_string().into_bytes())
}

fn read(file: &Path) -> Option<Vec<u8>> {
    let is_small = std::fs::metadata(file).is_ok_and(|file| file.len() <= MAX_PLOT);
    is_small.then(|| std::fs::read(file).ok()).flatten()
}

/// Compares without saying by its time where two texts differ.
fn is_same(one: &str, other: &str) -> bool {
    let differences = one.bytes().zip(other.bytes()).fold(0, |found, (a, b)| found | (a ^ b));
    one.len() == other.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server whose experiments are lines of a shell; the plot goes into the folder `$1`.
    fn server(folder: &Path, limit: Duration, line: &'static str) -> ExperimentServer {
        ExperimentServer::with(folder, limit, move |name, out| {
            let mut command = Command::new("sh");
            command.args(["-c", line, name]).arg(out);
            command
        })
        .unwrap()
    }

    fn ask(server: &ExperimentServer, method: &str, path: &str, token: &str) -> (u16, String) {
        let url = format!("{}{path}", server.url());
        let request = if method == "GET" { minreq::get(url) } else { minreq::post(url) };
        let answer = request.with_header("authorization", format!("Bearer {token}")).with_timeout(10).send().unwrap();
        (answer.status_code, answer.as_str().unwrap().to_owned())
    }

    fn state(server: &ExperimentServer, name: &str) -> Value {
        let (status, text) = ask(server, "GET", "/experiments", server.token());
        assert_eq!(status, 200);
        let list: Value = serde_json::from_str(&text).unwrap();
        list["items"].as_array().unwrap().iter().find(|item| item["name"] == name).unwrap().clone()
    }

    fn wait_for(server: &ExperimentServer, name: &str, wanted: &str) -> Value {
        let found = crate::program::poll(Duration::from_secs(20), || {
            let state = state(server, name);
            (state["state"] == wanted).then_some(state)
        });
        found.unwrap_or_else(|| panic!("{name} is not {wanted}: {}", state(server, name)))
    }

    #[test]
    fn an_experiment_runs_and_leaves_its_output_and_its_plot() {
        let folder = tempfile::tempdir().unwrap();
        let line = "echo done; mkdir -p \"$1\"; echo '<svg/>' > \"$1/$0-redis.svg\"";
        let server = server(folder.path(), LIMIT, line);
        assert_eq!(state(&server, "split")["state"], "never run");
        assert_eq!(ask(&server, "GET", "/experiments/split/plot", server.token()).0, 404);
        assert_eq!(ask(&server, "POST", "/experiments/split", server.token()).0, 202);
        let ended = wait_for(&server, "split", "succeeded");
        assert_eq!((&ended["output"], &ended["has_plot"]), (&"done".into(), &true.into()));
        assert_eq!(ask(&server, "GET", "/experiments/split/plot", server.token()), (200, "<svg/>\n".to_owned()));
    }

    #[test]
    fn one_runs_at_a_time_and_ends_with_the_server_or_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let slow = server(folder.path(), LIMIT, "sleep 60");
        assert_eq!(ask(&slow, "POST", "/experiments/split", slow.token()).0, 202);
        assert_eq!(ask(&slow, "POST", "/experiments/poison", slow.token()).0, 409);
        assert_eq!(ask(&slow, "POST", "/experiments/split", slow.token()).0, 409);
        let began = Instant::now();
        drop(slow);
        assert!(began.elapsed() < Duration::from_secs(30));
        let short = server(folder.path(), Duration::from_millis(100), "sleep 60");
        assert_eq!(ask(&short, "POST", "/experiments/crash", short.token()).0, 202);
        let _ = wait_for(&short, "crash", "timed out");
        let failing = server(folder.path(), LIMIT, "echo no >&2; exit 1");
        assert_eq!(ask(&failing, "POST", "/experiments/outage", failing.token()).0, 202);
        assert_eq!(wait_for(&failing, "outage", "failed")["output"], "no");
    }

    #[test]
    fn nobody_is_answered_without_the_token_and_no_path_leads_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let server = server(folder.path(), LIMIT, "true");
        let short = &server.token()[1..].to_owned();
        for token in ["", "wrong", short] {
            assert_eq!(ask(&server, "GET", "/experiments", token).0, 401);
            assert_eq!(ask(&server, "POST", "/experiments/split", token).0, 401);
        }
        for path in ["/experiments/..", "/experiments/none", "/experiments/split;x", "/experiments/"] {
            assert_eq!(ask(&server, "POST", path, server.token()).0, 404, "{path}");
        }
        assert_eq!(ask(&server, "GET", "/experiments/../plot", server.token()).0, 404);
        assert_eq!(state(&server, "split")["state"], "never run");
    }
}
