//! `queue`: lists, redrives and drops dead letters through the API of a running app.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::app_variables::from_dev_env;
use crate::folder::Folder;

/// For one request.
const REQUEST_SECONDS: u64 = 60;
/// A bound on pages, and on calls for all dead letters.
const MOST_CALLS: usize = 1_000;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// Where the app is [default: CONCIERGE_URL, else that of the last `up`].
    #[arg(long, global = true)]
    url: Option<String>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List all queues (Redis), or the dead letters of one.
    List {
        /// The queue.
        queue: Option<String>,
    },
    /// Return dead letters to their queue.
    Redrive(Which),
    /// Drop dead letters.
    Drop(Which),
}

#[derive(clap::Args)]
struct Which {
    /// The queue.
    queue: String,
    /// The dead letter with this id.
    #[arg(long, required_unless_present = "all")]
    id: Option<String>,
    /// All of them.
    #[arg(long, conflicts_with = "id")]
    all: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let app = App::find(arguments.url.as_deref())?;
    match &arguments.action {
        Action::List { queue: None } => {
            let state = app.ask("GET", "")?;
            for item in items(&state) {
                let number = |name: &str| item[name].as_u64().unwrap_or_default();
                let pause = item["paused_for"].as_u64().map(|s| format!(", pauses for {s} s")).unwrap_or_default();
                println!(
                    "{}: {} waiting, {} in flight, {} retrying, {} dead{pause}",
                    text(item, "queue"),
                    number("waiting"),
                    number("in_flight"),
                    number("retrying"),
                    number("dead")
                );
            }
        }
        Action::List { queue: Some(queue) } => list(&app, queue)?,
        Action::Redrive(which) => act(&app, which, "POST", "/redrive", "redriven")?,
        Action::Drop(which) => act(&app, which, "DELETE", "", "dropped")?,
    }
    Ok(())
}

fn list(app: &App, queue: &str) -> Result<()> {
    let mut cursor = String::new();
    for _ in 0..MOST_CALLS {
        let page = app.ask("GET", &format!("/{queue}/dead?limit=100{cursor}"))?;
        for dead_letter in items(&page) {
            let attempts = dead_letter["attempts"].as_u64().unwrap_or_default();
            println!(
                "{}  since {}, attempts {attempts}, event {}: {}",
                text(dead_letter, "id"),
                text(dead_letter, "dead_since"),
                text(dead_letter, "event_id"),
                text(dead_letter, "reason")
            );
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(()),
        }
    }
    bail!("there are more dead letters than were listed")
}

/// Acts on one dead letter, or on all in as many calls as that takes. A message that is dead-lettered again meanwhile is
/// not taken twice: the calls end when nothing is left, or after as many as there were at the beginning.
fn act(app: &App, which: &Which, method: &str, ending: &str, what: &str) -> Result<()> {
    let queue = &which.queue;
    if let Some(id) = &which.id {
        app.ask(method, &format!("/{queue}/dead/{id}{ending}"))?;
        println!("1 {what}");
        return Ok(());
    }
    let (mut done, mut there) = (0, None);
    for _ in 0..MOST_CALLS {
        let answer = app.ask(method, &format!("/{queue}/dead{ending}"))?;
        let number = |name: &str| answer[name].as_u64().unwrap_or_default();
        done += number(what);
        let there = *there.get_or_insert(number(what) + number("left"));
        if number(what) == 0 || number("left") == 0 || done >= there {
            break;
        }
    }
    println!("{done} {what}");
    Ok(())
}

fn items(page: &Value) -> impl Iterator<Item = &Value> {
    page["items"].as_array().into_iter().flatten()
}

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name].as_str().unwrap_or("-")
}

/// A running app, and the credential for it.
struct App {
    url: String,
    token: String,
}

impl App {
    fn find(url: Option<&str>) -> Result<Self> {
        let state = Folder::find()?.state()?;
        let setting = |name: &str| {
            std::env::var(name).ok().or_else(|| from_dev_env(&state, name)).with_context(|| {
                format!("{name} is not set, and .concierge/dev.env does not have it: run `cargo xtask up`, or set it")
            })
        };
        let url = url.map_or_else(|| setting("CONCIERGE_URL"), |url| Ok(url.to_owned()))?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { url, token: setting("CONCIERGE_OPERATOR_CREDENTIAL")? })
    }

    fn ask(&self, method: &str, path: &str) -> Result<Value> {
        let path = format!("/notification-ms/internal/queues{path}");
        let url = format!("{}{path}", self.url);
        let request = match method {
            "GET" => minreq::get(url),
            "DELETE" => minreq::delete(url),
            _ => minreq::post(url).with_header("content-length", "0"),
        };
        let answer = request
            .with_header("authorization", format!("Bearer {}", self.token))
            .with_timeout(REQUEST_SECONDS)
            .send()
            .with_context(|| format!("{method} {path}"))?;
        let body: Value = serde_json::from_slice(answer.as_bytes()).unwrap_or_default();
        if !(200..300).contains(&answer.status_code) {
            bail!("{method} {path} returned {}: {}", answer.status_code, text(&body, "detail"));
        }
        Ok(body)
    }
}
