//! The password once more, before something that needs a recent sign-in.

use super::account::user;
use super::authorize::is_on_the_way;
use super::sign_in::go_on;
use super::sign_in_code::text;
use crate::client::To;
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use account_domain::pages;
use account_domain::{Faults, ROOT, is_own_page};
use serde_json::json;
use service_kit::{Method, StatusCode};

/// GET /account/confirm
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    let user = user(context).await?;
    let query = context.request.query(&["next"])?;
    let next = query.get("next").filter(|next| is_own_page(next)).map_or(ROOT, String::as_str);
    Ok(html(StatusCode::OK, pages::confirm(&context.view()?, &text(&user, "email"), next, &Faults::default())))
}

/// POST /account/confirm
pub(super) async fn submit(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["username", "current_password", "next"])?;
    let next = form.some("next").filter(|next| is_own_page(next)).unwrap_or(ROOT);
    let path = format!("/users/{}/reauthenticate", context.user_id().await?);
    let body = json!({"current_password": form.get("current_password")});
    match context.call(To::Users, Method::POST, &path, Some(&body)).await? {
        Ok(_) if is_on_the_way(Some(next)) => go_on(context, Some(next.to_owned())),
        Ok(_) => Ok(see_other(&format!("{next}?done=confirmed"))),
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["current_password"]);
            Ok(html(status, pages::confirm(&context.view()?, form.get("username"), next, &faults)))
        }
    }
}
