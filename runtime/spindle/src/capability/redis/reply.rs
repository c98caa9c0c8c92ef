//! Which commands leave a session as it was, and what a component is told of a reply.

use redis::Value;

use super::bindings::{RedisParameter, RedisResult};
use super::error::message;

/// Commands that change the session, or that hold it.
const UNCLEAN: [&str; 31] = [
    "ASKING",
    "AUTH",
    "BLMOVE",
    "BLMPOP",
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BZMPOP",
    "BZPOPMAX",
    "BZPOPMIN",
    "CLIENT",
    "DISCARD",
    "EXEC",
    "HELLO",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "PSYNC",
    "PUNSUBSCRIBE",
    "QUIT",
    "READONLY",
    "READWRITE",
    "RESET",
    "SELECT",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SYNC",
    "UNSUBSCRIBE",
    "UNWATCH",
    "WAIT",
    "WATCH",
];

/// Whether a command leaves the session as it was, and answers at once.
pub(super) fn keeps_session_clean(command: &str, arguments: &[RedisParameter]) -> bool {
    let command = command.trim();
    if UNCLEAN.iter().any(|unclean| command.eq_ignore_ascii_case(unclean)) {
        return false;
    }
    let reads_stream = command.eq_ignore_ascii_case("XREAD") || command.eq_ignore_ascii_case("XREADGROUP");
    let blocks = |argument: &RedisParameter| matches!(argument, RedisParameter::Binary(bytes) if bytes.eq_ignore_ascii_case(b"BLOCK"));
    !(command.contains(' ') || (reads_stream && arguments.iter().any(blocks)))
}

/// Makes one flat list of a reply, as Spin does.
pub(super) fn flatten(value: Value, flat: &mut Vec<RedisResult>) -> Result<(), String> {
    flat.push(match value {
        Value::Nil => RedisResult::Nil,
        Value::Int(number) => RedisResult::Int64(number),
        Value::BulkString(bytes) => RedisResult::Binary(bytes),
        Value::SimpleString(text) => RedisResult::Status(text),
        Value::Okay => RedisResult::Status("OK".to_owned()),
        Value::Double(number) => RedisResult::Binary(number.to_string().into_bytes()),
        Value::BigNumber(digits) => RedisResult::Binary(digits),
        Value::Boolean(boolean) => RedisResult::Int64(boolean.into()),
        Value::VerbatimString { text, .. } => RedisResult::Binary(text.into_bytes()),
        Value::Array(values) | Value::Set(values) => {
            return values.into_iter().try_for_each(|value| flatten(value, flat));
        }
        Value::ServerError(error) => return Err(message(&error.into())),
        other => return Err(format!("a reply of this kind is not supported: {}", kind(&other))),
    });
    Ok(())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Map(_) => "map",
        Value::Attribute { .. } => "attribute",
        Value::Push { .. } => "push",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(value: Value) -> Result<Vec<String>, String> {
        let mut list = Vec::new();
        flatten(value, &mut list)?;
        Ok(list
            .into_iter()
            .map(|item| match item {
                RedisResult::Nil => "nil".to_owned(),
                RedisResult::Status(text) => format!("+{text}"),
                RedisResult::Int64(number) => format!(":{number}"),
                RedisResult::Binary(bytes) => format!("${}", String::from_utf8(bytes).unwrap()),
            })
            .collect())
    }

    #[test]
    fn nested_replies_become_one_list() {
        let bulk = |text: &str| Value::BulkString(text.into());
        let entry = Value::Array(vec![bulk("1-0"), Value::Array(vec![bulk("data"), bulk("x"), Value::Nil])]);
        let reply =
            Value::Array(vec![bulk("stream"), Value::Array(vec![entry]), Value::Set(vec![Value::Int(3)]), Value::Okay]);
        assert_eq!(flat(reply).unwrap(), ["$stream", "$1-0", "$data", "$x", "nil", ":3", "+OK"]);
    }

    #[test]
    fn a_nil_is_one_nil_and_an_empty_array_is_nothing() {
        assert_eq!(flat(Value::Nil).unwrap(), ["nil"]);
        assert_eq!(flat(Value::Array(vec![])).unwrap(), [""; 0]);
    }

    #[test]
    fn maps_are_refused() {
        assert!(flat(Value::Map(vec![])).is_err());
        assert!(flat(Value::Array(vec![Value::Map(vec![])])).is_err());
    }

    #[test]
    fn commands_that_change_the_session_are_known() {
        let block = [RedisParameter::Binary(b"block".to_vec()), RedisParameter::Int64(0)];
        assert!(keeps_session_clean("XADD", &[]));
        assert!(keeps_session_clean("XREADGROUP", &[]));
        assert!(!keeps_session_clean("xreadgroup", &block));
        for command in ["multi", "WATCH", "select", " AUTH", "BLPOP", "Client", "CLIENT REPLY"] {
            assert!(!keeps_session_clean(command, &[]), "{command}");
        }
    }
}
