//! The log: one JSON object a line on standard error, each with its time in UTC.
//!
//! A line is readable by itself (`message`) and carries fields. What is never logged: passwords, tokens, hashes,
//! email addresses, phone numbers, names, client addresses, bodies and query strings.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Something that an operator should look at.
pub fn error(message: &str, fields: &[(&str, &str)]) {
    write("error", message, fields);
}

/// Something odd that the service has dealt with.
pub fn warn(message: &str, fields: &[(&str, &str)]) {
    write("warn", message, fields);
}

/// A step worth knowing about.
pub fn info(message: &str, fields: &[(&str, &str)]) {
    write("info", message, fields);
}

/// Something that happened to somebody's access: a line of the audit log. It says who (an id, or a digest for a name
/// that may be nobody's), what, with which result, and in which request.
pub fn audit(event: &str, result: &str, request_id: &str, fields: &[(&str, &str)]) {
    let message = format!("audit: {event}: {result}");
    let mut all = vec![("audit", event), ("result", result), ("request_id", request_id)];
    all.extend(fields);
    write("info", &message, &all);
}

fn write(level: &str, message: &str, fields: &[(&str, &str)]) {
    eprintln!("{}", line(level, message, fields));
}

fn line(level: &str, message: &str, fields: &[(&str, &str)]) -> Value {
    let mut line = Map::new();
    let time = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    line.insert("time".to_owned(), time.into());
    line.insert("level".to_owned(), level.into());
    line.insert("message".to_owned(), message.into());
    for (name, value) in fields {
        line.insert((*name).to_owned(), (*value).into());
    }
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_is_one_json_object() {
        let line = super::line("warn", "a\nb", &[("queue", "q")]).to_string();
        assert_eq!(line.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(value["time"].as_str().unwrap().ends_with('Z'));
        assert_eq!(value["message"], "a\nb");
        assert_eq!(value["queue"], "q");
    }
}
