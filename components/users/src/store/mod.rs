//! PostgreSQL, through Spin. The only place that knows SQL.
//!
//! Every statement gives exactly one row with one `jsonb` value, made by the database and decoded into its type at
//! once: some versions of Spin never return from a query without rows, and cannot read every column type. What must
//! happen together is one statement, since nothing holds a transaction open between two calls.

pub(crate) mod attempts;
pub(crate) mod erasures;
pub(crate) mod events;
pub(crate) mod exports;
pub(crate) mod idempotency;
pub(crate) mod sessions;
pub(crate) mod sign_in;
mod statements;
pub(crate) mod users;

use problem::{Kind, Problem};
use serde::de::DeserializeOwned;
use shell::{Response, StatusCode, config, json};
use spin_sdk::pg4::{Connection, DbValue, ParameterValue, PgError as Error, QueryError};

pub(crate) use statements::{Found, User};

/// A connection for the length of one request.
pub(crate) struct Store {
    connection: Connection,
}

/// What came of a change.
pub(crate) enum Changed {
    /// The user as it is now.
    Done(Box<User>),
    /// There is no such user.
    NotFound,
    /// It has another version than the precondition asks for.
    OtherVersion,
    /// Another user has the email.
    EmailTaken,
    /// It would leave nobody who is an administrator.
    LastAdministrator,
    /// It would give its maker a role that they do not have.
    OwnRole,
}

/// What came of a removal.
pub(crate) enum Removed {
    /// The user is gone.
    Done,
    /// There was no such user.
    NotFound,
    /// It has another version than the precondition asks for.
    OtherVersion,
    /// It is the last administrator.
    LastAdministrator,
}

/// Why a statement failed.
#[derive(Debug)]
enum StoreError {
    /// The database does not answer, or not in time.
    Unavailable(String),
    /// A unique index or a foreign key says no.
    Conflict,
    /// Anything else: a mistake of ours.
    Fault(String),
}

impl Store {
    /// Connects to the database in the component variable `db_url`.
    pub(crate) fn open() -> Result<Self, Problem> {
        let connection = Connection::open(&config::text("db_url")?).map_err(|error| Problem::from(classify(error)))?;
        Ok(Self { connection })
    }

    /// Asks the database for a sign of life.
    pub(crate) fn ping(&self) -> Result<(), Problem> {
        self.one::<i32>(statements::PING, &[])?;
        Ok(())
    }

    /// Runs a statement that gives one `jsonb` value. SQL's NULL is JSON's.
    fn one<T: DeserializeOwned>(&self, statement: &str, parameters: &[ParameterValue]) -> Result<T, StoreError> {
        let result = self.connection.query(statement, parameters).map_err(classify)?;
        let value = match result.rows.first().and_then(|row| row.first()) {
            Some(DbValue::Jsonb(bytes)) => serde_json::from_slice(bytes),
            Some(DbValue::DbNull) => serde_json::from_slice(b"null"),
            _ => return Err(StoreError::Fault("a statement did not give one jsonb value".to_owned())),
        };
        value.map_err(|error| StoreError::Fault(format!("a row does not fit its type ({:?})", error.classify())))
    }
}

/// The response that shows a user.
pub(crate) fn user_response(status: StatusCode, user: &User) -> Response {
    let mut response = json(status, user);
    if let Ok(tag) = users_domain::etag(user.id, user.version).parse() {
        response.headers_mut().insert("etag", tag);
    }
    response
}

/// SQLSTATE classes under which trying again later helps: connection lost, resources gone, operator at work.
const PASSING: &[&str] = &["08", "53", "57", "58"];

/// Sorts an error. Its text may hold addresses and values, so only codes and our own words go on from here.
fn classify(error: Error) -> StoreError {
    match error {
        Error::ConnectionFailed(_) => StoreError::Unavailable("no connection to the database".to_owned()),
        Error::QueryFailed(QueryError::DbError(error)) => match error.code.as_str() {
            "23505" | "23503" => StoreError::Conflict,
            code if PASSING.iter().any(|class| code.starts_with(class)) => {
                StoreError::Unavailable(format!("the database answered with SQLSTATE {code}"))
            }
            code => StoreError::Fault(format!("the database answered with SQLSTATE {code}")),
        },
        // Without a code it never came from the database: the connection broke, or the deadline passed.
        Error::QueryFailed(QueryError::Text(_)) | Error::Other(_) => {
            StoreError::Unavailable("the connection to the database broke".to_owned())
        }
        Error::BadParameter(_) => StoreError::Fault("a parameter does not fit its column".to_owned()),
        Error::ValueConversionFailed(_) => StoreError::Fault("a value cannot be read".to_owned()),
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => {
                Problem::new(Kind::DatabaseUnavailable, "The database does not answer; try again in a moment.")
                    .with_header("retry-after", "1")
                    .with_cause(cause)
            }
            // Where a conflict is to be expected, the statement's own function says what it means.
            StoreError::Conflict => internal("a unique index or a foreign key says no".to_owned()),
            StoreError::Fault(cause) => internal(cause),
        }
    }
}

fn internal(cause: String) -> Problem {
    Problem::new(Kind::Internal, "This did not work; the service's log says more.").with_cause(cause)
}
