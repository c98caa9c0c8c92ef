//! Where Schemathesis asks for tokens: a door on the loopback interface, with a fresh token for each who knocks.

use crate::Sender;
use blackbox::app::TestApp;
use blackbox::http::Client;
use blackbox::people::{PASSWORD, sign_up_form};
use serde_json::json;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How people come into being.
#[derive(Clone)]
pub(crate) struct People {
    /// Where the app is.
    pub(crate) url: String,
    service_token: String,
    database_url: String,
}

impl People {
    /// Those of an app that was started here.
    pub(crate) fn of(app: &TestApp) -> Self {
        Self::new(&app.app.url(), app.service_token(), &app.backend.database_url())
    }

    /// Those of a running app.
    pub(crate) fn new(url: &str, service_token: &str, database_url: &str) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        Self { url, service_token: service_token.to_owned(), database_url: database_url.to_owned() }
    }

    /// The access token of somebody who has just signed up.
    fn fresh(&self, sender: Sender) -> Result<String, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let email = format!("fuzz-{}-{}-{number}@fuzz.example", sender.name(), std::process::id());
        let client = Client::new(&self.url);
        let signed_up = client.request("POST", "/users-ms/users").json(&sign_up_form(&email)).try_send()?;
        let id = signed_up.json()["id"].as_i64().ok_or_else(|| signed_up.text())?;
        if sender == Sender::Admin {
            let mut sql = dev_servers::postgres::connect(&self.database_url).map_err(|error| error.to_string())?;
            let promote = "UPDATE users SET role = 'admin' WHERE id = $1";
            sql.execute(promote, &[&id]).map_err(|error| error.to_string())?;
        }
        let login = json!({"username": email, "password": PASSWORD});
        let login = client.request("POST", "/auth-ms/auth/login").json(&login).try_send()?;
        login.json()["access_token"].as_str().map(str::to_owned).ok_or_else(|| login.text())
    }

    /// The token for a security scheme of the OpenAPI files.
    fn token(&self, scheme: &str, sender: Sender) -> Result<String, String> {
        match scheme {
            "serviceToken" => Ok(self.service_token.clone()),
            "accessToken" => self.fresh(sender),
            other => Err(format!("no token is known for {other}")),
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

/// Answers `GET /<scheme>`.
fn answer(visitor: TcpStream, people: &People, sender: Sender) -> std::io::Result<()> {
    let mut lines = BufReader::new(&visitor).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let scheme = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let (status, body) = match people.token(scheme, sender) {
        Ok(token) => ("200 OK", token),
        Err(error) => {
            eprintln!("no token: {error}");
            ("500 Internal Server Error", error)
        }
    };
    let length = body.len();
    write!(&visitor, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}
