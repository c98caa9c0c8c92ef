//! PostgreSQL and Redis: what is allowed, what is answered, and which connections are handed on.

use std::time::{Duration, Instant};

use dev_servers::postgres::Postgres;

use crate::support::{App, Setup, private_postgres, private_redis, shared_postgres, until};

fn with_postgres(postgres: &Postgres, runtime: &str) -> App {
    let host = postgres.host();
    Setup::default()
        .hosts(&[&format!("postgres://{host}")])
        .variable("pg_url", &postgres.url())
        .runtime(runtime)
        .start()
}

#[test]
fn postgres_values_keep_their_types() {
    let postgres = shared_postgres();
    let app = with_postgres(&postgres.0, "");
    let body = app.text("/pg-types");
    for line in [
        "bool: DbDataType::Boolean DbValue::Boolean(true)",
        "int2: DbDataType::Int16 DbValue::Int16(-2)",
        "int4: DbDataType::Int32 DbValue::Int32(4)",
        "int8: DbDataType::Int64 DbValue::Int64(8)",
        "float4: DbDataType::Floating32 DbValue::Floating32(0.5)",
        "float8: DbDataType::Floating64 DbValue::Floating64(0.25)",
        "varchar: DbDataType::Str DbValue::Str(\"varchar\")",
        "bytea: DbDataType::Binary DbValue::Binary([0, 255])",
        "date: DbDataType::Date DbValue::Date((2024, 2, 29))",
        "time: DbDataType::Time DbValue::Time((23, 59, 58, 123000))",
        "timestamp: DbDataType::Datetime DbValue::Datetime((1969, 7, 20, 20, 17, 40, 0))",
        "timestamptz: DbDataType::Other(\"timestamptz\") DbValue::Unsupported(",
        "uuid: DbDataType::Uuid DbValue::Uuid(\"6f9619ff-8b86-d011-b42d-00c04fc964ff\")",
        "json: DbDataType::Other(\"json\") DbValue::Unsupported([91, 49, 93])",
        "numeric: DbDataType::Decimal DbValue::Decimal(\"-12345.6780\")",
        "int8[]: DbDataType::ArrayInt64 DbValue::ArrayInt64([])",
        "text[]: DbDataType::ArrayStr DbValue::ArrayStr([Some(\"a\"), None])",
        "interval: DbDataType::Interval DbValue::Interval(Interval { micros: 1, days: 2, months: 3 })",
        "point: DbDataType::Other(\"point\") DbValue::DbNull",
        "a str parameter does not fit the PostgreSQL type uuid",
        "a int32 parameter does not fit the PostgreSQL type int8",
        "BadParameter(\"a uuid parameter is not a uuid\")",
    ] {
        assert!(body.contains(line), "{line} is not in:\n{body}");
    }
}

#[test]
fn postgres_errors_are_told_in_full_and_no_rows_are_no_error() {
    let postgres = shared_postgres();
    let app = with_postgres(&postgres.0, "");
    let body = app
        .post(
            "/pg",
            "!CREATE TEMP TABLE t (id int4 CONSTRAINT t_key PRIMARY KEY)\n!INSERT INTO t VALUES (1), (2)\n\
             !INSERT INTO t VALUES (1)\nSELECT id FROM t WHERE id > 2\nSELECT nonsense\n\
             INSERT INTO t VALUES (1) RETURNING id",
        )
        .body;
    let lines: Vec<_> = body.lines().collect();
    assert_eq!(&lines[..2], ["0", "2"]);
    assert!(lines[2].contains("code: \"23505\"") && lines[2].contains("(\"constraint\", \"t_key\")"), "{}", lines[2]);
    assert_eq!(lines[3], "[]");
    assert!(lines[4].contains("code: \"42703\""), "{}", lines[4]);
    // Once rows are awaited, Spin has the words of an error alone.
    assert!(lines[5].contains("QueryError::Text") && lines[5].contains("duplicate key value"), "{}", lines[5]);
    assert!(!lines[5].contains("SqlState"), "{}", lines[5]);
}

#[test]
fn elder_interfaces_have_fewer_types_and_errors_of_text() {
    let postgres = shared_postgres();
    let app = with_postgres(&postgres.0, "");
    let sql = "SELECT%201::int4,'x',NULL::int8,DATE%20'2024-02-29',1.5::numeric";
    let second = app.text(&format!("/pg-elder?v=2&sql={sql}"));
    assert_eq!(
        second,
        "[DbDataType::Int32, DbDataType::Str, DbDataType::Int64, DbDataType::Other, DbDataType::Other] \
         [[DbValue::Int32(1), DbValue::Str(\"x\"), DbValue::DbNull, DbValue::Unsupported, DbValue::Unsupported]] \
         Err(Error::ValueConversionFailed(\"Postgres does not support unsigned integers\"))"
    );
    let third = app.text(&format!("/pg-elder?v=3&sql={sql}"));
    assert_eq!(
        third,
        "[DbDataType::Int32, DbDataType::Str, DbDataType::Int64, DbDataType::Date, DbDataType::Other] \
         [[DbValue::Int32(1), DbValue::Str(\"x\"), DbValue::DbNull, DbValue::Date((2024, 2, 29)), DbValue::Unsupported]]"
    );
    for version in ["2", "3"] {
        let error = app.get(&format!("/pg-elder?v={version}&sql=SELECT%20nonsense")).body;
        assert!(error.contains("QueryFailed(\"") && error.contains("nonsense"), "{error}");
    }
}

#[test]
fn a_statement_whose_call_ends_is_cancelled() {
    let postgres = shared_postgres();
    let app = Setup::default()
        .hosts(&[&format!("postgres://{}", postgres.0.host())])
        .variable("pg_url", &postgres.0.url())
        .arguments(&["--http-deadline", "300ms"])
        .start();
    let response = app.post("/pg", "SELECT pg_sleep(60), 'of a call that ends'");
    assert_eq!(response.status, 500, "{response:?}");
    let mut client = dev_servers::postgres::connect(&postgres.0.url()).unwrap();
    let mut running = || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%of a call that ends%' \
                   AND pid <> pg_backend_pid()";
        client.query_one(sql, &[]).unwrap().get::<_, i64>(0)
    };
    until(|| (running() == 0).then_some(()));
}

#[test]
fn a_connection_is_used_again_but_never_with_a_transaction_in_it() {
    let postgres = shared_postgres();
    let app = with_postgres(&postgres.0, "[outbound_pg]\nmax_connections = 1\n");
    let pid = || app.post("/pg", "SELECT pg_backend_pid()").body;
    let first = pid();
    assert_eq!(pid(), first, "a clean connection was not used again");
    for unclean in [
        "!CREATE TABLE IF NOT EXISTS open_transaction (id int4)\n!BEGIN\n!INSERT INTO open_transaction VALUES (1)",
        "!SET statement_timeout = 12345",
        "SELECT set_config('search_path', 'nowhere', false)::text",
        "SELECT pg_advisory_lock(7)::text",
    ] {
        let before = pid();
        app.post("/pg", unclean);
        assert_ne!(pid(), before, "the connection of {unclean:?} was handed on");
    }
    assert_eq!(app.post("/pg", "SELECT count(*) FROM open_transaction").body, "[[DbValue::Int64(0)]]");
}

#[test]
fn a_changed_table_does_not_break_a_prepared_statement() {
    let postgres = shared_postgres();
    let app = with_postgres(&postgres.0, "[outbound_pg]\nmax_connections = 1\n");
    assert_eq!(app.post("/pg", "!DROP TABLE IF EXISTS changing").status, 200);
    app.post("/pg", "!CREATE TABLE changing AS SELECT 1::int4 AS a");
    assert_eq!(app.post("/pg", "SELECT * FROM changing").body, "[[DbValue::Int32(1)]]");
    let mut other = dev_servers::postgres::connect(&postgres.0.url()).unwrap();
    other.batch_execute("ALTER TABLE changing ADD b int4 DEFAULT 2").unwrap();
    assert_eq!(app.post("/pg", "SELECT * FROM changing").body, "[[DbValue::Int32(1), DbValue::Int32(2)]]");
}

#[test]
fn a_postgres_that_is_not_allowed_is_denied() {
    let app = Setup::default().hosts(&["postgres://127.0.0.1:1"]).start();
    for address in [
        "postgres://u@127.0.0.1:2/d",
        "postgres://u@localhost:1/d",
        "postgres://u@127.0.0.1:1,127.0.0.1:2/d",
        "host=/tmp%20user=u",
        "host=127.0.0.1%20hostaddr=10.0.0.1%20port=1%20user=u",
    ] {
        let response = app.post(&format!("/pg?address={address}"), "SELECT 1");
        assert!(response.body.contains("is not permitted"), "{address}: {response:?}");
    }
    let response = app.post("/pg?address=postgres://u@127.0.0.1:1/d", "SELECT 1");
    assert!(response.body.contains("ConnectionFailed") && !response.body.contains("permitted"), "{response:?}");
}

#[test]
fn a_frozen_postgres_is_an_error_in_time() {
    let (postgres, _dir) = private_postgres();
    let app = with_postgres(&postgres, "");
    assert_eq!(app.post("/pg", "SELECT 1").body, "[[DbValue::Int32(1)]]");
    postgres.pause();
    let start = Instant::now();
    let response = app.post("/pg", "SELECT 1");
    postgres.resume();
    assert!(response.body.contains("no answer in time"), "{response:?}");
    assert!(start.elapsed() < Duration::from_secs(9));
    until(|| (app.post("/pg", "SELECT 1").body == "[[DbValue::Int32(1)]]").then_some(()));
    postgres.kill();
    let response = app.post("/pg", "SELECT 1");
    assert!(response.body.contains("ConnectionFailed") || response.body.contains("QueryFailed"), "{response:?}");
    postgres.start_again().unwrap();
    until(|| (app.post("/pg", "SELECT 1").body == "[[DbValue::Int32(1)]]").then_some(()));
}

#[test]
fn redis_replies_are_flattened_and_errors_are_the_servers() {
    let (redis, _dir) = private_redis();
    let app = Setup::default().hosts(&[&redis.url()]).variable("redis_url", &redis.url()).start();
    let body = app
        .post(
            "/redis",
            "XADD s 1-0 data x\nXGROUP CREATE s g 0\nXGROUP CREATE s g 0\nXREADGROUP GROUP g c COUNT 1 STREAMS s >\n\
             XREADGROUP GROUP g c COUNT 1 STREAMS s >\nXREADGROUP GROUP other c STREAMS s >\nINCR n\nSET k v\nGET nope\nSADD k v",
        )
        .body;
    let lines: Vec<_> = body.lines().collect();
    assert_eq!(lines[0], "1-0");
    assert_eq!(lines[1], "+OK");
    assert!(lines[2].contains("BUSYGROUP Consumer Group name already exists"), "{}", lines[2]);
    assert_eq!(lines[3], "s 1-0 data x");
    assert_eq!(lines[4], "nil");
    assert!(lines[5].contains("NOGROUP No such"), "{}", lines[5]);
    assert_eq!(&lines[6..9], [":1", "+OK", "nil"]);
    assert!(lines[9].contains("WRONGTYPE"), "{}", lines[9]);
}

#[test]
fn a_redis_connection_is_used_again_but_not_after_its_session_was_changed() {
    let (redis, _dir) = private_redis();
    let app = Setup::default()
        .hosts(&[&redis.url()])
        .variable("redis_url", &redis.url())
        .runtime("[outbound_redis]\nmax_connections = 1\n")
        .start();
    let opened = || {
        let info = app.post("/redis", "INFO stats").body;
        let line = info.lines().find(|line| line.starts_with("total_connections_received")).unwrap().to_owned();
        line.split(':').nth(1).unwrap().trim().parse::<u32>().unwrap()
    };
    let first = opened();
    assert_eq!(opened(), first);
    for unclean in ["MULTI\nSET k v", "SELECT 3", "CLIENT SETNAME x", "BLPOP nothing 0.01"] {
        let before = opened();
        app.post("/redis", unclean);
        assert_eq!(opened(), before + 1, "{unclean:?}");
    }
    assert_eq!(app.post("/redis", "GET k").body, "nil");
}

#[test]
fn a_redis_that_was_restarted_is_no_error() {
    let (redis, _dir) = private_redis();
    let app = Setup::default().hosts(&[&redis.url()]).variable("redis_url", &redis.url()).start();
    assert_eq!(app.post("/redis", "PING").body, "+PONG");
    redis.stop();
    let gone = app.post("/redis", "PING");
    assert!(gone.body.contains("cannot connect"), "{gone:?}");
    redis.start_again().unwrap();
    assert_eq!(app.post("/redis", "PING").body, "+PONG");
    redis.pause();
    let start = Instant::now();
    let frozen = app.post("/redis", "PING");
    assert!(frozen.body.contains("Error::Other") && start.elapsed() < Duration::from_secs(9), "{frozen:?}");
    redis.resume();
    until(|| (app.post("/redis", "PING").body == "+PONG").then_some(()));
}

#[test]
fn a_redis_that_is_not_allowed_is_denied() {
    let mut app = Setup::default().hosts(&["redis://127.0.0.1:1"]).start();
    for address in ["redis://127.0.0.1:2", "redis://localhost:1", "unix:///tmp/x", "nonsense"] {
        let response = app.post(&format!("/redis?address={address}"), "PING");
        assert!(response.body.contains("InvalidAddress"), "{address}: {response:?}");
    }
    app.wait_for_output("it is not in allowed_outbound_hosts");
}
