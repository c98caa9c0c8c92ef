//! The audit log.

use super::{items, text};
use crate::context::Context;
use browser::{Faults, describe};
use browser_kit::client::To;
use browser_kit::respond::{Outcome, html};
use console_domain::audit_query;
use console_domain::pages::{self, AuditFilter, AuditRow};
use serde_json::Value;
use service_kit::{Method, StatusCode};

/// The parameters of the page, which are those of the API.
const KNOWN: &[&str] = &["user_id", "administrator_id", "action", "result", "since", "until", "cursor"];

/// GET /console/audit
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    let query = context.request.query(KNOWN)?;
    let asked = |name: &str| query.get(name).map(|value| value.trim()).unwrap_or_default();
    let filter = AuditFilter {
        user_id: asked("user_id"),
        administrator_id: asked("administrator_id"),
        action: asked("action"),
        result: asked("result"),
        since: asked("since"),
        until: asked("until"),
    };
    let cursor = asked("cursor");
    let mut fields = filter.fields().to_vec();
    fields.push(("cursor", cursor));
    let answer = match audit_query(&fields) {
        Ok(query) => context.call(To::Users, Method::GET, &format!("/audit{query}"), &[], None).await?,
        Err(name) => {
            let faults = Faults::of_field(name, "Enter a time such as 2026-05-04T09:30.");
            let page = pages::audit(&context.frame()?, filter, &[], None, false, &faults);
            return Ok(html(StatusCode::BAD_REQUEST, page));
        }
    };
    match answer {
        Ok(list) => {
            let rows: Vec<_> = items(&list).map(row).collect();
            let next = list["next_cursor"].as_str();
            let page = pages::audit(&context.frame()?, filter, &rows, next, !cursor.is_empty(), &Faults::default());
            Ok(html(StatusCode::OK, page))
        }
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, KNOWN);
            Ok(html(status, pages::audit(&context.frame()?, filter, &[], None, false, &faults)))
        }
    }
}

fn row(item: &Value) -> AuditRow<'_> {
    let id = |name: &str| item[name].as_i64().map(|id| id.to_string());
    AuditRow {
        time: text(item, "time"),
        action: text(item, "action"),
        result: text(item, "result"),
        user_id: id("user_id"),
        actor: text(item, "actor"),
        actor_id: id("actor_id"),
        network: text(item, "network"),
        device: item["user_agent"].as_str().map(describe),
        request_id: text(item, "request_id"),
    }
}
