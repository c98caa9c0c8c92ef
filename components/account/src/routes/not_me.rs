//! "This was not me": the link in a mail about a sign-in or a change.

use super::verify::{invalid_link, token};
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use account_domain::ROOT;
use account_domain::pages::{self, Disowned};
use serde_json::json;
use service_kit::StatusCode;

/// GET /account/not-me: what the button does. Programs that scan mail open links, so this does nothing.
pub(super) fn show(context: &mut Context<'_>) -> Outcome {
    let Some(token) = token(context) else { return Ok(see_other(ROOT)) };
    Ok(html(StatusCode::OK, pages::not_me(&context.view()?, &token)))
}

/// POST /account/not-me. Nobody has to be signed in: who has the mail has the account.
pub(super) async fn report(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["token"])?;
    let token = form.get("token").to_owned();
    let body = json!({"token": token});
    match context.once(&form, "/not-me/confirm", &body).await {
        Ok(_) => Ok(html(StatusCode::OK, pages::reported(&context.view()?, Disowned::of(&token)))),
        Err(refusal) => invalid_link(context, &refusal, "/recover"),
    }
}
