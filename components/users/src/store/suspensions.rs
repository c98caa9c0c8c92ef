//! The statements about suspensions and locks.

use super::preconditions::{self, Acted, Change, account, admits, answer, precondition_failed};
use super::roles::KEEPS_AN_ADMIN;
use super::{Store, audit};
use api::users::{Access, Suspension};
use identity::UserId;
use problem::Problem;
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::{Attempt, Precondition, RESET_SECONDS, Trace, last_administrator, user_not_found};

/// Since when the user of a row is suspended, as the API writes times.
const SUSPENDED_AT: &str = "to_char(suspended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";

/// Since when a user is suspended; `None` if there is no such user.
pub(crate) fn find(store: &Store, id: UserId) -> Result<Option<Suspension>, Problem> {
    let statement =
        format!("SELECT (SELECT jsonb_build_object('suspended_at', {SUSPENDED_AT}) FROM users WHERE id = $1)");
    Ok(store.one(&statement, &[ParameterValue::Int64(id.get())])?)
}

/// What keeps a user out; `attempt` is one to sign in to the account. `None` if there is no such user.
pub(crate) fn find_access(store: &Store, id: UserId, attempt: &Attempt) -> Result<Option<Access>, Problem> {
    let statement = format!(
        "SELECT (SELECT jsonb_build_object('suspended_at', {SUSPENDED_AT},
                    'locked', (SELECT s.is_locked FROM rate_limit_state($2::text::jsonb, $3::int4) AS s),
                    'password_reset_required', password_reset_required)
                FROM users WHERE id = $1)"
    );
    let limits = ParameterValue::Str(attempt.rate_limits_as_json());
    let parameters = [ParameterValue::Int64(id.get()), limits, ParameterValue::Int32(RESET_SECONDS)];
    Ok(store.one(&statement, &parameters)?)
}

/// Suspends a user at a version that is admitted, and ends their sessions; a sign-in under way comes to nothing. Returns whether
/// they were not suspended before.
pub(crate) fn suspend(store: &Store, id: UserId, condition: &Precondition, trace: &Trace) -> Result<bool, Problem> {
    #[derive(Deserialize)]
    struct Row {
        exists: bool,
        is_admin: bool,
        /// Null if it is the last administrator, or nobody.
        is_admitted: Option<bool>,
        changed: bool,
    }
    let audited = audit::row("user-suspended", "success", "id", 3, "changed");
    let admits = admits(2);
    // Whether an administrator remains is asked before the row is locked, as by all statements that ask it.
    let statement = format!(
        "WITH account AS MATERIALIZED (
            SELECT id, {admits} AS is_admitted, suspended_at IS NOT NULL AS was_suspended FROM users
            WHERE id = $1 AND (NOT {admits} OR suspended_at IS NOT NULL OR {KEEPS_AN_ADMIN}) FOR NO KEY UPDATE
         ), changed AS (
            UPDATE users u SET suspended_at = now(), credentials_epoch = u.credentials_epoch + 1,
                version = u.version + 1, updated_at = now()
            FROM account a WHERE u.id = a.id AND a.is_admitted AND NOT a.was_suspended RETURNING u.id
         ), ended AS (
            DELETE FROM sessions WHERE user_id IN (SELECT id FROM changed)
         ), audited AS ({audited})
         SELECT jsonb_build_object('exists', EXISTS (SELECT FROM users WHERE id = $1),
                                   'is_admin', EXISTS (SELECT FROM users WHERE id = $1 AND role = 'admin'),
                                   'is_admitted', (SELECT is_admitted FROM account),
                                   'changed', EXISTS (SELECT FROM changed))"
    );
    let parameters = [ParameterValue::Int64(id.get()), preconditions::parameter(condition), audit::parameter(trace)];
    match store.one(&statement, &parameters)? {
        Row { is_admitted: Some(true), changed, .. } => Ok(changed),
        Row { is_admitted: Some(false), .. } => Err(precondition_failed()),
        Row { exists: true, is_admin: true, .. } => Err(last_administrator()),
        Row { .. } => Err(user_not_found()),
    }
}

/// Lifts a suspension of a user at a version that is admitted; returns whether there was one.
pub(crate) fn lift(store: &Store, id: UserId, condition: &Precondition, trace: &Trace) -> Result<bool, Problem> {
    let change = Change {
        action: "suspension-lifted",
        applies: "u.suspended_at IS NOT NULL",
        assignments: "suspended_at = NULL",
        ends_sessions: false,
    };
    change.make(store, id, condition, trace)
}

/// The address of a user, if there is one.
pub(crate) fn address(store: &Store, id: UserId) -> Result<Option<String>, Problem> {
    const STATEMENT: &str = "SELECT (SELECT to_jsonb(email) FROM users WHERE id = $1)";
    Ok(store.one(STATEMENT, &[ParameterValue::Int64(id.get())])?)
}

/// Forgets the failures that count against the account of a user at a version that is admitted; the account has this key. Returns
/// whether there were any.
pub(crate) fn unlock(
    store: &Store,
    id: UserId,
    account_key: &str,
    condition: &Precondition,
    trace: &Trace,
) -> Result<bool, Problem> {
    let audited = audit::row("account-unlocked", "success", "id", 3, "changed");
    let statement = format!(
        "WITH {}, changed AS (
            UPDATE attempts t SET failures = 0, failures_in_a_row = 0 FROM account a
            WHERE a.is_admitted AND t.key = $4 AND (t.failures > 0 OR t.failures_in_a_row > 0) RETURNING a.id
         ), audited AS ({audited})
         SELECT {}",
        account(2),
        answer("EXISTS (SELECT FROM changed)")
    );
    let parameters = [
        ParameterValue::Int64(id.get()),
        preconditions::parameter(condition),
        audit::parameter(trace),
        ParameterValue::Str(account_key.to_owned()),
    ];
    store.one::<Acted<bool>>(&statement, &parameters)?.into_result()
}
