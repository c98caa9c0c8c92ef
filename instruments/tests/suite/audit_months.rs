//! The audit log has a table for each month, which goes as a whole.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use std::time::{Duration, Instant};

/// The tables of the audit log, by name.
fn tables(sql: &mut postgres::Client) -> Vec<String> {
    let names = "SELECT relid::regclass::text FROM pg_partition_tree('audit_log') WHERE isleaf ORDER BY 1";
    sql.query(names, &[]).expect("the tables can be listed").iter().map(|row| row.get(0)).collect()
}

/// Writes a row so many months from the end of the first table on.
fn write(sql: &mut postgres::Client, months: i32, request: &str) {
    let write = "INSERT INTO audit_log (created_at, action, result, actor_kind, request_id)
        SELECT ends_at + make_interval(months => $1, days => 3), 'login', 'success', 'nobody', $2
        FROM audit_log_months WHERE name = 'audit_log_before'";
    assert_eq!(sql.execute(write, &[&months, &request]).expect("a row can be written"), 1);
}

/// Keeps the log as it is kept so many months from the end of the first table on, with rows for a week; says how many rows it deleted.
fn keep(sql: &mut postgres::Client, bound: &str, months: i32, days: i32) -> i64 {
    let keep = "SELECT keep_audit_log(7, 100, $1::text::timestamptz + make_interval(months => $2, days => $3))";
    sql.query_one(keep, &[&bound, &months, &days]).expect("the log can be kept").get(0)
}

fn requests(sql: &mut postgres::Client) -> Vec<String> {
    let rows = "SELECT DISTINCT request_id FROM audit_log ORDER BY 1";
    sql.query(rows, &[]).expect("the rows can be read").iter().map(|row| row.get(0)).collect()
}

#[test]
fn a_month_of_the_audit_log_goes_as_a_whole_and_others_come_in_time() {
    let backend = Backend::new();
    let mut sql = backend.sql();
    let bound: String = sql
        .query_one("SELECT ends_at::text FROM audit_log_months WHERE name = 'audit_log_before'", &[])
        .expect("there is a bound")
        .get(0);
    let first = tables(&mut sql);
    assert!(first.len() >= 4, "{first:?}");
    write(&mut sql, -1, "before");
    write(&mut sql, 0, "one");
    write(&mut sql, 1, "two");
    // Nobody has made a table for it.
    write(&mut sql, 9, "other");
    assert_eq!(requests(&mut sql), ["before", "one", "other", "two"]);

    // A week after the end of the first table it is gone, and the third month from then on has a table.
    assert_eq!(keep(&mut sql, &bound, 0, 6), 1, "until then its rows expire one by one");
    assert_eq!(keep(&mut sql, &bound, 0, 8), 0);
    let next = tables(&mut sql);
    assert!(!next.contains(&"audit_log_before".to_owned()), "{next:?}");
    assert_eq!(next.len(), 5, "four months and the rest: {next:?}");
    assert_eq!(requests(&mut sql), ["one", "other", "two"]);
    // A month has all of its rows until it goes.
    assert_eq!(keep(&mut sql, &bound, 1, 6), 0);
    assert_eq!(requests(&mut sql), ["one", "other", "two"]);
    assert_eq!(keep(&mut sql, &bound, 1, 8), 0);
    assert_eq!(requests(&mut sql), ["other", "two"]);
    // The month with rows that had no table of their own gets none, and they go one by one.
    assert_eq!(keep(&mut sql, &bound, 9, 0), 0);
    assert_eq!(requests(&mut sql), ["other"]);
    assert_eq!(keep(&mut sql, &bound, 9, 12), 1);
    assert_eq!(requests(&mut sql), Vec::<String>::new());
    assert!(sql.execute("SELECT keep_audit_log(0, 100)", &[]).is_err(), "nobody drops what is of today");
}

#[test]
fn who_reads_the_audit_log_does_not_make_others_wait_for_its_keeping() {
    let backend = Backend::new();
    let app = TestApp::on(&backend).start();
    let mut sql = backend.sql();
    let bound: String = sql
        .query_one("SELECT ends_at::text FROM audit_log_months WHERE name = 'audit_log_before'", &[])
        .expect("there is a bound")
        .get(0);
    let mut reader = backend.sql();
    let mut reading = reader.transaction().expect("a transaction can begin");
    reading.query("SELECT count(*) FROM audit_log", &[]).expect("it can be read");
    let keeping = Instant::now();
    assert_eq!(keep(&mut sql, &bound, 0, 8), 0);
    assert!(keeping.elapsed() < Duration::from_secs(2), "{:?}", keeping.elapsed());
    assert!(tables(&mut sql).contains(&"audit_log_before".to_owned()), "it is in use");
    let _ = app.person("meanwhile@months.example");
    reading.commit().expect("it ends");
    assert_eq!(keep(&mut sql, &bound, 0, 8), 0);
    assert!(!tables(&mut sql).contains(&"audit_log_before".to_owned()));
}

#[test]
fn what_is_older_than_the_retention_is_shown_to_nobody() {
    let backend = Backend::new();
    let app = TestApp::on(&backend).variable("audit_retention", 7).start();
    let root = app.admin("root@months.example");
    let write = "INSERT INTO audit_log (created_at, action, result, actor_kind, request_id)
        SELECT now() - make_interval(days => days), 'login', 'success', 'nobody', 'aged-' || days FROM generate_series(5, 9) AS days";
    assert_eq!(backend.sql().execute(write, &[]).expect("rows can be written"), 5);
    let page = app.get("/users-ms/audit?limit=100").bearer(&root.access).send().expect(200).text();
    let shown: Vec<_> = (5..=9).filter(|days| page.contains(&format!("aged-{days}"))).collect();
    assert_eq!(shown, [5, 6]);
}
