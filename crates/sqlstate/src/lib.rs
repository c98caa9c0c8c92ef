//! The meaning of a PostgreSQL error, in each form in which Spin reports it.
//!
//! Before 3.6.1, and always for errors before a statement is executed, Spin reports the SQLSTATE. Since then rows are
//! streamed, and an error during execution arrives as the text of an error of Spin's driver. That text has one of two
//! forms: the driver's `Debug` form contains the SQLSTATE; its `Display` form, which Spin 3.6.3 and 4.0 use, has only
//! the severity and the server's message. The messages that matter are few, and they are recognised here in the
//! language that PostgreSQL writes with `lc_messages` set to `C` or to English.
//!
//! A text may hold what a caller sent (`DETAIL: Key (email_key)=(...)`), so only a code leaves this crate, and only the
//! server's own wording is examined.

use std::fmt;

/// A SQLSTATE: five digits and capital letters (SQL:2016, 24.1; PostgreSQL, appendix A).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// A unique index has the value already.
    pub const UNIQUE_VIOLATION: Self = Self(*b"23505");
    /// A foreign key names a row that is not there, or that others still name.
    pub const FOREIGN_KEY_VIOLATION: Self = Self(*b"23503");
    /// The transaction is read-only.
    pub const READ_ONLY: Self = Self(*b"25006");
    /// Two transactions could not be serialized.
    pub const SERIALIZATION_FAILURE: Self = Self(*b"40001");
    /// A deadlock of two transactions.
    pub const DEADLOCK: Self = Self(*b"40P01");
    /// A lock timeout.
    pub const LOCK_NOT_AVAILABLE: Self = Self(*b"55P03");
    /// The statement timed out or was cancelled.
    pub const QUERY_CANCELED: Self = Self(*b"57014");
    /// The server ends the connection.
    pub const ADMIN_SHUTDOWN: Self = Self(*b"57P01");
    /// The disk of the server is full.
    pub const DISK_FULL: Self = Self(*b"53100");
    /// The server has no memory left.
    pub const OUT_OF_MEMORY: Self = Self(*b"53200");
    /// An unknown message. PostgreSQL's own code for internal errors.
    pub const UNRECOGNISED: Self = Self(*b"XX000");

    /// Parses a code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let code: [u8; 5] = code.as_bytes().try_into().ok()?;
        code.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()).then_some(Self(code))
    }

    /// The code in the text of an error of the driver; `None` if the database did not report it, so that the connection
    /// broke or the deadline passed.
    #[must_use]
    pub fn in_text(text: &str) -> Option<Self> {
        match text.strip_prefix("Error { kind: Db, cause: Some(DbError { ") {
            Some(fields) => Some(in_debug_form(fields).unwrap_or(Self::UNRECOGNISED)),
            None => in_display_form(text),
        }
    }

    /// How to handle it.
    #[must_use]
    pub fn meaning(self) -> Meaning {
        match self {
            Self::UNIQUE_VIOLATION | Self::FOREIGN_KEY_VIOLATION => Meaning::Conflict,
            Self::READ_ONLY => Meaning::ReadOnly,
            Self::SERIALIZATION_FAILURE | Self::DEADLOCK | Self::LOCK_NOT_AVAILABLE | Self::QUERY_CANCELED => {
                Meaning::Transient
            }
            Self(code) => match &code[..2] {
                // Connection lost, resources gone, operator at work, trouble with the machine.
                b"08" | b"53" | b"57" | b"58" => Meaning::Unavailable,
                _ => Meaning::Fault,
            },
        }
    }

    /// The five characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // All of them are ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SqlState({self})")
    }
}

/// What an error means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A unique index or a foreign key was violated, and would be again.
    Conflict,
    /// A conflict with another transaction. Nothing was done; the same statement may succeed now.
    Transient,
    /// This connection is read-only. Another one may accept writes.
    ReadOnly,
    /// The database cannot serve at the moment.
    Unavailable,
    /// Anything else: a bug in the statement.
    Fault,
}

/// `severity: "ERROR", parsed_severity: Some(Error), code: SqlState(E23505), message: "..."`: the code comes before
/// anything that a caller can have a part in.
fn in_debug_form(fields: &str) -> Option<SqlState> {
    let (before, rest) = fields.split_once("code: SqlState(")?;
    if before.contains("message: ") {
        return None;
    }
    let code = rest.strip_prefix('E').or_else(|| rest.strip_prefix("Other(\"")).unwrap_or(rest);
    SqlState::parse(code.get(..5)?)
}

/// `db error: ERROR: the message`, with `DETAIL` and more on the lines below. Newer drivers leave the message to the list of
/// causes that follows.
fn in_display_form(text: &str) -> Option<SqlState> {
    let text = text.strip_prefix("db error")?;
    let text = text.strip_prefix(": ").or_else(|| text.trim_start().strip_prefix("Caused by:"))?;
    let line = text.trim_start().lines().next().unwrap_or_default();
    let (severity, message) = line.split_once(": ").unwrap_or_default();
    Some(match severity {
        // The connection ends with it.
        "FATAL" | "PANIC" => SqlState::ADMIN_SHUTDOWN,
        _ => in_message(message).unwrap_or(SqlState::UNRECOGNISED),
    })
}

/// The code that goes with a message of the server. Only how a message begins and ends is the server's own wording.
fn in_message(message: &str) -> Option<SqlState> {
    const MESSAGES: &[(&str, &str, SqlState)] = &[
        ("duplicate key value violates unique constraint ", "", SqlState::UNIQUE_VIOLATION),
        ("insert or update on table ", "", SqlState::FOREIGN_KEY_VIOLATION),
        ("update or delete on table ", "", SqlState::FOREIGN_KEY_VIOLATION),
        ("could not serialize access ", "", SqlState::SERIALIZATION_FAILURE),
        ("canceling statement due to conflict with recovery", "", SqlState::SERIALIZATION_FAILURE),
        ("deadlock detected", "", SqlState::DEADLOCK),
        ("canceling statement due to lock timeout", "", SqlState::LOCK_NOT_AVAILABLE),
        ("could not obtain lock on ", "", SqlState::LOCK_NOT_AVAILABLE),
        ("canceling statement due to ", "", SqlState::QUERY_CANCELED),
        ("cannot execute ", " in a read-only transaction", SqlState::READ_ONLY),
        ("cannot execute ", " during recovery", SqlState::READ_ONLY),
        ("could not extend file ", "", SqlState::DISK_FULL),
        ("could not write to file ", "", SqlState::DISK_FULL),
        ("out of memory", "", SqlState::OUT_OF_MEMORY),
        ("out of shared memory", "", SqlState::OUT_OF_MEMORY),
    ];
    MESSAGES.iter().find(|(begin, end, _)| message.starts_with(begin) && message.ends_with(end)).map(|entry| entry.2)
}

#[cfg(test)]
mod tests;
