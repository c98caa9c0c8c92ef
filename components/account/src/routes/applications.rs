//! The applications that whoever is signed in has connected.

use super::sign_in_code::text;
use crate::client::To;
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use account_domain::ROOT;
use account_domain::pages::{self, Application};
use serde_json::Value;
use service_kit::{Method, StatusCode};

/// GET /account/applications
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    let path = format!("/users/{}/connected-applications", context.user_id().await?);
    let list = context.get(To::Users, &path).await?;
    let applications: Vec<_> = list["items"].as_array().into_iter().flatten().map(application).collect();
    Ok(html(StatusCode::OK, pages::applications(&context.view()?, &applications)))
}

fn application(item: &Value) -> Application {
    Application {
        id: text(item, "client_id"),
        name: text(item, "name"),
        since: text(item, "created_at"),
        scopes: serde_json::from_value(item["scopes"].clone()).unwrap_or_default(),
    }
}

/// POST /account/applications/disconnect
pub(super) async fn disconnect(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["id"])?;
    let id: String = form.get("id").chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let path = format!("/users/{}/connected-applications/{id}", context.user_id().await?);
    match context.call(To::Users, Method::DELETE, &path, None).await? {
        Ok(_) => Ok(see_other(&format!("{ROOT}/applications?done=disconnected"))),
        Err(refusal) => Err(context.refused(&refusal)),
    }
}
