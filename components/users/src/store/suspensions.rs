//! The statements about suspensions and locks.

use super::roles::KEEPS_AN_ADMIN;
use super::{Store, Suspended, audit};
use api::users::Suspension;
use identity::UserId;
use problem::Problem;
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::Trace;

/// Since when a user is suspended; `None` if there is no such user.
pub(crate) fn find(store: &Store, id: UserId) -> Result<Option<Suspension>, Problem> {
    const STATEMENT: &str = "
        SELECT (SELECT jsonb_build_object('suspended_at',
                    to_char(suspended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))
                FROM users WHERE id = $1)";
    Ok(store.one(STATEMENT, &[ParameterValue::Int64(id.get())])?)
}

/// Suspends a user, and ends their sessions; a sign-in under way comes to nothing.
pub(crate) fn suspend(store: &Store, id: UserId, trace: &Trace) -> Result<Suspended, Problem> {
    #[derive(Deserialize)]
    struct Row {
        exists: bool,
        was_suspended: bool,
        changed: bool,
    }
    let audited = audit::row("user-suspended", "success", "id", 2, "changed");
    let statement = format!(
        "WITH changed AS (
            UPDATE users SET suspended_at = now(), credentials_epoch = credentials_epoch + 1,
                version = version + 1, updated_at = now()
            WHERE id = $1 AND suspended_at IS NULL AND {KEEPS_AN_ADMIN} RETURNING id
         ), ended AS (
            DELETE FROM sessions WHERE user_id IN (SELECT id FROM changed)
         ), audited AS ({audited})
         SELECT jsonb_build_object('exists', EXISTS (SELECT FROM users WHERE id = $1),
                                   'was_suspended', EXISTS (SELECT FROM users WHERE id = $1 AND suspended_at IS NOT NULL),
                                   'changed', EXISTS (SELECT FROM changed))"
    );
    Ok(match store.one(&statement, &[ParameterValue::Int64(id.get()), audit::parameter(trace)])? {
        Row { changed: true, .. } => Suspended::Done { changed: true },
        Row { was_suspended: true, .. } => Suspended::Done { changed: false },
        Row { exists: true, .. } => Suspended::LastAdministrator,
        Row { .. } => Suspended::NotFound,
    })
}

/// Lifts a suspension; returns whether there was one, or `None` if there is no such user.
pub(crate) fn lift(store: &Store, id: UserId, trace: &Trace) -> Result<Option<bool>, Problem> {
    let audited = audit::row("suspension-lifted", "success", "id", 2, "changed");
    let statement = format!(
        "WITH changed AS (
            UPDATE users SET suspended_at = NULL, version = version + 1, updated_at = now()
            WHERE id = $1 AND suspended_at IS NOT NULL RETURNING id
         ), audited AS ({audited})
         SELECT (SELECT to_jsonb(EXISTS (SELECT FROM changed)) FROM users WHERE id = $1)"
    );
    Ok(store.one(&statement, &[ParameterValue::Int64(id.get()), audit::parameter(trace)])?)
}

/// The address of a user, if there is one.
pub(crate) fn address(store: &Store, id: UserId) -> Result<Option<String>, Problem> {
    const STATEMENT: &str = "SELECT (SELECT to_jsonb(email) FROM users WHERE id = $1)";
    Ok(store.one(STATEMENT, &[ParameterValue::Int64(id.get())])?)
}

/// Forgets the failures that count against the account of a user, which has this key; returns whether there were any.
pub(crate) fn unlock(store: &Store, id: UserId, account: &str, trace: &Trace) -> Result<bool, Problem> {
    let audited = audit::row("account-unlocked", "success", "$2::int8", 3, "changed");
    let statement = format!(
        "WITH changed AS (
            UPDATE attempts SET failures = 0, failures_in_a_row = 0
            WHERE key = $1 AND (failures > 0 OR failures_in_a_row > 0) RETURNING key
         ), audited AS ({audited})
         SELECT to_jsonb(EXISTS (SELECT FROM changed))"
    );
    let account = ParameterValue::Str(account.to_owned());
    Ok(store.one(&statement, &[account, ParameterValue::Int64(id.get()), audit::parameter(trace)])?)
}
