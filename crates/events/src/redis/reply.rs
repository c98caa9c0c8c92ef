//! Replies, as Spin hands them over.

/// One element of a flattened reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Nil,
    /// An integer.
    Integer(i64),
    /// A status such as `OK`, or a string.
    Bytes(Vec<u8>),
}

impl Reply {
    pub(super) fn text(&self) -> Result<&str, ReplyError> {
        match self {
            Reply::Bytes(bytes) => std::str::from_utf8(bytes).map_err(|_| ReplyError),
            _ => Err(ReplyError),
        }
    }

    pub(super) fn number(&self) -> Result<u64, ReplyError> {
        match self {
            Reply::Integer(number) => u64::try_from(*number).map_err(|_| ReplyError),
            Reply::Bytes(_) => self.text()?.parse().map_err(|_| ReplyError),
            Reply::Nil => Err(ReplyError),
        }
    }
}

/// A reply that has another shape than its command gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Redis gave a reply of an unexpected shape")]
pub struct ReplyError;

/// Whether a reply says "nothing": an empty list, or a single nil.
pub(super) fn is_nothing(replies: &[Reply]) -> bool {
    matches!(replies, [] | [Reply::Nil])
}
