//! One sign-in, from the request to the mail and the SMS, as a collector has it.

use crate::Report;
use crate::plot::{Row, waterfall};
use crate::stage::Plan;
use crate::table::table;
use anyhow::{Result, bail};
use blackbox::app::TestApp;
use blackbox::collector::Collector;
use blackbox::mail_api::MailApi;
use blackbox::people::{PASSWORD, with_phone};
use blackbox::traces::{Span, Tree, logged};
use std::time::{Duration, Instant};

const PERSON: &str = "trace@experiments.example";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// How much of a statement is shown.
const LONGEST: usize = 60;
/// Until mail and SMS are sent.
const PATIENCE: Duration = Duration::from_secs(60);
/// The cost of a hash that the product has.
const COST: u32 = 12;
/// What takes no time, and would only make the picture longer: connections come from pools.
const OMITTED: &[&str] = &["spin_outbound_pg.open", "spin_outbound_redis.open_connection"];
/// What a trace of a sign-in must have.
const PROMISED: &[&str] = &[
    "POST /auth-ms/...",
    "verify password",
    "WITH account AS",
    "login_email_notification process",
    "login_sms_notification process",
    "send message",
];

pub(crate) fn run(plan: &Plan) -> Result<Report> {
    println!("Starting PostgreSQL, the broker and the app, with a collector");
    let backend = plan.broker.backend();
    let (collector, mail) = (Collector::start(), MailApi::start());
    mail.take_ms(plan.send_ms);
    let setup = TestApp::on(&backend)
        .variable("bcrypt_cost", COST)
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .variable("mail_api_token", "a-token")
        .variable("mail_from", "concierge@experiments.example");
    let environment = collector.environment().into_iter();
    let app = environment.fold(setup, |setup, (name, value)| setup.environment(&name, &value)).start();
    backend.wait_for_queues();
    let _ = app.post("/users-ms/users").json(&with_phone(PERSON)).send().expect(201);
    app.confirm_phone(PERSON);
    let login = serde_json::json!({"username": PERSON, "password": PASSWORD});
    // The first sign-in opens connections; the second is as they are.
    let _ = app.post("/auth-ms/auth/login").json(&login).send().expect(200);
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let _ = app.post("/auth-ms/auth/login").header("traceparent", &traceparent).json(&login).send().expect(200);
    let tree = wait(&app, &collector)?;
    report(plan, &tree)
}

fn wait(app: &TestApp, collector: &Collector) -> Result<Tree> {
    let start = Instant::now();
    loop {
        let tree = Tree::of(TRACE, collector.spans().into_iter().chain(logged(&app.log())));
        if PROMISED.iter().all(|name| tree.find(name).is_some()) {
            // What ends later is on its way.
            std::thread::sleep(Duration::from_secs(1));
            return Ok(Tree::of(TRACE, collector.spans().into_iter().chain(logged(&app.log()))));
        }
        if start.elapsed() > PATIENCE {
            bail!("the trace is not complete:\n{}", tree.shown());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn report(plan: &Plan, tree: &Tree) -> Result<Report> {
    let start = tree.spans().iter().map(|span| span.from).min().unwrap_or_default();
    let milliseconds = |time: u64| Duration::from_nanos(time.saturating_sub(start)).as_secs_f64() * 1e3;
    let mut rows = Vec::new();
    for root in tree.spans().iter().filter(|span| tree.path(span).len() == 1) {
        add(tree, root, &milliseconds, &mut rows);
    }
    let cells = rows.iter().map(|row| {
        let indented = format!("{}{}", "  ".repeat(row.depth), row.name);
        vec![indented, row.service.clone(), format!("{:.1}", row.from), format!("{:.1}", row.to - row.from)]
    });
    let text = table(&["span", "service", "begins, ms", "takes, ms"], &cells.collect::<Vec<_>>());
    let title = format!("One sign-in, from the request to mail and SMS ({})", plan.broker.name());
    Ok(Report { name: "trace", text, svg: waterfall(&title, &rows)?, is_kept: true })
}

/// A span, and below it what it consists of.
fn add(tree: &Tree, span: &Span, milliseconds: &impl Fn(u64) -> f64, rows: &mut Vec<Row>) {
    if !OMITTED.contains(&span.name.as_str()) {
        rows.push(Row {
            service: service(tree, span),
            name: name(span),
            depth: tree.path(span).len() - 1,
            from: milliseconds(span.from),
            to: milliseconds(span.to),
        });
    }
    for child in tree.spans().iter().filter(|child| child.parent_id == span.span_id) {
        add(tree, child, milliseconds, rows);
    }
}

/// The component that does it. What the runtime records has the runtime's name.
fn service(tree: &Tree, span: &Span) -> String {
    const EXECUTION: &str = "execute_wasm_component ";
    if matches!(span.service.as_str(), "auth" | "users" | "notification") {
        return span.service.clone();
    }
    if span.name.ends_with(" receive") {
        return "notification".to_owned();
    }
    let path = tree.path(span);
    let component = path.iter().rev().find_map(|name| name.strip_prefix(EXECUTION));
    let component =
        component.or_else(|| path.iter().rev().find(|name| name.ends_with(" receive")).map(|_| "notification"));
    component.unwrap_or("runtime").to_owned()
}

/// A span's name in a line: of a statement its beginning.
fn name(span: &Span) -> String {
    let words: Vec<_> = span.name.split_whitespace().collect();
    let words = words.join(" ");
    let path = span.attributes.get("url.full").and_then(|full| Some(full.split_once("://")?.1.split_once('/')?.1));
    match path {
        Some(path) => format!("{} /{path}", span.name),
        None if words.chars().count() > LONGEST => words.chars().take(LONGEST).chain(['…']).collect(),
        None => words,
    }
}
