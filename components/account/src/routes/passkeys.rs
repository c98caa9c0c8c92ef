//! The passkeys of whoever is signed in.

use super::sign_in_code::text;
use crate::client::{To, accepted};
use crate::context::Context;
use crate::respond::{Outcome, Stop, html, see_other};
use account_domain::pages::{self, Passkey};
use account_domain::{Faults, ROOT, Refusal};
use serde_json::{Value, json};
use service_kit::{Method, StatusCode, json as respond};

async fn path(context: &mut Context<'_>, rest: &str) -> Result<String, Stop> {
    Ok(format!("/users/{}/passkeys{rest}", context.user_id().await?))
}

/// GET /account/passkeys
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    page(context, None, StatusCode::OK, &Faults::default()).await
}

/// The page; with a name, the script begins to add a passkey of this name by itself.
async fn page(context: &mut Context<'_>, begins: Option<&str>, status: StatusCode, faults: &Faults) -> Outcome {
    let path = path(context, "").await?;
    let list = context.get(To::Users, &path).await?;
    let passkeys: Vec<_> = list["items"].as_array().into_iter().flatten().map(passkey).collect();
    Ok(html(status, pages::passkeys(&context.view()?, &passkeys, begins, faults)))
}

fn passkey(item: &Value) -> Passkey {
    Passkey {
        id: text(item, "id"),
        name: text(item, "name"),
        added: text(item, "created_at"),
        used: item["last_used_at"].as_str().map(str::to_owned),
    }
}

async fn refused(context: &mut Context<'_>, refusal: &Refusal) -> Outcome {
    let (status, faults) = context.faults(refusal, &["name"]);
    page(context, None, status, &faults).await
}

/// POST /account/passkeys/add/options, by the script: the options, or where to go first.
pub(super) async fn options(context: &mut Context<'_>) -> Outcome {
    context.form(&["name"])?;
    let path = path(context, "/options").await?;
    let answer = context.send(To::Users, Method::POST, &path, None).await?;
    match accepted(&answer) {
        Ok(begun) => Ok(respond(StatusCode::OK, &begun["public_key"])),
        Err(refusal) if refusal.slug == "reauthentication-required" => {
            Ok(respond(StatusCode::OK, &json!({"next": context.confirm_address("/passkeys/add/start")})))
        }
        Err(refusal) => Err(context.refused(&refusal)),
    }
}

/// POST /account/passkeys/add/start, after the password was asked for.
pub(super) async fn start(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["name"])?;
    context.say(context.t.done_confirmed);
    page(context, Some(form.get("name")), StatusCode::OK, &Faults::default()).await
}

/// POST /account/passkeys/add
pub(super) async fn add(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["name", "credential"])?;
    let credential: Value = serde_json::from_str(form.get("credential")).unwrap_or_default();
    let path = path(context, "").await?;
    let body = json!({"name": form.get("name"), "credential": credential});
    match context.call(To::Users, Method::POST, &path, Some(&body)).await? {
        Ok(_) => Ok(see_other(&format!("{ROOT}/passkeys?done=added"))),
        Err(refusal) => refused(context, &refusal).await,
    }
}

/// The path of an operation on one of them.
async fn one(context: &mut Context<'_>, id: &str) -> Result<String, Stop> {
    let id: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    path(context, &format!("/{id}")).await
}

/// POST /account/passkeys/rename
pub(super) async fn rename(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["id", "name"])?;
    let path = one(context, form.get("id")).await?;
    match context.call(To::Users, Method::PATCH, &path, Some(&json!({"name": form.get("name")}))).await? {
        Ok(_) => Ok(see_other(&format!("{ROOT}/passkeys?done=saved"))),
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &[]);
            page(context, None, status, &faults).await
        }
    }
}

/// POST /account/passkeys/remove
pub(super) async fn remove(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["id"])?;
    let path = one(context, form.get("id")).await?;
    match context.call(To::Users, Method::DELETE, &path, None).await? {
        Ok(_) => Ok(see_other(&format!("{ROOT}/passkeys?done=removed"))),
        Err(refusal) => refused(context, &refusal).await,
    }
}
