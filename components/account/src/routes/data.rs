//! All data about whoever is signed in, and the end of the account.

use crate::client::{To, accepted};
use crate::context::Context;
use crate::respond::{Outcome, html, see_other, set};
use account_domain::Faults;
use account_domain::pages;
use service_kit::{Method, Response, StatusCode};

/// GET /account/data
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    context.user_id().await?;
    Ok(html(StatusCode::OK, pages::data(&context.view()?, &Faults::default())))
}

/// POST /account/data/export: a file.
pub(super) async fn export(context: &mut Context<'_>) -> Outcome {
    context.form(&[])?;
    let path = format!("/users/{}/export", context.user_id().await?);
    let answer = context.send(To::Users, Method::GET, &path, None).await?;
    match accepted(&answer) {
        Ok(_) => {
            let mut response = Response::new(answer.body);
            set(&mut response, "content-type", "application/json");
            set(&mut response, "content-disposition", "attachment; filename=\"account.json\"");
            Ok(response)
        }
        Err(refusal) if refusal.slug == "reauthentication-required" => Ok(see_other(&context.confirm_path())),
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &[]);
            Ok(html(status, pages::data(&context.view()?, &faults)))
        }
    }
}

/// POST /account/data/remove
pub(super) async fn remove(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["sure"])?;
    let path = format!("/users/{}", context.user_id().await?);
    if form.get("sure") != "yes" {
        let faults = Faults::of_field("sure", context.t.fault_sure);
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, pages::data(&context.view()?, &faults)));
    }
    match context.call(To::Users, Method::DELETE, &path, None).await? {
        Ok(_) => {
            context.forget_session();
            let t = &context.t;
            Ok(html(StatusCode::OK, pages::message(&context.view()?, "/removed", t.removed_title, t.removed, None)))
        }
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &[]);
            Ok(html(status, pages::data(&context.view()?, &faults)))
        }
    }
}
