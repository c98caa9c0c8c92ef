//! The password once more, before something that needs a recent sign-in. What was pressed goes on by itself after it.

use super::account::user;
use super::sign_in::{go_on, is_on_the_way};
use super::sign_in_code::text;
use crate::client::To;
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use account_domain::pages::{self, Confirm};
use account_domain::{Action, Faults, ROOT, is_own_page};
use serde_json::json;
use service_kit::{Method, StatusCode, now};

/// GET /account/confirm
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    let query = context.request.query(&["next", "action"])?;
    let next = query.get("next").filter(|next| is_own_page(next)).map_or(ROOT, String::as_str);
    let action = query.get("action").map(String::as_str).filter(|action| !action.is_empty());
    page(context, next, action).await
}

/// The page, with what goes on after it.
pub(super) async fn page(context: &mut Context<'_>, next: &str, action: Option<&str>) -> Outcome {
    let email = text(&user(context).await?, "email");
    let shown = Confirm { email: &email, next, action };
    Ok(html(StatusCode::OK, pages::confirm(&context.view()?, &shown, &Faults::default())))
}

/// POST /account/confirm
pub(super) async fn submit(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["username", "current_password", "next", "action"])?;
    let next = form.some("next").filter(|next| is_own_page(next)).unwrap_or(ROOT);
    let path = format!("/users/{}/reauthenticate", context.user_id().await?);
    let body = json!({"current_password": form.get("current_password")});
    match context.call(To::Users, Method::POST, &path, Some(&body)).await? {
        Ok(_) => confirmed(context, next, form.some("action")).await,
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["current_password"]);
            let shown = Confirm { email: form.get("username"), next, action: form.some("action") };
            Ok(html(status, pages::confirm(&context.view()?, &shown, &faults)))
        }
    }
}

/// Goes on with what was pressed, if whoever has pressed it has confirmed it; else to the page where that was.
pub(super) async fn confirmed(context: &mut Context<'_>, next: &str, action: Option<&str>) -> Outcome {
    let user = context.user_id().await?;
    let action = action.and_then(|action| context.open::<Action>(action)).filter(|action| action.is_of(&user, now()));
    match action {
        Some(action) => {
            context.resume(action.fields);
            Box::pin(super::run(context, "POST", action.path.trim_start_matches('/'))).await
        }
        None if is_on_the_way(Some(next)) => go_on(context, Some(next.to_owned())),
        None => Ok(see_other(&format!("{next}?done=confirmed"))),
    }
}
