//! The statements that read the audit log.

use super::Store;
use api::users::{Activity, AuditRow};
use identity::UserId;
use problem::Problem;
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::AuditPageRequest;

/// A row, and the number that a cursor needs.
#[derive(Debug, Deserialize)]
pub(crate) struct Numbered {
    pub(crate) id: i64,
    #[serde(flatten)]
    pub(crate) row: AuditRow,
}

/// The columns of a row as administrators see it, and its number.
pub(super) const SHOWN: &str =
    "id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS time,
    action, result, user_id, actor_kind AS actor, actor_id, network, user_agent, request_id";

/// The rows of a page, and one more if there is a next page. Rows that are older than so many days wait for the end of their month, and
/// are shown to nobody.
pub(crate) fn list(store: &Store, page: &AuditPageRequest, days: u32) -> Result<Vec<Numbered>, Problem> {
    // The statement has only the conditions of the query, so that each combination gets a plan with its own index.
    let mut conditions = vec![format!("created_at >= now() - make_interval(days => {days})")];
    let mut parameters = Vec::new();
    let mut filter = |condition: &str, value: Option<ParameterValue>| {
        if let Some(value) = value {
            parameters.push(value);
            conditions.push(condition.replace('?', &format!("${}", parameters.len())));
        }
    };
    let id = |id: Option<UserId>| id.map(|id| ParameterValue::Int64(id.get()));
    let text = |text: &Option<String>| text.clone().map(ParameterValue::Str);
    filter("user_id = ?", id(page.user_id));
    filter("actor_kind = 'administrator' AND actor_id = ?", id(page.administrator_id));
    filter("result = ?", text(&page.result));
    filter("created_at >= ?::text::timestamptz", text(&page.since));
    filter("created_at < ?::text::timestamptz", text(&page.until));
    if let Some(after) = &page.after {
        // A number that was read as one, so that the condition has one parameter as the others.
        let condition = format!("(created_at, id) < (?::text::timestamptz, {}::int8)", after.id);
        filter(&condition, Some(ParameterValue::Str(after.time.clone())));
    }
    // As a literal, for which the planner sees whether the index of what is rare has it. It is a word.
    let action = page.action.as_deref().map(|action| format!("action = '{action}'"));
    conditions.extend(action);
    let statement = format!(
        "SELECT coalesce(jsonb_agg(to_jsonb(a)), '[]') FROM (
            SELECT {SHOWN} FROM audit_log WHERE {} ORDER BY created_at DESC, audit_log.id DESC LIMIT {}) a",
        conditions.join(" AND "),
        page.limit + 1
    );
    store.read(|store| store.one(&statement, &parameters))
}

/// A row as the user sees whom it is about: where an administrator was is not theirs to know.
pub(crate) fn shown_to_owner(row: AuditRow) -> Activity {
    let is_other = row.actor == "administrator";
    Activity {
        time: row.time,
        action: row.action,
        result: row.result,
        actor: row.actor,
        network: row.network.filter(|_| !is_other),
        user_agent: row.user_agent.filter(|_| !is_other),
        request_id: row.request_id,
    }
}
