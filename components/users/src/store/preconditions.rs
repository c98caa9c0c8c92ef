//! Conditions on the version of a user, in the statements that act on one.

use super::{Store, audit};
use identity::UserId;
use problem::{Kind, Problem};
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::{Precondition, Trace, user_not_found};

/// The condition on `version` over the parameter with this number.
pub(super) fn admits(number: usize) -> String {
    format!("(${number}::text IS NULL OR to_jsonb(version) <@ ${number}::text::jsonb)")
}

/// That parameter.
pub(super) fn parameter(condition: &Precondition) -> ParameterValue {
    match condition {
        Precondition::None | Precondition::Any => ParameterValue::DbNull,
        Precondition::Versions(versions) => {
            let list = versions.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
            ParameterValue::Str(format!("[{list}]"))
        }
    }
}

/// The part `account` of a statement about the user `$1`: the row, locked as it is once nobody else changes it, with the column
/// `is_admitted`, whether the parameter with this number admits its version. No row if there is no such user.
pub(super) fn account(number: usize) -> String {
    format!(
        "account AS MATERIALIZED (
            SELECT id, {} AS is_admitted FROM users WHERE id = $1 FOR NO KEY UPDATE
         )",
        admits(number)
    )
}

/// The value of a statement with the part [`account`]: `outcome` is an expression.
pub(super) fn answer(outcome: &str) -> String {
    format!("jsonb_build_object('is_admitted', (SELECT is_admitted FROM account), 'outcome', {outcome})")
}

/// What came of a statement with that part.
#[derive(Debug, Deserialize)]
pub(super) struct Acted<T> {
    /// Null if there is no such user.
    is_admitted: Option<bool>,
    /// What it did, if it was admitted.
    outcome: Option<T>,
}

impl<T> Acted<T> {
    /// What it did.
    ///
    /// # Errors
    /// `user-not-found` and `precondition-failed`.
    pub(super) fn into_result(self) -> Result<T, Problem> {
        match self {
            Self { is_admitted: None, .. } => Err(user_not_found()),
            Self { is_admitted: Some(true), outcome: Some(outcome) } => Ok(outcome),
            Self { is_admitted: Some(_), .. } => Err(precondition_failed()),
        }
    }
}

/// A change of the row of a user by an administrator.
pub(super) struct Change<'a> {
    /// What it is called in the audit log.
    pub(super) action: &'a str,
    /// Whether there is anything to change in the row `u`.
    pub(super) applies: &'a str,
    /// What it sets.
    pub(super) assignments: &'a str,
    /// Whether the user's sessions end.
    pub(super) ends_sessions: bool,
}

impl Change<'_> {
    /// Makes it, if the version of the user is admitted; returns whether there was anything to change.
    pub(super) fn make(
        &self,
        store: &Store,
        id: UserId,
        condition: &Precondition,
        trace: &Trace,
    ) -> Result<bool, Problem> {
        let Self { action, applies, assignments, ends_sessions } = self;
        let audited = audit::row(action, "success", "id", 3, "changed");
        let ended = match ends_sessions {
            true => ", ended AS (DELETE FROM sessions WHERE user_id IN (SELECT id FROM changed))",
            false => "",
        };
        let statement = format!(
            "WITH {}, changed AS (
                UPDATE users u SET {assignments}, version = u.version + 1, updated_at = now()
                FROM account a WHERE u.id = a.id AND a.is_admitted AND {applies} RETURNING u.id
             ){ended}, audited AS ({audited})
             SELECT {}",
            account(2),
            answer("EXISTS (SELECT FROM changed)")
        );
        let parameters = [ParameterValue::Int64(id.get()), parameter(condition), audit::parameter(trace)];
        store.one::<Acted<bool>>(&statement, &parameters)?.into_result()
    }
}

/// The problem for a user at another version than asked for.
pub(crate) fn precondition_failed() -> Problem {
    Problem::of(Kind::PreconditionFailed)
}
