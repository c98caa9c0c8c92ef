//! All that is kept: every row of every table, every key of the broker with what is in it.

use crate::backend::Backend;
use redis::{Value, cmd};

/// Something that is kept somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The table or the key.
    pub place: String,
    /// What is there, as text.
    pub text: String,
}

impl Backend {
    /// All that the database and the broker keep.
    ///
    /// # Panics
    /// If one of them does not answer.
    #[must_use]
    pub fn all_kept(&self) -> Vec<Kept> {
        let mut all = self.all_rows();
        all.extend(self.all_values());
        all
    }

    /// Where any of these texts is kept, whatever the case.
    ///
    /// # Panics
    /// As [`Backend::all_kept`].
    #[must_use]
    pub fn places_of(&self, texts: &[&str]) -> Vec<String> {
        let texts: Vec<_> = texts.iter().map(|text| text.to_lowercase()).collect();
        let is_there = |kept: &Kept| {
            let (place, there) = (kept.place.to_lowercase(), kept.text.to_lowercase());
            texts.iter().any(|text| place.contains(text) || there.contains(text))
        };
        let mut places: Vec<_> = self.all_kept().into_iter().filter(is_there).map(|kept| kept.place).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    fn all_rows(&self) -> Vec<Kept> {
        let mut sql = self.sql();
        let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
        let mut all = Vec::new();
        for table in sql.query(tables, &[]).expect("the tables are listed") {
            let table: String = table.get(0);
            let rows = format!("SELECT to_jsonb(t)::text FROM \"{table}\" t");
            let rows = sql.query(&rows, &[]).expect("a table can be read");
            all.extend(rows.iter().map(|row| Kept { place: table.clone(), text: row.get(0) }));
        }
        all
    }

    fn all_values(&self) -> Vec<Kept> {
        let client = redis::Client::open(self.redis.url()).expect("Redis has a URL");
        let mut connection = client.get_connection().expect("Redis answers");
        let keys: Vec<String> = cmd("KEYS").arg("*").query(&mut connection).expect("the keys are listed");
        let mut read = |key: &String| {
            let kind: String = cmd("TYPE").arg(key).query(&mut connection).expect("a key has a type");
            let mut command = match kind.as_str() {
                "string" => cmd("GET"),
                "set" => cmd("SMEMBERS"),
                "hash" => cmd("HGETALL"),
                "stream" => cmd("XRANGE"),
                "list" => cmd("LRANGE"),
                "zset" => cmd("ZRANGE"),
                other => panic!("{key} is a {other}, which this cannot read"),
            };
            command.arg(key);
            match kind.as_str() {
                "stream" => command.arg("-").arg("+"),
                "list" | "zset" => command.arg(0).arg(-1),
                _ => &mut command,
            };
            let value = command.query(&mut connection).expect("a key can be read");
            let mut text = String::new();
            write_down(&value, &mut text);
            Kept { place: key.clone(), text }
        };
        keys.iter().map(&mut read).collect()
    }
}

fn write_down(value: &Value, text: &mut String) {
    match value {
        Value::BulkString(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
        Value::Array(values) | Value::Set(values) => values.iter().for_each(|value| write_down(value, text)),
        Value::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            write_down(key, text);
            write_down(value, text);
        }),
        other => text.push_str(&format!("{other:?}")),
    }
    text.push('\n');
}
