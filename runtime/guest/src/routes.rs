//! What each route does.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context, bail};
use spin_sdk::http::{Method, Request, Response};
use spin_sdk::key_value::Store;
use spin_sdk::mqtt::{self, Qos};
use spin_sdk::pg4::{self, ParameterValue};
use spin_sdk::redis::{self, RedisParameter};
use spin_sdk::variables;

use crate::{Call, debug};

/// Answers one request with text.
pub(crate) async fn answer(call: Call) -> anyhow::Result<Vec<u8>> {
    let text = match call.path.as_str() {
        "/" | "/hello" => "hello".to_owned(),
        "/echo" => return call.body().await,
        "/spin-headers" => headers(&call),
        "/authority" => call.request.authority().unwrap_or_default(),
        "/var" => variables::get(call.query("name")?)?,
        "/env" => std::env::var(call.query("name")?)?,
        "/file" => std::fs::read_to_string(call.query("path")?)?,
        "/write" => {
            std::fs::write(call.query("path")?, call.query("text")?)?;
            "written".to_owned()
        }
        "/kv" => key_value(&call)?,
        "/pg" => postgres(call).await?,
        "/pg-elder" => crate::elder::postgres(call.query("v")?, call.query("sql")?)?,
        "/sqlite" => crate::elder::sqlite(call).await?,
        "/pg-types" => postgres_types()?,
        "/redis" => redis(call).await?,
        "/mqtt" => mqtt(call).await?,
        "/http" => http(&call).await?,
        "/fib" => fibonacci(call.query("n")?.parse()?).to_string(),
        "/slices" => {
            // Computes for about a millisecond, and sleeps for as long, again and again.
            for _ in 0..call.query("count")?.parse::<u32>()? {
                fibonacci(23);
                sleep(1);
            }
            "sliced".to_owned()
        }
        "/naps" => {
            for _ in 0..call.query("count")?.parse::<u32>()? {
                std::thread::sleep(Duration::from_nanos(1));
            }
            "rested".to_owned()
        }
        "/sleep" => {
            sleep(call.query("ms")?.parse()?);
            "slept".to_owned()
        }
        "/memory" => vec![1_u8; call.query("mb")?.parse::<usize>()? << 20].len().to_string(),
        "/bytes" => return Ok(vec![b'x'; call.query("kb")?.parse::<usize>()? << 10]),
        "/print" => {
            println!("out {}", call.query("text")?);
            eprintln!("err {}", call.query("text")?);
            "printed".to_owned()
        }
        "/trap" => panic!("as told"),
        "/loop" => loop {
            black_box(());
        },
        path if path.starts_with("/chained") => format!("{path}\n{}", headers(&call)),
        _ => bail!("no such route"),
    };
    Ok(text.into_bytes())
}

pub(crate) fn sleep(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

fn headers(call: &Call) -> String {
    let mut lines: Vec<_> = call.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    lines.sort();
    lines.join("\n")
}

fn fibonacci(n: u32) -> u64 {
    if n < 2 { n.into() } else { fibonacci(black_box(n - 1)) + fibonacci(black_box(n - 2)) }
}

/// `?store=&op=get|set|delete|exists|keys&key=&value=`
fn key_value(call: &Call) -> anyhow::Result<String> {
    let store = Store::open(call.query.get("store").map_or("default", String::as_str)).map_err(debug)?;
    let key = || call.query("key");
    Ok(match call.query("op")? {
        "get" => match store.get(key()?).map_err(debug)? {
            Some(value) => String::from_utf8(value)?,
            None => "none".to_owned(),
        },
        "set" => {
            store.set(key()?, call.query("value")?.as_bytes()).map_err(debug)?;
            "set".to_owned()
        }
        "delete" => {
            store.delete(key()?).map_err(debug)?;
            "deleted".to_owned()
        }
        "exists" => store.exists(key()?).map_err(debug)?.to_string(),
        "keys" => store.get_keys().map_err(debug)?.join(","),
        _ => bail!("no such operation"),
    })
}

/// Runs the lines of the body as statements on one connection; `!` before one executes it instead of querying.
/// The address is `?address=` or the variable `pg_url`.
async fn postgres(call: Call) -> anyhow::Result<String> {
    let address = address(&call, "pg_url")?;
    let body = String::from_utf8(call.body().await?)?;
    let connection = pg4::Connection::open(&address).map_err(debug)?;
    let mut lines = Vec::new();
    for line in body.lines() {
        lines.push(match line.strip_prefix('!') {
            Some(statement) => match connection.execute(statement, &[]) {
                Ok(count) => count.to_string(),
                Err(error) => format!("{error:?}"),
            },
            None => match connection.query(line, &[]) {
                Ok(result) => format!("{:?}", result.rows),
                Err(error) => format!("{error:?}"),
            },
        });
    }
    Ok(lines.join("\n"))
}

/// Sends a value of each kind to the server and gets it back.
fn postgres_types() -> anyhow::Result<String> {
    use pg4::RangeBoundKind::{Exclusive, Inclusive};
    let connection = pg4::Connection::open(&variables::get("pg_url")?).map_err(debug)?;
    let cases: [(&str, ParameterValue); 26] = [
        ("bool", ParameterValue::Boolean(true)),
        ("int2", ParameterValue::Int16(-2)),
        ("int4", ParameterValue::Int32(4)),
        ("int8", ParameterValue::Int64(8)),
        ("float4", ParameterValue::Floating32(0.5)),
        ("float8", ParameterValue::Floating64(0.25)),
        ("text", ParameterValue::Str("text".to_owned())),
        ("varchar", ParameterValue::Str("varchar".to_owned())),
        ("bytea", ParameterValue::Binary(vec![0, 255])),
        ("date", ParameterValue::Date((2024, 2, 29))),
        ("time", ParameterValue::Time((23, 59, 58, 123_000))),
        ("timestamp", ParameterValue::Datetime((1969, 7, 20, 20, 17, 40, 0))),
        ("timestamptz", ParameterValue::Timestamp(0)),
        ("uuid", ParameterValue::Uuid("6f9619ff-8b86-d011-b42d-00c04fc964ff".to_owned())),
        ("jsonb", ParameterValue::Jsonb(b"{\"a\": 1}".to_vec())),
        ("json", ParameterValue::Jsonb(b"[1]".to_vec())),
        ("numeric", ParameterValue::Decimal("-12345.6780".to_owned())),
        ("int4range", ParameterValue::RangeInt32((Some((1, Inclusive)), Some((5, Exclusive))))),
        ("int8range", ParameterValue::RangeInt64((None, Some((5, Exclusive))))),
        ("numrange", ParameterValue::RangeDecimal((Some(("0.5".to_owned(), Exclusive)), None))),
        ("int4[]", ParameterValue::ArrayInt32(vec![Some(1), None])),
        ("int8[]", ParameterValue::ArrayInt64(vec![])),
        ("numeric[]", ParameterValue::ArrayDecimal(vec![Some("1.5".to_owned())])),
        ("text[]", ParameterValue::ArrayStr(vec![Some("a".to_owned()), None])),
        ("interval", ParameterValue::Interval(pg4::Interval { micros: 1, days: 2, months: 3 })),
        ("point", ParameterValue::DbNull),
    ];
    let mut lines = Vec::new();
    for (name, value) in cases {
        let result = connection.query(&format!("SELECT $1::{name} AS v"), &[value]);
        lines.push(match result {
            Ok(set) => format!("{name}: {:?} {:?}", set.columns[0].data_type, set.rows[0][0]),
            Err(error) => format!("{name}: {error:?}"),
        });
    }
    for (statement, value) in [
        ("SELECT $1::uuid", ParameterValue::Str("x".to_owned())),
        ("SELECT $1::int8", ParameterValue::Int32(1)),
        ("SELECT $1::uuid", ParameterValue::Uuid("no".to_owned())),
    ] {
        lines.push(format!("{:?}", connection.query(statement, &[value]).map(|set| set.rows.len())));
    }
    Ok(lines.join("\n"))
}

/// Runs the lines of the body as commands on one connection. The address is `?address=` or the variable `redis_url`.
async fn redis(call: Call) -> anyhow::Result<String> {
    let address = address(&call, "redis_url")?;
    let body = String::from_utf8(call.body().await?)?;
    let connection = redis::Connection::open(&address).map_err(debug)?;
    let mut lines = Vec::new();
    for line in body.lines() {
        let mut words = line.split(' ');
        let command = words.next().context("an empty line")?;
        let arguments: Vec<_> = words.map(|word| RedisParameter::Binary(word.into())).collect();
        lines.push(match connection.execute(command, &arguments) {
            Ok(reply) => reply.iter().map(show).collect::<Vec<_>>().join(" "),
            Err(error) => format!("{error:?}"),
        });
    }
    Ok(lines.join("\n"))
}

/// Publishes the body `?times=` on `?topic=`, with `?qos=0|1|2`. The address is `?address=` or the variable `mqtt_url`.
async fn mqtt(call: Call) -> anyhow::Result<String> {
    let address = address(&call, "mqtt_url")?;
    let user = call.query.get("user").cloned().map_or_else(|| variables::get("mqtt_user"), Ok)?;
    let password = call.query.get("password").cloned().map_or_else(|| variables::get("mqtt_password"), Ok)?;
    let qos = match call.query.get("qos").map_or("1", String::as_str) {
        "0" => Qos::AtMostOnce,
        "1" => Qos::AtLeastOnce,
        _ => Qos::ExactlyOnce,
    };
    let topic = call.query("topic")?.to_owned();
    let times: u32 = call.query.get("times").map_or(Ok(1), |times| times.parse())?;
    let body = call.body().await?;
    for _ in 0..times {
        mqtt::Connection::open(&address, &user, &password, 30)
            .map_err(debug)?
            .publish(&topic, &body, qos)
            .map_err(debug)?;
    }
    Ok("published".to_owned())
}

fn show(result: &redis::RedisResult) -> String {
    match result {
        redis::RedisResult::Nil => "nil".to_owned(),
        redis::RedisResult::Status(status) => format!("+{status}"),
        redis::RedisResult::Int64(number) => format!(":{number}"),
        redis::RedisResult::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Fetches `?url=`.
async fn http(call: &Call) -> anyhow::Result<String> {
    let request = Request::builder().method(Method::Get).uri(call.query("url")?).build();
    let response: Response = spin_sdk::http::send(request).await.map_err(debug)?;
    Ok(format!("{}\n{}", response.status(), String::from_utf8_lossy(response.body())))
}

fn address(call: &Call, variable: &str) -> anyhow::Result<String> {
    match call.query.get("address") {
        Some(address) => Ok(address.clone()),
        None => Ok(variables::get(variable)?),
    }
}
