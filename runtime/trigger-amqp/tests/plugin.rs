//! The plugin as Spin runs it: what it is asked, what it is given, how it is ended.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use dev_servers::rabbitmq::{Options, RabbitMq};
use serde_json::{Value, json};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(30);

fn plugin() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trigger-amqp"));
    command.env_remove("SPIN_LOCKED_URL").stdin(Stdio::null());
    command
}

fn answer(arguments: &[&str]) -> Output {
    plugin().args(arguments).output().unwrap()
}

#[test]
fn spin_learns_which_flags_to_pass_on() {
    let output = answer(&["--launch-metadata-only"]);
    assert!(output.status.success() && output.stdout.is_empty());
    let metadata: Value = serde_json::from_slice(&output.stderr).unwrap();
    let flags = metadata["all_flags"].as_array().unwrap();
    for flag in ["--variable", "--runtime-config-file", "--state-dir", "--quiet", "--log-dir"] {
        assert!(flags.iter().any(|known| known["long"] == flag), "{flag}: {metadata}");
    }
}

#[test]
fn spin_shows_the_flags_in_its_own_help() {
    let output = answer(&["--help-args-only"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("--message-deadline") && !text.contains("Usage"), "{text}");
}

#[test]
fn without_spin_it_says_what_to_do() {
    let output = answer(&[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("SPIN_LOCKED_URL") && text.contains("--from"), "{text}");
}

#[test]
fn a_lock_that_is_none_is_named() {
    for (url, part) in [("http://x", "is no file:// URL"), ("file:///nowhere/spin.lock", "/nowhere/spin.lock")] {
        let output = plugin().env("SPIN_LOCKED_URL", url).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(part), "{text}");
    }
}

/// A broker, a locked app as Spin writes it, and the plugin on both.
struct Run {
    child: Child,
    log: PathBuf,
    rabbit: RabbitMq,
    _dir: TempDir,
}

impl Run {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rabbit = RabbitMq::start(&dir.path().join("rabbitmq"), Options::for_tests()).unwrap();
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
        let guest = target.join("wasm32-wasip1/component/spindle_guest.wasm").canonicalize().unwrap();
        let source = |file: &str| json!({"content_type": "application/wasm", "source": format!("file://{file}")});
        let lock = json!({
            "spin_lock_version": 0,
            "metadata": {
                "name": "app", "version": "0.1.0", "origin": "file:///app/spin.toml",
                "triggers": {"amqp": {"address": "{{ broker }}"}, "redis": {"address": "redis://nowhere"}}
            },
            "variables": {"broker": {"secret": true}, "greeting": {"default": "hello"}},
            "triggers": [
                {"id": "a", "trigger_type": "http", "trigger_config": {"component": "web", "route": "/..."}},
                {"id": "b", "trigger_type": "redis", "trigger_config": {"component": "guest", "channel": "c"}},
                {"id": "c", "trigger_type": "amqp", "trigger_config": {
                    "component": "guest", "exchange": "user_login_event", "queue": "q", "prefetch": 1
                }}
            ],
            "components": [
                {"id": "web", "source": source("/nowhere/web.wasm")},
                {"id": "guest", "metadata": {"key_value_stores": ["default"]}, "source": source(guest.to_str().unwrap()),
                 "config": {"greeting": "{{ greeting }}"}}
            ]
        });
        let (file, log) = (dir.path().join("spin.lock"), dir.path().join("log"));
        std::fs::write(&file, lock.to_string()).unwrap();
        std::fs::write(dir.path().join("runtime.toml"), "[key_value_store.default]\ntype = \"spin\"\n").unwrap();
        let output = std::fs::File::create(&log).unwrap();
        let mut command = plugin();
        command
            .args(["--variable", &format!("broker={}", rabbit.url()), "--runtime-config-file"])
            .arg(dir.path().join("runtime.toml"))
            .arg("--cache")
            .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
            .env("SPIN_LOCKED_URL", format!("file://{}", file.display()))
            .env("SPIN_WORKING_DIR", dir.path())
            .env("SPIN_LOCAL_APP_DIR", "")
            .env("SPIN_VERSION", "3.6.3")
            .current_dir(dir.path())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        let child = dev_servers::process::spawn(command).unwrap();
        Self { child, log, rabbit, _dir: dir }
    }

    fn log(&self) -> String {
        let mut text = String::new();
        std::fs::File::open(&self.log).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + SOON;
        while !self.log().contains(text) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < end, "no {text:?} ({ended:?}) in:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn publish(&self, payload: &str) {
        let body = json!({
            "properties": {"delivery_mode": 2}, "routing_key": "", "payload": payload, "payload_encoding": "string"
        });
        let path = "/api/exchanges/%2F/user_login_event/publish";
        let (status, answer) = self.rabbit.api("POST", path, &body.to_string()).unwrap();
        assert!(status == 200 && answer.contains("true"), "{status} {answer}");
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_amqp_triggers_of_a_locked_app_are_run_until_sigterm() {
    let mut run = Run::start();
    run.wait_for("the amqp trigger is connected");
    run.publish("hello");
    run.wait_for("got hello (5 bytes), delivery 1 from q by user_login_event/");
    run.publish("sleep 700");
    run.wait_for("got sleep 700");
    let status = Command::new("kill").args(["-TERM", &run.child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let end = Instant::now() + SOON;
    let status = loop {
        if let Some(status) = run.child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < end, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(0));
    assert!(run.log().contains("done sleep 700"), "{}", run.log());
    let (status, queue) = run
        .rabbit
        .api("POST", "/api/queues/%2F/q/get", r#"{"count":1,"ackmode":"ack_requeue_true","encoding":"auto"}"#)
        .unwrap();
    assert_eq!((status, queue.as_str()), (200, "[]"), "all is acknowledged");
}
