//! What a component is told of an error.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// An error in the server's own words, if they are the server's.
pub(super) fn message(error: &RedisError) -> String {
    match (error.kind(), error.code(), error.detail()) {
        (ErrorKind::Server(ServerErrorKind::ResponseError), None, Some(detail)) => format!("ERR {detail}"),
        (_, Some(code), Some(detail)) => format!("{code} {detail}"),
        (_, Some(code), None) => code.to_owned(),
        _ => error.to_string(),
    }
}
