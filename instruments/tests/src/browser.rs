//! A browser, driven as a person would: Chromium, by the WebDriver protocol (W3C) that its driver speaks.

use crate::folder;
use crate::poll;
use crate::skipped;
use base64::Engine as _;
use dev_servers::browser::Programs;
use dev_servers::ports;
use dev_servers::process::{Launch, Managed};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// For one command: a slow machine takes its time to start a browser.
const LIMIT: Duration = Duration::from_secs(60);
/// For something to appear on the page.
const PATIENCE: Duration = Duration::from_secs(20);
/// The member of a JSON object that stands for an element of the page (WebDriver, 12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A running browser with one window. Dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    agent: ureq::Agent,
    /// `http://127.0.0.1:<port>/session/<id>`.
    session: String,
    folder: PathBuf,
    driver: Managed,
}

/// An element of the page.
#[derive(Debug)]
pub struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl Browser {
    /// Starts one with a profile of its own; `None`, and the reason printed, where no Chromium is installed.
    ///
    /// # Panics
    /// If one is installed and does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts one with further arguments.
    ///
    /// # Panics
    /// If one is installed and does not start.
    #[must_use]
    pub fn start_with(arguments: &[String]) -> Option<Self> {
        let Some(programs) = Programs::find() else {
            skipped::note(&format!("there is no browser here; {}", Programs::ADVICE));
            return None;
        };
        let folder = folder::fresh("browser");
        let port = ports::free_port().expect("there is a free port");
        let mut command = Command::new(&programs.driver);
        command.arg(format!("--port={port}"));
        let log = folder.join("chromedriver.log");
        let driver = Launch::new("chromedriver", command, &log).start().expect("chromedriver starts");
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(LIMIT)).proxy(None);
        let agent = config.build().into();
        let base = format!("http://127.0.0.1:{port}");
        let mut browser = Self { agent, session: base, folder, driver };
        poll::until(LIMIT, "chromedriver is ready", || {
            browser.try_command("GET", "/status", None).is_ok_and(|status| status["ready"] == true)
        });
        let session = browser.command("POST", "/session", Some(&capabilities(&programs, &browser.folder, arguments)));
        let id = session["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("{}/session/{id}", browser.session);
        Some(browser)
    }

    /// Opens a page and waits until it is loaded.
    pub fn open(&self, url: &str) {
        self.command("POST", "/url", Some(&json!({"url": url})));
    }

    /// The same for a page that may not be reached.
    ///
    /// # Errors
    /// What the driver says.
    pub fn try_open(&self, url: &str) -> Result<(), String> {
        self.try_command("POST", "/url", Some(&json!({"url": url}))).map(drop)
    }

    /// The first element that a script finds, as soon as it finds one. The script is the body of a function.
    ///
    /// # Panics
    /// If it finds none in time.
    #[track_caller]
    #[must_use]
    pub fn find_by(&self, script: &str) -> Element<'_> {
        let id = poll::eventually(PATIENCE, script, || self.script(script)[ELEMENT].as_str().map(str::to_owned));
        Element { browser: self, id }
    }

    /// The first element that a CSS selector matches, as soon as there is one.
    ///
    /// # Panics
    /// If there is none in time.
    #[track_caller]
    #[must_use]
    pub fn find(&self, selector: &str) -> Element<'_> {
        self.find_by(&format!("return document.querySelector({})", Value::from(selector)))
    }

    /// What a script returns. It is the body of a function.
    ///
    /// # Panics
    /// If it throws.
    #[must_use]
    pub fn script(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", Some(&json!({"script": script, "args": []})))
    }

    /// Gives it an authenticator that keeps passkeys and always finds its user, the person, there (WebAuthn level 3, 11).
    pub fn add_authenticator(&self) {
        let options = json!({"protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserConsenting": true, "isUserVerified": true});
        self.command("POST", "/webauthn/authenticator", Some(&options));
    }

    /// The window as wide and as high as this, in the light or in the dark, for somebody who wants nothing to move.
    pub fn show_as(&self, width: u32, height: u32, is_dark: bool) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// In this time zone, such as `Asia/Tokyo`, from the next page on.
    pub fn move_to(&self, zone: &str) {
        self.devtools("Emulation.setTimezoneOverride", &json!({"timezoneId": zone}));
    }

    /// Puts files that are downloaded into a folder.
    pub fn download_into(&self, folder: &Path) {
        self.devtools("Browser.setDownloadBehavior", &json!({"behavior": "allow", "downloadPath": folder}));
    }

    /// Whether pages may run scripts, from the next one on.
    pub fn allow_scripts(&self, are_allowed: bool) {
        self.devtools("Emulation.setScriptExecutionDisabled", &json!({"value": !are_allowed}));
    }

    /// What scripts could never see: cookies with all their attributes.
    #[must_use]
    pub fn cookies(&self) -> Vec<Value> {
        let cookies = self.command("GET", "/cookie", None);
        cookies.as_array().cloned().unwrap_or_default()
    }

    /// Where the browser is.
    #[must_use]
    pub fn address(&self) -> String {
        self.command("GET", "/url", None).as_str().unwrap_or_default().to_owned()
    }

    /// Presses keys, wherever the focus is.
    pub fn press(&self, keys: &str) {
        let focused = self.command("GET", "/element/active", None);
        let element = focused[ELEMENT].as_str().unwrap_or_default();
        self.command("POST", &format!("/element/{element}/value"), Some(&json!({"text": keys})));
    }

    /// A command of the browser's own protocol.
    fn devtools(&self, command: &str, parameters: &Value) {
        self.command("POST", "/goog/cdp/execute", Some(&json!({"cmd": command, "params": parameters})));
    }

    /// What the console shows: errors and warnings, violations of a content security policy among them.
    #[must_use]
    pub fn console(&self) -> Vec<String> {
        self.log("browser").iter().map(|entry| format!("{}: {}", entry["level"], entry["message"])).collect()
    }

    /// The addresses of all requests since it was asked last, but for those of the browser's own first page.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let events = self.log("performance");
        let events = events.iter().filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok());
        let sent = events.filter(|event| event["message"]["method"] == "Network.requestWillBeSent");
        let addresses =
            sent.filter_map(|event| event["message"]["params"]["request"]["url"].as_str().map(str::to_owned));
        addresses.filter(|address| !address.starts_with("chrome://")).collect()
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        let log = self.command("POST", "/se/log", Some(&json!({"type": kind})));
        log.as_array().cloned().unwrap_or_default()
    }

    /// Writes what the window shows into the folder of the run, and says where.
    ///
    /// # Panics
    /// If there is no picture, or it cannot be written.
    pub fn screenshot(&self, name: &str) {
        let picture = self.command("GET", "/screenshot", None);
        let picture = base64::engine::general_purpose::STANDARD.decode(picture.as_str().unwrap_or_default());
        let file = self.folder.join(name);
        std::fs::write(&file, picture.expect("a picture is base64")).expect("a picture can be written");
        println!("a screenshot is in {}", file.display());
    }

    #[track_caller]
    fn command(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        self.try_command(method, path, body).unwrap_or_else(|error| panic!("WebDriver {method} {path}: {error}"))
    }

    fn try_command(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.session));
        let sent = match body {
            Some(body) => request.body(body.to_string()).map(|request| self.agent.run(request)),
            None => request.body(()).map(|request| self.agent.run(request)),
        };
        let mut answer = sent.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let text = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
        let mut body: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
        if answer.status().is_success() { Ok(body["value"].take()) } else { Err(body["value"]["message"].to_string()) }
    }
}

impl Element<'_> {
    /// Clicks it, as soon as it can be clicked.
    ///
    /// # Panics
    /// If it cannot be clicked in time.
    #[track_caller]
    pub fn click(&self) {
        let path = format!("/element/{}/click", self.id);
        poll::until(PATIENCE, "an element can be clicked", || {
            self.browser.try_command("POST", &path, Some(&json!({}))).is_ok()
        });
    }

    /// Types into it, over what is there.
    pub fn type_in(&self, text: &str) {
        // Control-A, and all keys up again (WebDriver, 17.4.2).
        let keys = format!("\u{e009}a\u{e000}{text}");
        self.browser.command("POST", &format!("/element/{}/value", self.id), Some(&json!({"text": keys})));
    }

    /// The text that it shows.
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.browser.command("GET", &format!("/element/{}/text", self.id), None);
        text.as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!(
                "the browser's console: {:#?}",
                self.try_command("POST", "/se/log", Some(&json!({"type": "browser"})))
            );
            println!("its driver logged last: {}", self.driver.log_tail());
        }
        // In good order.
        let _ = self.try_command("DELETE", "", None);
    }
}

/// A browser without a window, and without calls home.
fn capabilities(programs: &Programs, folder: &Path, further: &[String]) -> Value {
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let usual = [
        "--headless=new",
        // It ends when the driver at the other end of the pipe does, however that comes about.
        "--remote-debugging-pipe",
        // Chromium's own sandbox does not work for root, and the only page is ours.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,1400",
        &profile,
    ];
    let arguments: Vec<_> = usual.into_iter().chain(further.iter().map(String::as_str)).collect();
    json!({"capabilities": {"alwaysMatch": {
        "goog:chromeOptions": {"binary": programs.chromium, "args": arguments},
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    }}})
}
