//! Confirming the phone number of whoever is signed in.

use super::account::{profile_of, user};
use crate::client::To;
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use account_domain::pages;
use account_domain::{ROOT, Refusal};
use serde_json::json;
use service_kit::Method;

/// POST /account/profile/phone/code
pub(super) async fn send_code(context: &mut Context<'_>) -> Outcome {
    context.form(&[])?;
    let path = format!("/users/{}/phone-verification", context.user_id().await?);
    match context.call(To::Users, Method::POST, &path, None).await? {
        Ok(_) => Ok(see_other(&format!("{ROOT}/profile?done=phone-sent"))),
        Err(refusal) => refused(context, &refusal).await,
    }
}

/// POST /account/profile/phone
pub(super) async fn confirm(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["code"])?;
    let code: String = form.get("code").chars().filter(|c| !c.is_whitespace()).collect();
    let path = format!("/users/{}/phone-verification/confirm", context.user_id().await?);
    match context.call(To::Users, Method::POST, &path, Some(&json!({"code": code}))).await? {
        Ok(_) => Ok(see_other(&format!("{ROOT}/profile?done=phone"))),
        Err(refusal) => refused(context, &refusal).await,
    }
}

async fn refused(context: &mut Context<'_>, refusal: &Refusal) -> Outcome {
    let user = user(context).await?;
    let (status, faults) = context.faults(refusal, &["code"]);
    Ok(html(status, pages::profile(&context.view()?, &profile_of(&user), &faults)))
}
