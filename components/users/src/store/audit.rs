//! The audit log: its rows, which are written by the statements that do what they record.

use super::Store;
use identity::UserId;
use problem::Problem;
use serde::Deserialize;
use serde_json::json;
use spin_sdk::pg4::ParameterValue;
use users_domain::Trace;

/// How many rows one step takes users out of, and how many steps one call makes.
const STEP: i64 = 1_000;
const STEPS: usize = 50;

/// Who does it, from where and in which request: the parameter `trace` of [`row`].
pub(super) fn parameter(trace: &Trace) -> ParameterValue {
    ParameterValue::Str(trace.to_json())
}

/// An INSERT that is to be a data-modifying CTE: a row for each of `from`, that `action` was done to the user whose id the
/// expression `user` gives, and came to `result`. `trace` is the number of the parameter.
pub(super) fn row(action: &str, result: &str, user: &str, trace: usize, from: &str) -> String {
    rows(&format!("'{action}'"), &format!("'{result}'"), user, trace, from)
}

/// The same, with expressions for what was done and what it came to.
pub(super) fn rows(action: &str, result: &str, user: &str, trace: usize, from: &str) -> String {
    format!(
        "INSERT INTO audit_log (action, result, user_id, actor_kind, actor_id, network, user_agent, request_id)
         SELECT {action}, {result}, {user}, t.actor_kind, CASE WHEN t.actor_kind = 'self' THEN {user} ELSE t.actor_id END,
             t.network, t.user_agent, t.request_id
         FROM jsonb_to_record(${trace}::text::jsonb)
             AS t(actor_kind text, actor_id bigint, network text, user_agent text, request_id text), {from}"
    )
}

/// One pass over the audit log.
#[derive(Deserialize)]
struct Pass {
    /// How many rows were taken care of.
    done: i64,
    /// Whether there were any before it.
    left: bool,
}

/// Takes users out of the audit log who were removed. What they did goes, and what nobody or a service did to them; what
/// administrators did stays, without them. Returns whether that is all, or the rest is for another call.
pub(crate) fn forget(store: &Store, users: &[UserId]) -> Result<bool, Problem> {
    const STATEMENT: &str = "
        WITH whose AS (
            SELECT value::int8 AS id FROM jsonb_array_elements_text($1::text::jsonb)
        ), about AS MATERIALIZED (
            SELECT a.created_at, a.id, a.actor_kind = 'administrator' AS stays
            FROM whose JOIN audit_log a ON a.user_id = whose.id LIMIT $2 FOR UPDATE OF a SKIP LOCKED
        ), deleted AS (
            DELETE FROM audit_log a USING about b WHERE a.created_at = b.created_at AND a.id = b.id AND NOT b.stays
        ), without_user AS (
            UPDATE audit_log a SET user_id = NULL FROM about b
            WHERE a.created_at = b.created_at AND a.id = b.id AND b.stays
        ), done_by AS MATERIALIZED (
            SELECT a.created_at, a.id FROM whose JOIN audit_log a ON a.actor_id = whose.id
            WHERE a.actor_kind = 'administrator' AND (a.created_at, a.id) NOT IN (SELECT created_at, id FROM about)
            LIMIT $2 FOR UPDATE OF a SKIP LOCKED
        ), without_actor AS (
            UPDATE audit_log a SET actor_id = NULL, network = NULL, user_agent = NULL FROM done_by b
            WHERE a.created_at = b.created_at AND a.id = b.id
        )
        SELECT jsonb_build_object(
            'done', (SELECT count(*) FROM about) + (SELECT count(*) FROM done_by),
            'left', EXISTS (SELECT FROM whose JOIN audit_log a ON a.user_id = whose.id)
                OR EXISTS (SELECT FROM whose JOIN audit_log a ON a.actor_id = whose.id WHERE a.actor_kind = 'administrator'))";
    let users = json!(users).to_string();
    for _ in 0..STEPS {
        let parameters = [ParameterValue::Str(users.clone()), ParameterValue::Int64(STEP)];
        let pass: Pass = store.one(STATEMENT, &parameters)?;
        // What is left then is in the hands of another erasure, which has the same row in its audit log, for a moment.
        if pass.done == 0 && !pass.left {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes the tables of the next months, and drops those of months that ended so many days ago. Older rows of where there are no
/// months are deleted.
pub(crate) fn delete_expired(store: &Store, days: u32) -> Result<bool, Problem> {
    store.delete_step(&format!("SELECT to_jsonb(keep_audit_log({days}, $1))"))
}
