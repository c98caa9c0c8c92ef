//! Overview, messages and experiments of the console in a real browser: numbers that change by themselves, what everybody can read, and
//! experiments that something else runs.

use crate::console_sign_in::Admin;
use blackbox::app::{Setup, TestApp, is_spindle};
use blackbox::backend::Backend;
use blackbox::broker::LOGIN_EMAIL;
use blackbox::browser::Browser;
use blackbox::people::PASSWORD;
use blackbox::visitor::heading;
use blackbox::{look, poll, turn};
use dev_servers::ports;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
const TOKEN: &str = "what-the-console-shows";
const PAGES: [&str; 8] = [
    "",
    "/messages",
    "/messages?to=nobody@console-live.example",
    "/messages?state=dead",
    "/messages?state=dead&to=nobody@console-live.example&queue=login_email_notification",
    "/messages/dead/login-email-notification",
    "/messages/dead/login-email-notification/all/drop",
    "/experiments",
];

/// What runs experiments, in place of `cargo xtask up --experiments`: one has run, and another runs once it is started.
struct Experiments {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Experiments {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        // It ends with the tests.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let _ = answer(connection, &seen);
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

fn answer(mut connection: TcpStream, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 && connection.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let is_admitted = head.to_lowercase().contains(&format!("authorization: bearer {TOKEN}"));
    let is_running = {
        let mut seen = seen.lock().expect("nobody panics with it");
        seen.push(line.clone());
        seen.iter().any(|line| line == "POST /experiments/poison")
    };
    let item = |name: &str, state: &str, output: &str, has_plot: bool| json!({"name": name, "about": "What it is about.", "state": state, "seconds": 7, "output": output, "has_plot": has_plot});
    let list = json!({"items": [
        item("split", "succeeded", "<script>alert(1)</script> kept", true),
        item("poison", if is_running { "running" } else { "never run" }, "", false),
    ]});
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\" width=\"90\" height=\"90\"><script>alert(1)</script></svg>";
    let (status, kind, body) = match line.as_str() {
        _ if !is_admitted => ("401 Unauthorized", "application/json", "{}".to_owned()),
        "GET /experiments" => ("200 OK", "application/json", list.to_string()),
        "POST /experiments/poison" if !is_running => ("202 Accepted", "application/json", "{}".to_owned()),
        "POST /experiments/poison" => ("202 Accepted", "application/json", "{}".to_owned()),
        "POST /experiments/split" => ("409 Conflict", "application/json", "{}".to_owned()),
        "GET /experiments/split/plot" => ("200 OK", "image/svg+xml", svg.to_owned()),
        _ => ("404 Not Found", "application/json", "{}".to_owned()),
    };
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

#[track_caller]
fn wait_for_heading(browser: &Browser, text: &str) {
    poll::until(SOON, text, || browser.script("return document.querySelector('h1')?.textContent") == json!(text));
}

fn press(browser: &Browser, path: &str) {
    browser.find(&format!("form[action='{path}'] button")).click();
}

/// The app and something that runs experiments, with a dead letter whose reason somebody else has chosen.
fn start() -> (TestApp, String, Experiments) {
    let port = ports::free_port().expect("there is a free port");
    let origin = format!("http://localhost:{port}");
    let experiments = Experiments::start();
    let backend = Backend::new();
    backend.broker().add_dead_letter(LOGIN_EMAIL, "<img src=x onerror=alert(1)> no");
    let setup = TestApp::on(&backend)
        .variable("authorization", "required")
        .variable("public_url", &origin)
        .variable("console_experiments_url", &experiments.url)
        .variable("console_experiments_token", TOKEN);
    (counted(setup).port(port).start(), origin, experiments)
}

/// With a runtime that counts requests, if it does, and shows them to the console.
fn counted(setup: Setup) -> Setup {
    let address = format!("127.0.0.1:{}", ports::free_port().expect("there is a free port"));
    setup.environment("SPINDLE_METRICS_LISTEN", &address).variable("console_metrics_url", format!("http://{address}"))
}

/// The cells of a service in the table of requests.
fn requests_of(page: &str, service: &str) -> Vec<String> {
    let (_, table) = page.split_once("aria-label=\"Requests\"").unwrap_or_default();
    let (_, row) = table.split_once(&format!("<th scope=\"row\">{service}</th>")).unwrap_or_default();
    let row = row.split("</tr>").next().unwrap_or_default();
    row.split("<td").skip(1).filter_map(|cell| Some(text_of(cell.split_once('>')?.1))).collect()
}

/// What is read of a piece of HTML.
fn text_of(html: &str) -> String {
    html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect()
}

#[test]
fn requests_by_service_are_shown_where_the_runtime_counts_them() {
    if !is_spindle("Spin shows no metrics as text") {
        return;
    }
    let _turn = turn::together();
    let app = counted(TestApp::on(&Backend::new()).variable("authorization", "required")).start();
    let visitor = Admin::new(&app, "grace@console-requests.example").enter(&app);
    let page = visitor.open("/console").expect(200).text();
    let first = requests_of(&page, "users");
    assert_eq!(first[..2], ["–", "–"], "a rate takes two looks: {first:?}");
    let since_the_start: u64 = first[3].parse().expect("a number");
    assert!(since_the_start > 0, "{first:?}");
    let (_, live) = page.split_once("data-live=\"").expect("a part changes");
    let live = live.split('"').next().unwrap_or_default();
    for _ in 0..20 {
        let _ = app.get("/users-ms/healthcheck").send().expect(200);
    }
    let next = visitor.get(live).expect(200).text();
    let second = requests_of(&next, "users");
    assert!(second[0] != "–" && second[0] != "0" && second[1] == "0", "{second:?}");
    assert!(second[3].parse::<u64>().expect("a number") >= since_the_start + 20, "{second:?}");
    assert!(next.contains("data-live=\"/console/live?before=") && !next.contains(live), "it goes on from here");
    // What somebody else has put into the address is no number, and is not shown.
    let odd = visitor.get("/console/live?before=1.%3Cscript%3E:1:1").expect(200).text();
    assert!(requests_of(&odd, "users")[0] == "–" && !odd.contains("<script>"), "{odd}");
    let _ = visitor.get("/console/live?after=1").expect(400);
}

#[test]
fn the_overview_says_when_nobody_counts_requests_or_whoever_does_is_away() {
    let _turn = turn::together();
    let shown = |setup: Setup, email: &str| {
        let app = setup.variable("authorization", "required").start();
        let visitor = Admin::new(&app, email).enter(&app);
        visitor.open("/console").expect(200).text()
    };
    let backend = Backend::new();
    let page = shown(TestApp::on(&backend), "grace@console-uncounted.example");
    assert!(page.contains("Requests are not counted here.") && page.contains("data-live=\"/console/live\""), "{page}");
    let setup = TestApp::on(&backend).variable("console_metrics_url", "http://127.0.0.1:9");
    let page = shown(setup, "grace@console-not-counting.example");
    assert!(page.contains("No numbers of requests:") && page.contains("Sign-ins"), "{page}");
}

#[test]
fn experiments_are_started_and_their_plots_are_images_that_do_nothing() {
    let _turn = turn::together();
    let (app, _, experiments) = start();
    let visitor = Admin::new(&app, "grace@console-experiments.example").enter(&app);
    let page = visitor.open("/console/experiments").expect(200);
    assert_eq!(heading(&page), "Experiments");
    let text = page.text();
    assert!(text.contains("&lt;script&gt;alert(1)") && text.contains("succeeded, 7\u{a0}s"), "{text}");
    let plot = visitor.get("/console/experiments/split/plot").expect(200);
    assert_eq!(plot.header("content-type"), Some("image/svg+xml"));
    assert_eq!(plot.header("content-security-policy"), Some("default-src 'none'; style-src 'unsafe-inline'; sandbox"));
    let _ = visitor.get("/console/experiments/poison/plot").expect(404);
    let started = visitor.submit("/console/experiments", &[("name", "poison")]).expect(200);
    assert!(started.text().contains("running, 7"), "{}", started.text());
    let busy = visitor.submit("/console/experiments", &[("name", "split")]).expect(409);
    assert!(busy.text().contains("One runs at a time."), "{}", busy.text());
    for name in ["", "../x", "nothing", "split/plot"] {
        let _ = visitor.submit("/console/experiments", &[("name", name)]).expect(404);
    }
    let fields = [("form_token", visitor.form_token()), ("name", "poison".to_owned())];
    let _ = visitor.post_from("/console/experiments", &fields, &[("origin", "https://evil.example")]).expect(403);
    let asked = experiments.asked();
    assert_eq!(asked.iter().filter(|line| line.starts_with("POST")).count(), 3, "{asked:?}");
    assert!(
        asked.iter().all(|line| line.starts_with("GET /experiments") || line.starts_with("POST /experiments/")),
        "{asked:?}"
    );
}

#[test]
fn the_overview_changes_by_itself_and_everybody_can_read_it() {
    let _turn = turn::together();
    let Some(axe) = look::axe() else { return };
    let Some(browser) = Browser::start() else { return };
    let (app, origin, _experiments) = start();
    let admin = Admin::new(&app, "grace@console-live.example");
    browser.open(&format!("{origin}/console"));
    wait_for_heading(&browser, "Sign in to Concierge console");
    for (name, value) in [("email", admin.person.email.as_str()), ("password", PASSWORD)] {
        browser.find(&format!("#{name}")).type_in(value);
    }
    press(&browser, "/console/sign-in");
    wait_for_heading(&browser, "Enter your code");
    app.forget_steps(&admin.person);
    browser.find("#code").type_in(&admin.app.code());
    press(&browser, "/console/sign-in/code");
    wait_for_heading(&browser, "Overview");
    // Without loading it again, and a table that is open stays open.
    let _ = browser.script("document.querySelector('#table-sign-ups').open = true; window.isSame = true; return true");
    let _ = app.sign_up("ada@console-live.example");
    let _ = app.sign_up("bob@console-live.example");
    let sign_ups =
        "return document.querySelector('#table-sign-ups').closest('figure').querySelector('.plot-numbers').textContent";
    poll::until(SOON, "three have signed up", || {
        browser.script(sign_ups).as_str().is_some_and(|text| text.contains("3 in all"))
    });
    assert_eq!(
        browser.script("return [window.isSame, document.querySelector('#table-sign-ups').open]"),
        json!([true, true])
    );
    if is_spindle("Spin shows no metrics as text") {
        let rate = "return [...document.querySelectorAll('[aria-label=Requests] tr')]\
            .find((row) => row.cells[0].textContent === 'console').cells[1].textContent";
        poll::until(SOON, "requests are counted", || {
            browser.script(rate).as_str().and_then(|text| text.parse::<f64>().ok()).is_some_and(|rate| rate > 0.0)
        });
    }
    assert_eq!(browser.find("#live-status").text(), "Live: every 2 seconds.");
    browser.find("#live-pause").click();
    assert_eq!(browser.find("#live-status").text(), "Paused.");
    // Somebody asks for a mail: the address and one click.
    poll::until(SOON, "it is sent", || !app.deliveries_to("bob@console-live.example").is_empty());
    browser.find("#to").type_in("bob@console-live.example");
    press(&browser, "/console/messages");
    wait_for_heading(&browser, "Messages");
    assert!(browser.find("tbody").text().contains("bob@console-live.example"));
    let mut found = Vec::new();
    for path in PAGES {
        browser.open(&format!("{origin}/console{path}"));
        look::look_here(&browser, &axe, "console", &format!("{path}/now"), &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
    // Whoever wants nothing to move looks at what there was when the page was loaded, until they go on.
    browser.open(&format!("{origin}/console"));
    assert!(browser.find("#live-status").text().contains("nothing moves"));
    // What somebody else has chosen is text.
    browser.open(&format!("{origin}/console/messages/dead/login-email-notification"));
    assert!(browser.find("tbody").text().contains("<img src=x onerror=alert(1)> no"));
    // Without scripts there is a link.
    browser.allow_scripts(false);
    browser.open(&format!("{origin}/console"));
    browser.find(".live a").click();
    wait_for_heading(&browser, "Overview");
    browser.allow_scripts(true);
    let surprises: Vec<_> = browser.console().into_iter().filter(|line| !line.contains("status of 4")).collect();
    assert_eq!(surprises, Vec::<String>::new());
}
