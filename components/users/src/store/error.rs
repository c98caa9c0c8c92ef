//! Errors of the database, and the problems that callers get for them.

use problem::{Kind, Problem};
use spin_sdk::pg4::{PgError as Error, QueryError};
use sqlstate::{Meaning, SqlState};

/// Why a statement failed. Causes are texts and codes of our own: the text of a database error may hold personal data.
#[derive(Debug)]
pub(super) enum StoreError {
    /// The database did not respond, or not in time.
    Unavailable(String),
    /// A conflict with another transaction; the statement did nothing.
    Transient(SqlState),
    /// The connection is read-only.
    ReadOnly,
    /// A unique index or a foreign key was violated.
    Conflict,
    /// Anything else: a bug.
    Fault(String),
}

impl StoreError {
    /// What happened, for the log.
    pub(super) fn cause(&self) -> &str {
        match self {
            Self::Unavailable(cause) | Self::Fault(cause) => cause,
            Self::Transient(_) => "a conflict with another transaction",
            Self::ReadOnly => "the connection is read-only",
            Self::Conflict => "a unique index or a foreign key says no",
        }
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::ConnectionFailed(_) => return Self::Unavailable("no connection to the database".to_owned()),
            Error::BadParameter(_) => return Self::Fault("a parameter does not fit its column".to_owned()),
            Error::ValueConversionFailed(_) => return Self::Fault("a value cannot be read".to_owned()),
            Error::QueryFailed(QueryError::DbError(error)) => {
                Some(SqlState::parse(&error.code).unwrap_or(SqlState::UNRECOGNISED))
            }
            Error::QueryFailed(QueryError::Text(text)) | Error::Other(text) => SqlState::in_text(&text),
        };
        // Without a code it is not an error of the database: the connection broke, or the deadline passed.
        let Some(code) = code else {
            return Self::Unavailable("the connection to the database broke".to_owned());
        };
        match code.meaning() {
            Meaning::Conflict => Self::Conflict,
            Meaning::Transient => Self::Transient(code),
            Meaning::ReadOnly => Self::ReadOnly,
            Meaning::Unavailable => Self::Unavailable(answered(code)),
            Meaning::Fault => Self::Fault(answered(code)),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let cause = match error {
            StoreError::Unavailable(cause) => cause,
            StoreError::Transient(code) => answered(code),
            StoreError::ReadOnly => answered(SqlState::READ_ONLY),
            // Where a conflict is expected, the statement's function handles it.
            StoreError::Conflict => return internal("a unique index or a foreign key says no".to_owned()),
            StoreError::Fault(cause) => return internal(cause),
        };
        Problem::of(Kind::DatabaseUnavailable).with_header("retry-after", "1").with_cause(cause)
    }
}

fn internal(cause: String) -> Problem {
    Problem::internal(cause)
}

fn answered(code: SqlState) -> String {
    format!("the database answered with SQLSTATE {code}")
}
