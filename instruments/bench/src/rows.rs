//! Reads and writes with more and more rows: people, their sessions, attempts, audit log and all else that grows.

use anyhow::{Context as _, Result, ensure};
use dev_servers::fill;
use identity::UserId;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use users_domain::Cursor;

use crate::load::{Load, Next, http_row};
use crate::migrating;
use crate::pace::Pace;
use crate::report::{ROWS, Row, metric};
use crate::requests::{all, get, send};
use crate::scenario::{attempt, refreshes};
use crate::side::{Process, Role, Side};
use crate::stage::Stage;
use crate::table;

/// People in the database, one stage after the other.
const PEOPLE: [u32; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
/// The last of them in a quick run.
const QUICK: u32 = 1_000_000;
/// From so many on, no request may read a whole table.
const LARGE: u32 = 100_000;
/// Connections: their number is not what this is about.
const CONNECTIONS: u32 = 4;
/// How many people requests are about.
const ASKED_FOR: i64 = 1_000;

/// Measures the app alone: there is nothing to compare it to but itself with fewer rows.
pub(crate) fn measure(stage: &Stage, pace: &Pace) -> Result<Vec<Row>> {
    let mut sql = stage.sql()?;
    let tables: Vec<_> = fill::tables().collect();
    sql.batch_execute(&format!("TRUNCATE {} RESTART IDENTITY CASCADE", tables.join(", ")))?;
    let mut rows = Vec::new();
    let mut before = 0;
    let most = if pace.quick { QUICK } else { PEOPLE[PEOPLE.len() - 1] };
    for people in PEOPLE.into_iter().filter(|people| *people <= most) {
        println!("Filling the database with {people} people");
        let begun = std::time::Instant::now();
        fill::fill(&mut sql, people - before, stage.hash()?.expose(), &mut |line| println!("  {line}"))?;
        let added = f64::from(people - before) / begun.elapsed().as_secs_f64();
        before = people;
        let row = Row::new(&format!("people added, {people} people"), 0, "database")
            .with(metric::THROUGHPUT, vec![added])
            .with(metric::BYTES, vec![bytes_of(&mut sql)? / f64::from(people)]);
        println!("{}", table::line(&row));
        rows.push(row);
        let process = Side::Spindle.start(stage, Role::Open)?;
        for question in questions(stage, &mut sql)? {
            let scans = whole_reads(&mut sql)?;
            let row = measured(stage, &process, &question, people, pace)?;
            let scans = whole_reads(&mut sql)? - scans;
            let name = question.name;
            ensure!(people < LARGE || scans == 0, "{name} among {people} people reads a whole table: {scans} times");
            println!("{}", table::line(&row));
            rows.push(row);
        }
        if people == most {
            rows.extend(migrating::measure(stage, &process, &reads_and_writes(&mut sql)?, people)?);
        }
        process.stop();
    }
    Ok(rows)
}

/// What is asked.
struct Question {
    name: &'static str,
    requests: Vec<u8>,
    next: Next,
}

/// Somebody whom requests are about.
struct Person {
    id: i64,
    name: String,
    surname: String,
    email: String,
}

impl Person {
    /// What somebody types who looks for them: the surname, or both names where that is too short.
    fn searched_for(&self) -> String {
        if self.surname.chars().count() < 3 { format!("{} {}", self.name, self.surname) } else { self.surname.clone() }
    }
}

/// People of the whole table, so that not all is in the processor's cache.
fn spread(sql: &mut postgres::Client) -> Result<Vec<Person>> {
    let spread = "SELECT id, name, surname, email FROM generate_series(1, $1::int8) n
        JOIN users ON id = 1 + n * (SELECT max(id) - 1 FROM users) / $1::int8";
    let person =
        |row: postgres::Row| Person { id: row.get(0), name: row.get(1), surname: row.get(2), email: row.get(3) };
    Ok(sql.query(spread, &[&ASKED_FOR])?.into_iter().map(person).collect())
}

fn change_of_a_name(person: &Person) -> Vec<u8> {
    let changed = json!({"name": "Ada ############"}).to_string();
    send("PATCH", &format!("/users-ms/users/{}", person.id), None, "application/merge-patch+json", &changed)
}

/// Requests about people of the whole table: one is read, and its name is changed.
fn reads_and_writes(sql: &mut postgres::Client) -> Result<Vec<u8>> {
    let both = |person: &Person| [get(&format!("/users-ms/users/{}", person.id), None), change_of_a_name(person)];
    Ok(all(spread(sql)?.iter().flat_map(both)))
}

fn questions(stage: &Stage, sql: &mut postgres::Client) -> Result<Vec<Question>> {
    let people = spread(sql)?;
    let question = |name, requests| Question { name, requests, next: Next::AtOnce };
    let asked = |path: &dyn Fn(&Person) -> String| all(people.iter().map(|person| get(&path(person), None)));
    let list =
        |query: &dyn Fn(&Person) -> String| asked(&|person| format!("/users-ms/users?limit=20&{}", query(person)));
    let plain = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let cursors = people
        .iter()
        .map(|person| Ok(Cursor::by_id(UserId::try_from(person.id)?).to_text()))
        .collect::<Result<Vec<_>>>()?;
    let pages = all(cursors.iter().map(|cursor| get(&format!("/users-ms/users?limit=20&cursor={cursor}"), None)));
    let changes = people.iter().map(change_of_a_name);
    let sessions = people.iter().take(CONNECTIONS as usize).map(|person| u32::try_from(person.id));
    let refreshes = refreshes(stage, sessions.collect::<Result<Vec<_>, _>>()?)?;
    Ok(vec![
        question("one person", asked(&|person| format!("/users-ms/users/{}", person.id))),
        question("one by address", list(&|person| format!("email={}", plain(&person.email)))),
        question("first page", all([get("/users-ms/users?limit=20", None)])),
        question("page after a cursor", pages),
        question("page of a name", list(&|person| format!("name={}", plain(&person.name)))),
        question("search by a part of a name", list(&|person| format!("search={}", plain(&person.searched_for())))),
        question("change of a name", all(changes)),
        question("sign-in refused", all([attempt(stage)])),
        Question { name: "refresh", requests: refreshes, next: Next::Refresh },
    ])
}

/// The row of a question, after a run that warms up.
fn measured(stage: &Stage, process: &Process, question: &Question, people: u32, pace: &Pace) -> Result<Row> {
    let url = process.url();
    let run = |seconds: u32| {
        let requests = stage.file(ROWS, &question.requests)?;
        let load = Load { url: &url, requests: &requests, connections: CONNECTIONS, seconds, next: question.next };
        let sample = load.run(stage).with_context(|| process.log_tail())?;
        let _ = std::fs::remove_file(requests);
        let name = question.name;
        ensure!(sample.refused == 0, "{name}: {} requests were refused: {}", sample.refused, process.log_tail());
        Ok(sample)
    };
    // A refresh goes on from the token before, so each of its runs has sessions of its own, and there is one.
    let runs = if question.next == Next::Refresh { 1 } else { pace.runs.min(3) };
    if question.next != Next::Refresh {
        run(2)?;
    }
    let samples = (0..runs).map(|_| run(pace.seconds())).collect::<Result<Vec<_>>>()?;
    let name = format!("{}, {people} people", question.name);
    let mut row = http_row(&name, CONNECTIONS, Side::Spindle.name(), &samples);
    // Distributions are for comparisons.
    row.curve.clear();
    Ok(row)
}

/// The bytes of all tables that are filled, with their indexes.
fn bytes_of(sql: &mut postgres::Client) -> Result<f64> {
    let tables = fill::relations(sql)?;
    let sum = "SELECT sum(pg_total_relation_size(name::regclass))::float8 FROM unnest($1::text[]) name";
    Ok(sql.query_one(sum, &[&tables])?.get(0))
}

/// How often one of the tables was read wholly, by anybody. Servers tell it with some delay.
fn whole_reads(sql: &mut postgres::Client) -> Result<i64> {
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    sql.batch_execute("SELECT pg_stat_force_next_flush(); SELECT pg_stat_clear_snapshot()")?;
    let tables = fill::relations(sql)?;
    let sum = "SELECT sum(seq_scan)::int8 FROM pg_stat_user_tables WHERE relname = ANY ($1)";
    Ok(sql.query_one(sum, &[&tables])?.get(0))
}
