//! PostgreSQL, through Spin. The only place that knows SQL.
//!
//! Every statement returns exactly one row with one `jsonb` value, made by the database and decoded into its type at
//! once: some versions of Spin never return from a query without rows, and cannot read every column type. What must be
//! atomic is one statement, since no transaction stays open between two calls.
//!
//! **The order of locks.** A statement that touches several tables locks the user first (`FOR KEY SHARE` is enough for
//! rows that belong to it), then a client of the OpenID Connect provider, then the user's tickets, second factors and challenges, or the invitations that it has sent, then its sessions, then the outbox, then rate limits; rows of one table in the order of
//! their keys, except with `SKIP LOCKED`, which never waits. Statements that keep to this order cannot deadlock. What
//! admits a request about a ticket counts its client first: nobody who has locked a user waits for these limits.

pub(crate) mod audit;
pub(crate) mod audit_reading;
pub(crate) mod challenges;
pub(crate) mod email_change;
pub(crate) mod erasures;
mod error;
pub(crate) mod exports;
pub(crate) mod hash_permits;
pub(crate) mod idempotency;
pub(crate) mod invitations;
pub(crate) mod mail_sign_ins;
pub(crate) mod metadata;
pub(crate) mod metrics;
pub(crate) mod not_me;
pub(crate) mod oauth_clients;
pub(crate) mod oauth_sessions;
pub(crate) mod outbox;
pub(crate) mod passkey_sign_ins;
pub(crate) mod passkeys;
pub(crate) mod password_resets;
pub(crate) mod phones;
pub(crate) mod preconditions;
pub(crate) mod rate_limits;
mod reads;
pub(crate) mod recovery;
pub(crate) mod removal;
mod roles;
pub(crate) mod second_factors;
pub(crate) mod sessions;
pub(crate) mod sign_in;
mod sign_in_statements;
mod statements;
pub(crate) mod statistics;
pub(crate) mod suspensions;
pub(crate) mod tickets;
pub(crate) mod transfer;
pub(crate) mod user_list;
pub(crate) mod users;
pub(crate) mod verification;

use crate::settings;
use error::StoreError;
use outbox::OutboxEvent;
use problem::Problem;
use serde::de::DeserializeOwned;
use service_kit::{Response, StatusCode, json};
use spin_sdk::pg4::{Connection, DbValue, ParameterValue};
use std::cell::RefCell;
use std::time::{Duration, Instant};

pub(crate) use api::users::User;
pub(crate) use statements::Found;

/// A connection for the duration of one request.
pub(crate) struct Store {
    /// Where the database is.
    address: String,
    /// `None` after it was given up, until the next statement.
    connection: RefCell<Option<Connection>>,
}

/// The outcome of a change.
pub(crate) enum Changed {
    /// The user as it is now, and the events for the caller to publish.
    Done(Box<User>, Vec<OutboxEvent>),
    /// There is no such user.
    NotFound,
    /// It has another version than the precondition asks for.
    OtherVersion,
    /// Another user has the email.
    EmailTaken,
    /// It would leave no administrator.
    LastAdministrator,
    /// It would give the caller a role that they do not have.
    OwnRole,
    /// The caller's session has ended, or its password has to be replaced, since that was checked.
    SessionEnded,
}

/// How often a statement is executed at most, the first time included.
const TRIES: u32 = 5;
/// After this time no statement is retried.
const RETRY_FOR: Duration = Duration::from_millis(2_500);

/// How many rows one step of a clean-up deletes at most.
const STEP: i64 = 1_000;

impl Store {
    /// Connects to the database in the component variable `db_url`.
    pub(crate) fn open() -> Result<Self, Problem> {
        Ok(Self::at(&settings::database()?)?)
    }

    /// Connects to a database.
    fn at(address: &str) -> Result<Self, StoreError> {
        let connection = Connection::open(address)?;
        Ok(Self { address: address.to_owned(), connection: RefCell::new(Some(connection)) })
    }

    /// Checks that the database accepts writes. A read-only connection is given up, so that the next check uses
    /// another.
    pub(crate) fn ping(&self) -> Result<(), Problem> {
        if self.one::<bool>(statements::PING, &[])? {
            return Ok(());
        }
        self.give_up_connection();
        Err(StoreError::ReadOnly.into())
    }

    /// Executes a statement that returns one `jsonb` value. SQL's NULL is JSON's.
    ///
    /// Each statement is a transaction of its own. One that failed because of a conflict with another transaction has
    /// done nothing and is retried a few times, after a short random pause. So is one on a read-only connection, on
    /// another connection.
    fn one<T: DeserializeOwned>(&self, statement: &str, parameters: &[ParameterValue]) -> Result<T, StoreError> {
        let start = Instant::now();
        let mut tries = 1;
        loop {
            let error = match self.run(statement, parameters) {
                Err(error @ StoreError::ReadOnly) => {
                    self.give_up_connection();
                    error
                }
                Err(error @ StoreError::Transient(_)) => error,
                outcome => return outcome,
            };
            if tries >= TRIES || start.elapsed() >= RETRY_FOR {
                return Err(error);
            }
            if matches!(error, StoreError::Transient(_)) {
                pause_before(tries);
            }
            tries += 1;
        }
    }

    fn run<T: DeserializeOwned>(&self, statement: &str, parameters: &[ParameterValue]) -> Result<T, StoreError> {
        let mut connection = self.connection.borrow_mut();
        let connection = match &mut *connection {
            Some(connection) => connection,
            none => none.insert(Connection::open(&self.address)?),
        };
        let result = connection.query(statement, parameters)?;
        let value = match result.rows.first().and_then(|row| row.first()) {
            Some(DbValue::Jsonb(bytes)) => serde_json::from_slice(bytes),
            Some(DbValue::DbNull) => serde_json::from_slice(b"null"),
            _ => return Err(StoreError::Fault("a statement did not give one jsonb value".to_owned())),
        };
        value.map_err(|error| StoreError::Fault(format!("a row does not fit its type ({:?})", error.classify())))
    }

    /// Executes a statement that deletes up to `$1` rows and returns how many. Answers whether there may be more: no clean-up
    /// is one long statement.
    fn delete_step(&self, statement: &str) -> Result<bool, Problem> {
        let removed: i64 = self.one(statement, &[ParameterValue::Int64(STEP)])?;
        Ok(removed >= STEP)
    }

    /// Ends the connection. The runtime pools connections, and a component cannot tell it to discard one; but a
    /// connection that the server has ended is discarded.
    fn give_up_connection(&self) {
        if let Some(connection) = self.connection.borrow_mut().take() {
            // It succeeds by failing: the connection is gone before it can respond.
            let _ = connection.query(statements::END_CONNECTION, &[]);
        }
    }
}

/// Waits up to 40 ms before the second attempt, up to 80 ms before the third, and so on: statements that conflicted are
/// not to be retried at the same moment.
fn pause_before(tries: u32) {
    let [random] = service_kit::random::bytes::<1>();
    std::thread::sleep(Duration::from_micros(u64::from(random) * 160) * tries);
}

/// The response that returns a user.
pub(crate) fn user_response(status: StatusCode, user: &User) -> Response {
    let mut response = json(status, user);
    if let Ok(tag) = users_domain::etag(user.id, user.version).parse() {
        response.headers_mut().insert("etag", tag);
    }
    response
}
