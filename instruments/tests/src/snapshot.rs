//! An answer as a snapshot shows it: what differs from run to run is replaced by its name in brackets.

use crate::answer::Answer;
use serde_json::{Map, Value};

impl Answer {
    /// The answer as a snapshot shows it: status, the headers that matter, and the body, with what differs from run to
    /// run replaced by its name in brackets.
    #[must_use]
    pub fn shown(&self) -> String {
        const SHOWN: &[&str] = &[
            "accept-post",
            "allow",
            "cache-control",
            "content-disposition",
            "content-type",
            "etag",
            "idempotent-replayed",
            "link",
            "location",
            "retry-after",
            "www-authenticate",
            "x-content-type-options",
            "x-request-id",
        ];
        let mut text = self.status.to_string();
        for name in SHOWN {
            for (_, value) in self.headers.iter().filter(|(known, _)| known == name) {
                text.push_str(&format!("\n{name}: {}", redact_header(name, value)));
            }
        }
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(body) => {
                let body = redact("", &body);
                text.push_str(&format!("\n\n{}", serde_json::to_string_pretty(&body).unwrap_or_default()));
            }
            Err(_) if self.body.is_empty() => {}
            Err(_) => text.push_str(&format!("\n\n{}", self.text())),
        }
        text
    }
}

fn redact_header(name: &str, value: &str) -> String {
    match name {
        "x-request-id" if value.len() == 36 => "[uuid]".to_owned(),
        "content-disposition" | "etag" | "location" => without_ids(value),
        "link" => match value.split_once("cursor=") {
            Some((before, after)) => {
                let rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_".contains(c));
                format!("{before}cursor=[cursor]{rest}")
            }
            None => value.to_owned(),
        },
        _ => value.to_owned(),
    }
}

/// The first number of a text by name.
fn without_ids(text: &str) -> String {
    let Some(start) = text.find(|c: char| c.is_ascii_digit()) else { return text.to_owned() };
    let rest = text[start..].trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{}[id]{rest}", &text[..start])
}

/// Replaces what differs from run to run. Objects come out sorted by key.
fn redact(key: &str, value: &Value) -> Value {
    let marked = |name: &str| Value::from(format!("[{name}]"));
    match (key, value) {
        ("id" | "user_id" | "event_id", Value::Number(_)) => marked("id"),
        ("id" | "event_id" | "kept", Value::String(_)) => marked("id"),
        (
            "created_at" | "updated_at" | "delivered_at" | "used_at" | "ends_at" | "exported_at" | "time",
            Value::String(_),
        ) => marked("time"),
        ("instance" | "request_id" | "requestid", Value::String(id)) if id.len() == 36 => marked("uuid"),
        ("traceparent", Value::String(_)) => marked("trace"),
        ("access_token" | "refresh_token" | "device_token", Value::String(_)) => marked("token"),
        ("user_agent", Value::String(_)) => marked("user_agent"),
        ("next_cursor", Value::String(_)) => marked("cursor"),
        ("latency_ms", Value::Number(_)) => marked("milliseconds"),
        ("password_hash", Value::String(hash)) => {
            let end = hash.rfind('$').map_or(0, |last| last + 1);
            Value::from(format!("{}[salt and hash]", &hash[..end]))
        }
        (_, Value::Array(items)) => items.iter().map(|item| redact("", item)).collect(),
        (_, Value::Object(members)) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| name.as_str());
            let members: Map<_, _> = sorted.into_iter().map(|(name, v)| (name.clone(), redact(name, v))).collect();
            Value::Object(members)
        }
        (_, other) => other.clone(),
    }
}
