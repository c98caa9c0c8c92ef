//! The app on a backend, as a process of its own.

use crate::backend::Backend;
use crate::http::{Client, Request};
use crate::schedules::{Scheduled, Schedules};
use crate::turn::{self, Together};
use crate::{folder, poll};
use dev_servers::app::{App, AppOptions};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use crate::runtime::{RuntimeKind, is_spindle, runtime};

/// The key of the passwords' pre-hash in tests.
const PEPPER: &str = "a-pepper-for-tests-of-32-bytes-or-more";
/// The seed of the key that signs access tokens in tests.
pub const SIGNING_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// The key of refresh tokens in tests.
pub const REFRESH_TOKEN_KEY: &str = "a key of refresh tokens for tests alone";
/// The keys that seal the secrets of authenticator apps in tests.
pub const TOTP_KEYS: &str = "test:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// The keys that seal the cookies of account's pages in tests, and those of the console.
pub const COOKIE_KEYS: &str = "test:ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";
/// The manifest with RabbitMQ, which has a trigger for each queue.
const RABBITMQ_MANIFEST: &str = include_str!("../../../spin.rabbitmq.toml");
/// Until all triggers of an app listen.
const TRIGGERS_LISTEN: Duration = Duration::from_secs(30);
/// How often the [`Schedules`] of the shared app run.
const ROUND: Duration = Duration::from_millis(300);

/// The key set with the public key that goes with this signing key.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn public_keys(signing_key: &str) -> String {
    let key = tokens::SigningKey::parse(signing_key).expect("a key is 64 hexadecimal digits");
    key.public().to_jwks().to_string()
}

/// An app to be started.
#[derive(Debug)]
#[must_use = "it is to be started"]
pub struct Setup {
    backend: Arc<Backend>,
    variables: Vec<(String, String)>,
    components: Vec<String>,
    port: u16,
    messages: Option<PathBuf>,
    environment: Vec<(String, String)>,
}

impl Setup {
    /// Mounts another folder in the place of the messages that are shipped.
    pub fn messages(self, folder: &Path) -> Self {
        Self { messages: Some(folder.to_owned()), ..self }
    }

    /// Gives a variable of the manifest a value.
    pub fn variable(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }

    /// Sets an environment variable of the runtime.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs only these components.
    pub fn only(mut self, components: &[&str]) -> Self {
        self.components = components.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Listens on this port, for apps that have to be told their own address; otherwise it is a free one.
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Starts it and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    #[must_use]
    pub fn start(self) -> TestApp {
        let workspace = folder::workspace();
        let manifest = if self.backend.rabbit.is_some() { "spin.rabbitmq.toml" } else { "spin.toml" };
        let dir = folder::fresh("app");
        let manifest = match &self.messages {
            Some(messages) => with_messages(&workspace.join(manifest), messages, &dir),
            None => workspace.join(manifest),
        };
        let mut options = AppOptions::new(runtime(), &manifest, &dir);
        options.binary = Some(runtime().binary(workspace));
        options.runtime_config = Some(workspace.join("runtime-config.toml"));
        options.variables = self.backend.variables();
        options.variables.extend(self.variables);
        let has_consumer = self.components.is_empty() || self.components.iter().any(|name| name == "notification");
        options.components = self.components;
        options.environment = self.environment;
        options.listen.set_port(self.port);
        // Spin serves HTTP before its other triggers, which are processes of their own, listen.
        let is_early = runtime() == RuntimeKind::Spin && has_consumer;
        let before = is_early.then(|| self.backend.subscribers());
        let app = App::start(options).unwrap_or_else(|error| panic!("the app does not start: {error}"));
        let app = TestApp { client: Client::new(&app.url()), app, backend: self.backend };
        if let Some(mut before) = before {
            poll::until(TRIGGERS_LISTEN, "the triggers listen", || app.has_subscribed(&mut before));
        }
        app
    }
}

/// The manifest with another folder of messages, written into `dir`, so that what it names is named wholly.
fn with_messages(manifest: &Path, messages: &Path, dir: &Path) -> PathBuf {
    let text = std::fs::read_to_string(manifest).expect("the manifest can be read");
    let shipped = "source = \"components/notification/messages\"";
    assert_eq!(text.matches(shipped).count(), 1, "the manifest mounts the messages");
    let text = text.replace(shipped, &format!("source = \"{}\"", messages.display()));
    // What is no file, such as the exchange that a queue gets its messages from, stays as it is.
    let whole = |(number, part): (usize, &str)| match part.split_once('"') {
        Some((path, rest)) if number > 0 && folder::workspace().join(path).exists() => {
            format!("{}\"{rest}", folder::workspace().join(path).display())
        }
        _ => part.to_owned(),
    };
    let text = text.split("source = \"").enumerate().map(whole).collect::<Vec<_>>().join("source = \"");
    let written = dir.join("spin.toml");
    std::fs::write(&written, text).expect("a manifest can be written");
    written
}

/// A running app. Dropping it stops it, and shows its log if the test has failed.
#[derive(Debug)]
pub struct TestApp {
    /// The process.
    pub app: App,
    /// What it stands on.
    pub backend: Arc<Backend>,
    client: Client,
}

impl TestApp {
    /// An app on this backend, with cheap password hashing and quick sends, that asks nobody who they are, makes
    /// nobody wait, asks nobody to confirm an address and tells people of every sign-in: most tests are about something else.
    pub fn on(backend: &Arc<Backend>) -> Setup {
        let (variables, components, environment) = (Vec::new(), Vec::new(), Vec::new());
        Setup { backend: Arc::clone(backend), variables, components, port: 0, messages: None, environment }
            .variable("password_pepper", PEPPER)
            .variable("token_signing_key", SIGNING_KEY)
            .variable("refresh_token_key", REFRESH_TOKEN_KEY)
            .variable("token_public_keys", public_keys(SIGNING_KEY))
            .variable("authorization", "off")
            .variable("login_throttling", "off")
            .variable("email_verification", "off")
            .variable("login_notice", "always")
            .variable("totp_keys", TOTP_KEYS)
            .variable("account_cookie_keys", COOKIE_KEYS)
            // The same keys: what a cookie is for is sealed with it.
            .variable("console_cookie_keys", COOKIE_KEYS)
            .variable("oauth_provider", "on")
            .variable("bcrypt_cost", 4)
            .variable("notification_send_ms", 20)
    }

    /// The app that tests share which only ask it things, with a turn together with them.
    #[must_use]
    pub fn shared() -> SharedApp {
        static SHARED: OnceLock<(TestApp, Schedules)> = OnceLock::new();
        let turn = turn::together();
        let (app, _) = SHARED.get_or_init(|| {
            // Many tests sign people up at once here; that there are not places for all is another test's subject.
            let app = TestApp::on(&Backend::new()).variable("hash_permits", 256).start();
            let schedules = Schedules::start(&[&app], ROUND);
            (app, schedules)
        });
        SharedApp { _turn: turn, app }
    }

    /// The app that tests share which are about who may do what: it asks everybody who they are.
    #[must_use]
    pub fn guarded() -> SharedApp {
        static GUARDED: OnceLock<TestApp> = OnceLock::new();
        let turn = turn::together();
        let app = GUARDED.get_or_init(|| TestApp::on(&Backend::new()).variable("authorization", "required").start());
        SharedApp { _turn: turn, app }
    }

    /// A GET request.
    pub fn get(&self, path: &str) -> Request<'_> {
        self.client.request("GET", path)
    }

    /// A POST request.
    pub fn post(&self, path: &str) -> Request<'_> {
        self.client.request("POST", path)
    }

    /// A PUT request.
    pub fn put(&self, path: &str) -> Request<'_> {
        self.client.request("PUT", path)
    }

    /// A PATCH request.
    pub fn patch(&self, path: &str) -> Request<'_> {
        self.client.request("PATCH", path)
    }

    /// A DELETE request.
    pub fn delete(&self, path: &str) -> Request<'_> {
        self.client.request("DELETE", path)
    }

    /// A request of any method.
    pub fn request<'a>(&'a self, method: &'a str, path: &str) -> Request<'a> {
        self.client.request(method, path)
    }

    /// The client, for requests that are made byte by byte.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What auth shows other services.
    #[must_use]
    pub fn auth(&self) -> &str {
        &self.backend.auth_credential
    }

    /// What the schedules show.
    #[must_use]
    pub fn scheduler(&self) -> &str {
        &self.backend.scheduler_credential
    }

    /// What an operator shows.
    #[must_use]
    pub fn operator(&self) -> &str {
        &self.backend.operator_credential
    }

    /// What collects metrics shows.
    #[must_use]
    pub fn metrics(&self) -> &str {
        &self.backend.metrics_credential
    }

    /// The credential that the internal route at this path asks for.
    #[must_use]
    pub fn credential_for(&self, path: &str) -> &str {
        match path {
            _ if path.contains("/outbox/sweep") || path.contains("/internal/consumers/wake") => self.scheduler(),
            _ if path.ends_with("/internal/metrics") => self.metrics(),
            _ if path.starts_with("/users-ms/internal/") => self.auth(),
            _ => self.operator(),
        }
    }

    /// Sweeps the outbox, as a schedule does.
    #[track_caller]
    pub fn sweep(&self) -> serde_json::Value {
        self.post("/users-ms/internal/outbox/sweep").bearer(self.scheduler()).send().expect(200).json()
    }

    /// Waits until a route answers with `status`.
    ///
    /// # Panics
    /// If it does not within `limit`.
    #[track_caller]
    pub fn wait_for(&self, path: &str, status: u16, limit: Duration) {
        let what = format!("{path} answers {status}");
        poll::until(limit, &what, || self.get(path).try_send().is_ok_and(|answer| answer.status == status));
    }

    /// Waits until a line of the log has this in it. A line may come a little after the answer that it is about.
    ///
    /// # Panics
    /// If there is none after some seconds.
    #[track_caller]
    pub fn wait_for_log(&self, part: &str) {
        self.wait_for_log_within(Duration::from_secs(5), part);
    }

    /// The same for a line that takes its time.
    ///
    /// # Panics
    /// If there is none within `limit`.
    #[track_caller]
    pub fn wait_for_log_within(&self, limit: Duration, part: &str) {
        poll::until(limit, &format!("\"{part}\" is logged"), || self.log().contains(part));
    }

    /// Whether its triggers listen to the broker, where so many others did before. Redis may notice only now that one of
    /// those was killed.
    fn has_subscribed(&self, before: &mut u64) -> bool {
        if self.backend.rabbit.is_some() {
            return self.log().matches("the amqp trigger is connected").count()
                >= RABBITMQ_MANIFEST.matches("[[trigger.amqp]]").count();
        }
        let now = self.backend.subscribers();
        *before = now.min(*before);
        now > *before
    }

    /// All that the app has logged, components and runtime.
    #[must_use]
    pub fn log(&self) -> String {
        self.app.log()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the app at {} logged last:\n{}", self.app.url(), self.app.log_tail());
        }
    }
}

/// The shared app, for the length of a turn.
#[derive(Debug)]
pub struct SharedApp {
    _turn: Together,
    app: &'static TestApp,
}

impl Deref for SharedApp {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        self.app
    }
}

impl Scheduled for TestApp {
    fn target(&self) -> (Client, String) {
        (Client::new(&self.app.url()), self.scheduler().to_owned())
    }
}
