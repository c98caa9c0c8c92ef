//! The password once more, before something that needs a recent sign-in.

use crate::context::Context;
use browser::Faults;
use browser_kit::client::To;
use browser_kit::respond::{Outcome, html, see_other};
use console_domain::{ROOT, is_own_page, pages};
use serde_json::json;
use service_kit::{Method, StatusCode};

/// GET /console/confirm
pub(super) fn show(context: &mut Context<'_>) -> Outcome {
    let query = context.request.query(&["next"])?;
    let next = query.get("next").map(String::as_str).filter(|next| is_own_page(next)).unwrap_or(ROOT);
    let administrator = context.administrator()?;
    Ok(html(StatusCode::OK, pages::confirm(&context.frame()?, &administrator.email, next, &Faults::default())))
}

/// POST /console/confirm
pub(super) async fn submit(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["username", "current_password", "next"])?;
    let next = form.some("next").filter(|next| is_own_page(next)).unwrap_or(ROOT);
    let administrator = context.administrator()?;
    let path = format!("/users/{}/reauthenticate", administrator.id);
    let body = json!({"current_password": form.get("current_password")});
    match context.call(To::Users, Method::POST, &path, &[], Some(&body)).await? {
        Ok(_) => {
            // notification reads from the token when somebody has shown who they are.
            context.renew().await?;
            Ok(see_other(&format!("{next}?done=confirmed")))
        }
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["current_password"]);
            Ok(html(status, pages::confirm(&context.frame()?, &administrator.email, next, &faults)))
        }
    }
}
