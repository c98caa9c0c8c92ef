//! Another address.

use super::account::{profile_of, user};
use crate::client::{To, accepted};
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use account_domain::pages;
use account_domain::{Faults, ROOT};
use serde_json::json;
use service_kit::{Method, StatusCode};

/// GET /account/email
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    let user = user(context).await?;
    Ok(html(StatusCode::OK, pages::email(&context.view()?, &profile_of(&user), "", &Faults::default())))
}

/// POST /account/email
pub(super) async fn change(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["username", "email", "current_password"])?;
    let path = format!("/users/{}", context.user_id().await?);
    let patch = json!({"email": form.get("email"), "current_password": form.get("current_password")});
    let answer = context.send(To::Users, Method::PATCH, &path, Some(&patch)).await?;
    match accepted(&answer) {
        // The change takes effect once the new address is confirmed; with `email_verification` off, at once.
        Ok(_) if answer.status == 202 => Ok(see_other(&format!("{ROOT}/email?done=email-sent"))),
        Ok(_) => Ok(see_other(&format!("{ROOT}/email?done=email"))),
        Err(refusal) => {
            let user = user(context).await?;
            let (status, faults) = context.faults(&refusal, &["email", "current_password"]);
            Ok(html(status, pages::email(&context.view()?, &profile_of(&user), form.get("email"), &faults)))
        }
    }
}
