//! Where Schemathesis asks for tokens: a door on the loopback interface, with somebody new for each who knocks.

use crate::Sender;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blackbox::app::TestApp;
use blackbox::broker::LOGIN_SMS;
use blackbox::http::Client;
use blackbox::people::{PASSWORD, sign_up_form};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What services show.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// What auth shows.
    pub(crate) auth: String,
    /// What the schedules show.
    pub(crate) scheduler: String,
    /// What an operator shows.
    pub(crate) operator: String,
    /// What collects metrics shows.
    pub(crate) metrics: String,
}

/// How people come into being.
#[derive(Clone)]
pub(crate) struct People {
    /// Where the app is.
    pub(crate) url: String,
    credentials: Credentials,
    database_url: String,
}

impl People {
    /// Those of an app that was started here.
    pub(crate) fn of(app: &TestApp) -> Self {
        let credentials = Credentials {
            auth: app.auth().to_owned(),
            scheduler: app.scheduler().to_owned(),
            operator: app.operator().to_owned(),
            metrics: app.metrics().to_owned(),
        };
        Self::new(&app.app.url(), credentials, &app.backend.database_url())
    }

    /// Those of a running app.
    pub(crate) fn new(url: &str, credentials: Credentials, database_url: &str) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        Self { url, credentials, database_url: database_url.to_owned() }
    }

    /// Somebody who has just signed up and in: `id`, `session_id`, `email`, `password`, `access_token`, `refresh_token`.
    fn fresh(&self, sender: Sender) -> Result<Value, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let email = format!("fuzz-{}-{}-{number}@fuzz.example", sender.name(), std::process::id());
        let client = Client::new(&self.url);
        let signed_up = client.request("POST", "/users-ms/users").json(&sign_up_form(&email)).try_send()?;
        let id = signed_up.json()["id"].as_i64().ok_or_else(|| signed_up.text())?;
        if sender == Sender::Admin {
            let mut sql = dev_servers::postgres::connect(&self.database_url).map_err(|error| error.to_string())?;
            sql.query_one("SELECT make_administrator($1)", &[&email]).map_err(|error| error.to_string())?;
        }
        let login = json!({"username": email, "password": PASSWORD});
        let login = client.request("POST", "/auth-ms/auth/login").json(&login).try_send()?;
        let tokens = login.json();
        let session = tokens["access_token"].as_str().and_then(session).ok_or_else(|| login.text())?;
        Ok(json!({
            "id": id,
            "session_id": session,
            "email": email,
            "password": PASSWORD,
            "access_token": tokens["access_token"],
            "refresh_token": tokens["refresh_token"],
        }))
    }

    /// The oldest dead letter of a queue: `queue`, `id`; null if there is none.
    fn dead_letter(&self) -> Result<Value, String> {
        let path = format!("/notification-ms/internal/queues/{LOGIN_SMS}/dead?limit=1");
        let client = Client::new(&self.url);
        let page = client.request("GET", &path).bearer(&self.credentials.operator).try_send()?.json();
        let id = page["items"][0]["id"].as_str();
        Ok(id.map_or(Value::Null, |id| json!({"queue": LOGIN_SMS, "id": id})))
    }

    /// What there is at a door.
    fn give(&self, door: &str, sender: Sender) -> Result<Value, String> {
        match door {
            "service" => Ok(json!({
                "authCredential": self.credentials.auth,
                "schedulerCredential": self.credentials.scheduler,
                "operatorCredential": self.credentials.operator,
                "metricsCredential": self.credentials.metrics,
            })),
            "person" => self.fresh(sender),
            "dead_letter" => self.dead_letter(),
            other => Err(format!("there is no door {other}")),
        }
    }
}

/// An open door. It closes when this process ends.
pub(crate) struct Office {
    /// Where it is.
    pub(crate) url: String,
}

impl Office {
    /// Opens one for a sender.
    pub(crate) fn open(people: People, sender: Sender) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let people = Arc::new(people);
        std::thread::spawn(move || {
            for visitor in listener.incoming().flatten() {
                // A visitor who goes away is no loss.
                let _ = answer(visitor, &people, sender);
            }
        });
        Self { url: format!("http://{address}") }
    }
}

/// The session that an access token is of.
fn session(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims["sid"].as_str().map(str::to_owned)
}

/// Answers `GET /service`, `GET /person` and `GET /dead_letter`.
fn answer(visitor: TcpStream, people: &People, sender: Sender) -> std::io::Result<()> {
    let mut lines = BufReader::new(&visitor).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let door = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let (status, body) = match people.give(door, sender) {
        Ok(given) => ("200 OK", given.to_string()),
        Err(error) => {
            eprintln!("nothing to give: {error}");
            ("500 Internal Server Error", error)
        }
    };
    let length = body.len();
    write!(&visitor, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}
