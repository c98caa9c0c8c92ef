//! Databases by the interfaces that have elders.

use spin_sdk::{pg, pg3, sqlite, sqlite3, variables};

use crate::{Call, debug};

/// Runs a query by an elder interface of PostgreSQL, `2` or `3`, at the address in the variable `pg_url`.
pub(crate) fn postgres(version: &str, sql: &str) -> anyhow::Result<String> {
    let address = variables::get("pg_url")?;
    if version == "3" {
        let connection = pg3::Connection::open(&address).map_err(debug)?;
        connection.execute("SELECT 1", &[]).map_err(debug)?;
        let result = connection.query(sql, &[]).map_err(debug)?;
        let types: Vec<_> = result.columns.iter().map(|column| column.data_type).collect();
        return Ok(format!("{types:?} {:?}", result.rows));
    }
    let connection = pg::Connection::open(&address).map_err(debug)?;
    connection.execute("SELECT 1", &[]).map_err(debug)?;
    let unsigned = connection.query("SELECT $1::int4", &[pg::ParameterValue::Uint32(1)]);
    let result = connection.query(sql, &[]).map_err(debug)?;
    let types: Vec<_> = result.columns.iter().map(|column| column.data_type).collect();
    Ok(format!("{types:?} {:?} {:?}", result.rows, unsigned.map(|result| result.rows.len())))
}

/// Runs one statement.
type Run = Box<dyn Fn(&str) -> Result<String, String>>;

/// Runs the lines of the body as statements on one connection to `?database=`, by the interface `?v=2|3`. With the newer
/// one, `changes` and `rowid` are its functions.
pub(crate) async fn sqlite(call: Call) -> anyhow::Result<String> {
    let database = call.query.get("database").map_or("default", String::as_str).to_owned();
    let is_elder = call.query.get("v").is_some_and(|version| version == "2");
    let body = String::from_utf8(call.body().await?)?;
    let run: Run = if is_elder {
        let connection = sqlite::Connection::open(&database).map_err(debug)?;
        Box::new(move |statement| {
            let result = connection.execute(statement, &[]).map_err(|error| format!("{error:?}"))?;
            let rows: Vec<_> = result.rows.iter().map(|row| &row.values).collect();
            Ok(format!("{}: {rows:?}", result.columns.join(",")))
        })
    } else {
        let connection = sqlite3::Connection::open(&database).map_err(debug)?;
        Box::new(move |statement| match statement {
            "changes" => Ok(connection.changes().to_string()),
            "rowid" => Ok(connection.last_insert_rowid().to_string()),
            _ => {
                let result = connection.execute(statement, &[]).map_err(|error| format!("{error:?}"))?;
                let rows: Vec<_> = result.rows.iter().map(|row| &row.values).collect();
                Ok(format!("{}: {rows:?}", result.columns.join(",")))
            }
        })
    };
    let lines: Vec<_> = body.lines().map(|line| run(line).unwrap_or_else(|error| error)).collect();
    Ok(lines.join("\n"))
}
