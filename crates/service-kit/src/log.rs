//! The log: one JSON object a line on standard error, each with its time in UTC.
//!
//! A line is readable by itself (`message`) and carries fields; what belongs to a trace has its `trace_id`. What is never logged: passwords, tokens, hashes,
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

/// A span that has ended, for a collector that reads the log. Such a line begins with `resourceSpans`, by which collectors know it.
pub(crate) fn span(name: &str, otlp: &Value) {
    let line = line("info", &format!("span: {name}"), &[]).to_string();
    let rest = line.strip_prefix('{').unwrap_or_default();
    print(format!("{{\"resourceSpans\":{otlp},{rest}"));
}

fn write(level: &str, message: &str, fields: &[(&str, &str)]) {
    print(line(level, message, fields).to_string());
}

/// Writes a line at once: standard error has no buffer, and Spin takes each piece for a record of its own.
fn print(mut line: String) {
    line.push('\n');
    eprint!("{line}");
}

fn line(level: &str, message: &str, fields: &[(&str, &str)]) -> Value {
    let mut line = Map::new();
    let time = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    line.insert("time".to_owned(), time.into());
    line.insert("level".to_owned(), level.into());
    line.insert("message".to_owned(), message.into());
    if let Some(correlation) = trace_context::current() {
        line.insert("trace_id".to_owned(), correlation.trace.trace_id().into());
    }
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
        assert!(value.get("trace_id").is_none());
    }

    #[test]
    fn a_line_of_a_trace_has_its_id() {
        let trace = trace_context::TraceContext::new(7, 8, false).unwrap();
        let correlation = trace_context::Correlation { trace, request_id: None };
        let line = trace_context::scope_sync(correlation, || super::line("info", "m", &[]));
        assert_eq!(line["trace_id"], "00000000000000000000000000000007");
    }
}
