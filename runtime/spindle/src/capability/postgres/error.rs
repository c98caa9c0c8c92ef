//! What a component is told of an error.

use tokio_postgres::Error;
use tokio_postgres::error::Severity;

use super::bindings::{DbError, Error as GuestError, QueryError};
use super::client::{Failure, describe};

/// Whether a connection is of further use after this failure.
pub(super) fn is_survived(failure: &Failure) -> bool {
    match failure {
        Failure::Postgres(error) | Failure::Streamed(error) => !ends_connection(error),
        Failure::Timeout | Failure::TooLarge => false,
    }
}

/// A failure in the words of the interface.
pub(super) fn guest_error(failure: &Failure) -> GuestError {
    let text = |text: &str| GuestError::QueryFailed(QueryError::Text(text.to_owned()));
    match failure {
        Failure::Postgres(error) => query_failed(error),
        Failure::Streamed(error) => text(&streamed(error)),
        Failure::Timeout => text("no answer in time"),
        Failure::TooLarge => text("the result is too large"),
    }
}

/// Whether the server closes the connection after this error. It says so before it does.
fn ends_connection(error: &Error) -> bool {
    error
        .as_db_error()
        .is_some_and(|report| matches!(report.parsed_severity(), Some(Severity::Fatal | Severity::Panic)))
}

/// What a component learns of an error that comes while rows are awaited. Spin 3.6 streams them, and has no code for what
/// goes wrong meanwhile: only the error's words with their cause, the way `anyhow` writes them.
fn streamed(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{}\n\nCaused by:\n    {}", describe(error), cause.to_string().replace('\n', "\n    ")),
        None => error.to_string(),
    }
}

fn query_failed(error: &Error) -> GuestError {
    let Some(report) = error.as_db_error() else {
        return GuestError::QueryFailed(QueryError::Text(describe(error)));
    };
    let line = report.line().map(|line| line.to_string());
    let extras = [
        ("column", report.column()),
        ("constraint", report.constraint()),
        ("routine", report.routine()),
        ("hint", report.hint()),
        ("table", report.table()),
        ("datatype", report.datatype()),
        ("schema", report.schema()),
        ("file", report.file()),
        ("line", line.as_deref()),
        ("where_", report.where_()),
    ];
    GuestError::QueryFailed(QueryError::DbError(DbError {
        as_text: format!("{error:?}"),
        severity: report.severity().to_owned(),
        code: report.code().code().to_owned(),
        message: report.message().to_owned(),
        detail: report.detail().map(str::to_owned),
        extras: extras.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect(),
    }))
}
