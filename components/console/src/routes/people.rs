//! The list of people.

use super::{items, text};
use crate::context::Context;
use browser::Faults;
use browser_kit::client::To;
use browser_kit::respond::{Outcome, html};
use console_domain::pages::{self, People, PersonRow};
use console_domain::people_query;
use serde_json::Value;
use service_kit::{Method, StatusCode};

/// GET /console/people
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    let query = context.request.query(&["search", "role", "sort", "cursor", "done"])?;
    let asked = |name: &str| query.get(name).map(|value| value.trim()).unwrap_or_default();
    let sort = Some(asked("sort")).filter(|sort| !sort.is_empty()).unwrap_or("-created");
    let shown = People {
        search: asked("search"),
        role: asked("role"),
        sort,
        is_later: !asked("cursor").is_empty(),
        ..People::default()
    };
    let path = format!("/users{}", people_query(shown.search, shown.role, sort, asked("cursor")));
    match context.call(To::Users, Method::GET, &path, &[], None).await? {
        Ok(list) => {
            let rows = items(&list).map(row).collect();
            let shown = People { rows, next: list["next_cursor"].as_str(), ..shown };
            Ok(html(StatusCode::OK, pages::people(&context.frame()?, &shown, &Faults::default())))
        }
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["search", "role"]);
            Ok(html(status, pages::people(&context.frame()?, &shown, &faults)))
        }
    }
}

fn row(user: &Value) -> PersonRow<'_> {
    PersonRow {
        id: user["id"].to_string(),
        name: format!("{} {}", text(user, "name"), text(user, "surname")),
        email: text(user, "email"),
        is_verified: user["email_verified"].as_bool().unwrap_or_default(),
        roles: super::person::roles(user),
        created: text(user, "created_at"),
    }
}
