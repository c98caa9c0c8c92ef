//! SQLite databases of components.

use std::time::{Duration, Instant};

use crate::support::{App, Setup, until};

fn start(arguments: &[&str]) -> App {
    Setup::default().component("sqlite_databases = [\"default\"]\n").arguments(arguments).start()
}

#[test]
fn values_come_back_as_they_were_by_both_interfaces() {
    let app = start(&[]);
    for version in ["2", "3"] {
        let statements = "CREATE TABLE IF NOT EXISTS t (i INTEGER, r REAL, t TEXT, b BLOB, n)\nDELETE FROM t\n\
                          INSERT INTO t VALUES (-7, 0.5, 'text', x'00ff', NULL)\nSELECT * FROM t\nSELECT nonsense";
        let body = app.post(&format!("/sqlite?v={version}"), statements).body;
        let lines: Vec<_> = body.lines().collect();
        assert_eq!(
            lines[3],
            "i,r,t,b,n: [[Value::Integer(-7), Value::Real(0.5), Value::Text(\"text\"), Value::Blob([0, 255]), Value::Null]]"
        );
        assert!(lines[4].contains("no such column: nonsense"), "{}", lines[4]);
    }
    assert_eq!(app.post("/sqlite", "INSERT INTO t (i) VALUES (1)\nchanges\nrowid").body, ": []\n1\n2");
    assert!(app.dir().join(".spin/sqlite_db.db").exists());
    assert_eq!(app.post("/sqlite", "SELECT CAST(x'ff' AS TEXT) AS t").body, "t: [[Value::Text(\"\u{fffd}\")]]");
    let other = app.post("/sqlite?database=other", "SELECT 1");
    assert!(other.body.contains("AccessDenied"), "{other:?}");
}

#[test]
fn statements_of_the_command_line_run_first() {
    let setup = || Setup::default().component("sqlite_databases = [\"default\"]\n");
    let app = setup()
        .file("more.sql", "INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);")
        .arguments(&["--sqlite", "CREATE TABLE t (i INTEGER)", "--sqlite", "@more.sql"])
        .start();
    assert_eq!(app.post("/sqlite", "SELECT sum(i) AS s FROM t").body, "s: [[Value::Integer(3)]]");
    let error = setup().arguments(&["--sqlite", "nonsense"]).fail();
    assert!(error.contains("--sqlite: near \"nonsense\": syntax error"), "{error}");
    let error = Setup::default().arguments(&["--sqlite", "SELECT 1"]).fail();
    assert!(error.contains("no component uses the default database"), "{error}");
}

#[test]
fn a_guest_has_a_transaction_to_itself_and_no_files_of_the_host() {
    let app = start(&[]);
    app.post("/sqlite", "CREATE TABLE t (i INTEGER)\nBEGIN\nINSERT INTO t VALUES (1)");
    assert_eq!(app.post("/sqlite", "SELECT count(*) AS c FROM t").body, "c: [[Value::Integer(0)]]");
    let file = app.dir().join("stolen").display().to_string();
    for statement in
        [format!("ATTACH '{file}' AS s"), format!("VACUUM INTO '{file}'"), "SELECT load_extension('x')".to_owned()]
    {
        let body = app.post("/sqlite", &statement).body;
        assert!(body.contains("Io("), "{statement}: {body}");
    }
    assert!(!app.dir().join("stolen").exists());
}

#[test]
fn a_statement_that_takes_too_long_or_gives_too_much_is_ended() {
    let app = Setup::default()
        .component("sqlite_databases = [\"default\"]\n")
        .runtime("[limits]\nsqlite_statement = \"300ms\"\nsqlite_result = 1000\n")
        .start();
    let start = Instant::now();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    let body = app.post("/sqlite", &format!("{endless}\nSELECT 1 AS one")).body;
    assert!(body.contains("took too long") && body.ends_with("one: [[Value::Integer(1)]]"), "{body}");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(app.post("/sqlite", "SELECT zeroblob(2000)").body.contains("larger than 1000 bytes"));
}

#[test]
fn a_database_is_where_the_configuration_says() {
    let setup = Setup::default().component("sqlite_databases = [\"far\"]\n");
    let error = setup.fail();
    assert!(error.contains("`far`") && error.contains("[sqlite_database.far]"), "{error}");
    let app = Setup::default()
        .component("sqlite_databases = [\"far\"]\n")
        .runtime("[sqlite_database.far]\ntype = \"spin\"\npath = \"sub/far.db\"\n")
        .start();
    app.post("/sqlite?database=far", "CREATE TABLE t (i)");
    until(|| app.dir().join("sub/far.db").exists().then_some(()));
    let libsql = "[sqlite_database.default]\ntype = \"libsql\"\nurl = \"http://x\"\ntoken = \"t\"\n";
    let error = Setup::default().component("sqlite_databases = [\"default\"]\n").runtime(libsql).fail();
    assert!(error.contains("libsql"), "{error}");
}
