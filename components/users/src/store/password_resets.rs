//! The statements that demand a new password.

use super::{Store, audit};
use identity::UserId;
use problem::Problem;
use spin_sdk::pg4::ParameterValue;
use users_domain::Trace;

/// Demands a new password before the next sign-in and ends the user's sessions; a sign-in under way comes to nothing. Returns
/// whether it was not demanded before, or `None` if there is no such user.
pub(crate) fn require(store: &Store, id: UserId, trace: &Trace) -> Result<Option<bool>, Problem> {
    let audited = audit::row("password-reset-required", "success", "id", 2, "changed");
    let statement = format!(
        "WITH changed AS (
            UPDATE users SET password_reset_required = true, credentials_epoch = credentials_epoch + 1,
                version = version + 1, updated_at = now()
            WHERE id = $1 AND NOT password_reset_required RETURNING id
         ), ended AS (
            DELETE FROM sessions WHERE user_id IN (SELECT id FROM changed)
         ), audited AS ({audited})
         SELECT (SELECT to_jsonb(EXISTS (SELECT FROM changed)) FROM users WHERE id = $1)"
    );
    Ok(store.one(&statement, &[ParameterValue::Int64(id.get()), audit::parameter(trace)])?)
}

/// Demands no new password any more. Returns whether it was demanded, or `None` if there is no such user.
pub(crate) fn withdraw(store: &Store, id: UserId, trace: &Trace) -> Result<Option<bool>, Problem> {
    let audited = audit::row("password-reset-withdrawn", "success", "id", 2, "changed");
    let statement = format!(
        "WITH changed AS (
            UPDATE users SET password_reset_required = false, version = version + 1, updated_at = now()
            WHERE id = $1 AND password_reset_required RETURNING id
         ), audited AS ({audited})
         SELECT (SELECT to_jsonb(EXISTS (SELECT FROM changed)) FROM users WHERE id = $1)"
    );
    Ok(store.one(&statement, &[ParameterValue::Int64(id.get()), audit::parameter(trace)])?)
}
