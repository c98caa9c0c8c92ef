//! What has happened to the account.

use super::sign_in_code::text;
use crate::client::To;
use crate::context::Context;
use crate::respond::{Outcome, html};
use account_domain::describe;
use account_domain::pages::{self, Activity};
use serde_json::Value;
use service_kit::StatusCode;

/// GET /account/activity
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    let query = context.request.query(&["cursor"])?;
    let is_part = |c: char| c.is_ascii_digit() || c == '-';
    let cursor = query.get("cursor").filter(|cursor| cursor.chars().all(is_part));
    let cursor = cursor.map(|cursor| format!("?cursor={cursor}")).unwrap_or_default();
    let path = format!("/users/{}/activity{cursor}", context.user_id().await?);
    let list = context.get(To::Users, &path).await?;
    let rows: Vec<_> = list["items"].as_array().into_iter().flatten().map(row).collect();
    Ok(html(StatusCode::OK, pages::activity(&context.view()?, &rows, list["next_cursor"].as_str())))
}

fn row(item: &Value) -> Activity {
    Activity {
        time: text(item, "time"),
        action: text(item, "action"),
        result: text(item, "result"),
        device: item["user_agent"].as_str().map(describe),
        network: item["network"].as_str().map(str::to_owned),
    }
}
