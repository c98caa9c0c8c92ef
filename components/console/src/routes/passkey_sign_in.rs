//! Signing in with a passkey, which is more than one factor by itself. A script fetches the options, and sends the form with what the
//! browser answers.

use super::sign_in::{go_on, refused};
use crate::context::Context;
use browser_kit::client::To;
use browser_kit::respond::Outcome;
use console_domain::is_own_page;
use serde_json::{Value, json};
use service_kit::{Method, StatusCode, json as respond};

/// POST /console/sign-in/passkey/options
pub(super) async fn options(context: &mut Context<'_>) -> Outcome {
    context.form(&[])?;
    let begun = context.client().json(To::Auth, &Method::POST, "/auth/passkey/options", None, None).await;
    let begun = begun.map_err(|refusal| context.refused(&refusal))?;
    Ok(respond(StatusCode::OK, &begun["public_key"]))
}

/// POST /console/sign-in/passkey
pub(super) async fn submit(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["credential", "next"])?;
    let next = form.some("next").filter(|next| is_own_page(next));
    let credential: Value = serde_json::from_str(form.get("credential")).unwrap_or_default();
    let body = json!({"credential": credential, "device_token": context.device_token()});
    match context.client().json(To::Auth, &Method::POST, "/auth/passkey", None, Some(&body)).await {
        Ok(tokens) => {
            context.begin_session(&tokens).await?;
            Ok(go_on(next))
        }
        Err(refusal) => refused(context, "", next, &refusal),
    }
}
