//! All data about whoever is signed in, and the end of the account.

use crate::client::{To, accepted};
use crate::context::Context;
use crate::respond::{Outcome, html, see_other, set};
use account_domain::pages;
use account_domain::{Download, Faults, ROOT, with_parameter};
use service_kit::{Method, Response, StatusCode, now};

/// GET /account/data
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    context.user_id().await?;
    Ok(html(StatusCode::OK, pages::data(&context.view()?, &Faults::default())))
}

/// POST /account/data/export: a file.
pub(super) async fn export(context: &mut Context<'_>) -> Outcome {
    context.form(&[])?;
    file(context).await
}

/// POST /account/data/export/start, after the password was asked for: a page that begins the download by itself. A file alone would leave
/// its reader on the page with the password.
pub(super) async fn start_export(context: &mut Context<'_>) -> Outcome {
    context.form(&[])?;
    context.user_id().await?;
    let download = Download::of(context.session_id().unwrap_or_default(), now());
    let address = with_parameter(&format!("{ROOT}/data/export"), "download", &context.seal(&download));
    context.say(context.t.export_begins);
    let mut response = html(StatusCode::OK, pages::data(&context.view()?, &Faults::default()));
    set(&mut response, "refresh", &format!("0; url={address}"));
    Ok(response)
}

/// GET /account/data/export, by that page.
pub(super) async fn started_export(context: &mut Context<'_>) -> Outcome {
    let query = context.request.query(&["download"])?;
    let download: Option<Download> = query.get("download").and_then(|download| context.open(download));
    context.user_id().await?;
    let session = context.session_id().unwrap_or_default();
    if !download.is_some_and(|download| download.is_of(session, now())) {
        return Ok(see_other(&format!("{ROOT}/data")));
    }
    file(context).await
}

/// The file.
async fn file(context: &mut Context<'_>) -> Outcome {
    let path = format!("/users/{}/export", context.user_id().await?);
    let answer = context.send(To::Users, Method::GET, &path, None).await?;
    match accepted(&answer) {
        Ok(_) => {
            let mut response = Response::new(answer.body);
            set(&mut response, "content-type", "application/json");
            set(&mut response, "content-disposition", "attachment; filename=\"account.json\"");
            Ok(response)
        }
        Err(refusal) if refusal.slug == "reauthentication-required" => Err(context.interrupt("/data/export/start")),
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
