//! Signing in with a passkey. A script fetches the options, and sends the form with what the browser answers.

use super::confirm::confirmed;
use super::sign_in::{go_on, refused};
use crate::client::To;
use crate::context::Context;
use crate::respond::Outcome;
use account_domain::is_own_page;
use serde_json::{Value, json};
use service_kit::{Method, StatusCode, json as respond};

/// POST /account/sign-in/passkey/options
pub(super) async fn options(context: &mut Context<'_>) -> Outcome {
    context.form(&[])?;
    let begun = context.client().json(To::Auth, &Method::POST, "/auth/passkey/options", None, None).await;
    let begun = begun.map_err(|refusal| context.refused(&refusal))?;
    Ok(respond(StatusCode::OK, &begun["public_key"]))
}

/// POST /account/sign-in/passkey
pub(super) async fn submit(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["credential", "next", "action"])?;
    let next = context.applications.destination(form.some("next"));
    let credential: Value = serde_json::from_str(form.get("credential")).unwrap_or_default();
    let body = json!({"credential": credential, "device_token": context.device_token()});
    match context.client().json(To::Auth, &Method::POST, "/auth/passkey", None, Some(&body)).await {
        Ok(tokens) => {
            context.begin_session(&tokens).await?;
            // On the page that asks for the password a passkey does the same.
            match (form.some("action"), next.as_deref().filter(|next| is_own_page(next))) {
                (Some(action), Some(next)) => confirmed(context, next, Some(action)).await,
                _ => go_on(context, next),
            }
        }
        Err(refusal) => refused(context, "", next, &refusal),
    }
}
