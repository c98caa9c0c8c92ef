//! The example, run by the plugin alone, and by Spin with the plugin where `spin` is on the PATH.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dev_servers::rabbitmq::{Options, RabbitMq};
use serde_json::json;

const SOON: Duration = Duration::from_secs(60);
const PLUGIN: &str = env!("CARGO_BIN_EXE_trigger-amqp");

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("example/spin.toml")
}

/// The running example.
struct Example {
    child: Child,
    log: PathBuf,
}

impl Example {
    fn start(mut command: Command, rabbit: &RabbitMq, dir: &Path) -> Self {
        let log = dir.join("log");
        let output = File::create(&log).unwrap();
        command.env("SPIN_VARIABLE_AMQP_URL", rabbit.url()).current_dir(dir).stdin(Stdio::null());
        command.stdout(output.try_clone().unwrap()).stderr(output);
        let child = dev_servers::process::spawn(command).unwrap();
        Self { child, log }
    }

    fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + SOON;
        loop {
            let log = std::fs::read_to_string(&self.log).unwrap();
            if log.contains(text) {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < end, "no {text:?} ({ended:?}) in:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Does what the README says, and sees what it says.
    fn does_as_promised(mut self, rabbit: &RabbitMq) {
        self.wait_for("the amqp trigger is connected");
        publish(rabbit, "orders.new", "hello", "string");
        self.wait_for("orders.new, delivery 1: hello");
        publish(rabbit, "orders.new", "later", "string");
        self.wait_for("orders.new, delivery 3: later");
        publish(rabbit, "orders.new", "/w==", "base64");
        let end = Instant::now() + SOON;
        let mut reasons = Vec::new();
        while reasons.len() < 2 {
            assert!(Instant::now() < end, "only {reasons:?} are dead letters");
            let (status, answer) = rabbit
                .api(
                    "POST",
                    "/api/queues/%2F/example_prints.dead/get",
                    r#"{"count":2,"ackmode":"ack_requeue_false","encoding":"auto"}"#,
                )
                .unwrap();
            assert_eq!(status, 200, "{answer}");
            let letters: Vec<serde_json::Value> = serde_json::from_str(&answer).unwrap();
            reasons.extend(letters.iter().map(|letter| letter["properties"]["headers"]["x-dead-reason"].clone()));
            std::thread::sleep(Duration::from_millis(20));
        }
        reasons.sort_by_key(ToString::to_string);
        assert_eq!(reasons, ["it is not text", "not now"]);
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
        let end = Instant::now() + SOON;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn publish(rabbit: &RabbitMq, key: &str, payload: &str, encoding: &str) {
    let body = json!({"properties": {}, "routing_key": key, "payload": payload, "payload_encoding": encoding});
    let (status, answer) = rabbit.api("POST", "/api/exchanges/%2F/example/publish", &body.to_string()).unwrap();
    assert!(status == 200 && answer.contains("true"), "{status} {answer}");
}

#[test]
fn the_example_runs_without_spin() {
    let dir = tempfile::tempdir().unwrap();
    let rabbit = RabbitMq::start(&dir.path().join("rabbitmq"), Options::for_tests()).unwrap();
    let mut command = Command::new(PLUGIN);
    command.env_remove("SPIN_LOCKED_URL").arg("--from").arg(example());
    command.arg("--cache").arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    Example::start(command, &rabbit, dir.path()).does_as_promised(&rabbit);
}

#[test]
fn the_example_runs_on_spin() {
    if Command::new("spin").arg("--version").output().is_err() {
        eprintln!("skipped: there is no `spin` on the PATH");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = install_plugin(dir.path());
    let rabbit = RabbitMq::start(&dir.path().join("rabbitmq"), Options::for_tests()).unwrap();
    let mut command = Command::new("spin");
    command.args(["up", "--from"]).arg(example()).env("SPIN_DATA_DIR", data);
    Example::start(command, &rabbit, dir.path()).does_as_promised(&rabbit);
}

/// Installs the plugin in a folder of its own, as `spin plugins install` does it for users.
fn install_plugin(dir: &Path) -> PathBuf {
    let tarball = dir.join("plugin.tar.gz");
    let (folder, name) = (Path::new(PLUGIN).parent().unwrap(), Path::new(PLUGIN).file_name().unwrap());
    let packed = Command::new("tar").arg("-czf").arg(&tarball).arg("-C").arg(folder).arg(name).status().unwrap();
    assert!(packed.success());
    let sum = Command::new("sha256sum").arg(&tarball).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let arch = if cfg!(target_arch = "aarch64") { "aarch64" } else { "amd64" };
    let manifest = json!({
        "name": "trigger-amqp", "description": "", "version": env!("CARGO_PKG_VERSION"), "spinCompatibility": ">=3.4",
        "license": "Apache-2.0",
        "packages": [{
            "os": std::env::consts::OS, "arch": arch, "url": format!("file://{}", tarball.display()),
            "sha256": sum.split(' ').next().unwrap(),
        }],
    });
    let (file, data) = (dir.join("trigger-amqp.json"), dir.join("data"));
    std::fs::write(&file, manifest.to_string()).unwrap();
    let mut install = Command::new("spin");
    install.args(["plugins", "install", "--yes", "--file"]).arg(file).env("SPIN_DATA_DIR", &data);
    let output = install.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    data
}
