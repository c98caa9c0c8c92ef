//! Where whoever is signed in is signed in elsewhere.

use super::sign_in_code::text;
use crate::client::To;
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use account_domain::pages::{self, Session};
use account_domain::{Faults, ROOT, Refusal, describe};
use serde_json::Value;
use service_kit::{Method, StatusCode};

/// GET /account/sessions
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    page(context, StatusCode::OK, &Faults::default()).await
}

async fn page(context: &mut Context<'_>, status: StatusCode, faults: &Faults) -> Outcome {
    let list = context.get(To::Auth, "/auth/sessions").await?;
    let sessions: Vec<_> = list["items"].as_array().into_iter().flatten().map(session).collect();
    Ok(html(status, pages::sessions(&context.view()?, &sessions, faults)))
}

fn session(item: &Value) -> Session {
    Session {
        id: text(item, "id"),
        device: item["user_agent"].as_str().map(describe),
        network: item["network"].as_str().map(str::to_owned),
        began: text(item, "created_at"),
        used: text(item, "used_at"),
        is_current: item["current"].as_bool().unwrap_or_default(),
    }
}

async fn refused(context: &mut Context<'_>, refusal: &Refusal) -> Outcome {
    let (status, faults) = context.faults(refusal, &[]);
    page(context, status, &faults).await
}

/// POST /account/sessions/end
pub(super) async fn end(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["id"])?;
    let id: String = form.get("id").chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    match context.call(To::Auth, Method::DELETE, &format!("/auth/sessions/{id}"), None).await? {
        Ok(_) => Ok(see_other(&format!("{ROOT}/sessions?done=session-ended"))),
        // It has ended meanwhile.
        Err(refusal) if refusal.slug == "session-not-found" => {
            Ok(see_other(&format!("{ROOT}/sessions?done=session-ended")))
        }
        Err(refusal) => refused(context, &refusal).await,
    }
}

/// POST /account/sessions/end-others
pub(super) async fn end_others(context: &mut Context<'_>) -> Outcome {
    context.form(&[])?;
    match context.call(To::Auth, Method::DELETE, "/auth/sessions?others=true", None).await? {
        Ok(_) => Ok(see_other(&format!("{ROOT}/sessions?done=session-ended"))),
        Err(refusal) => refused(context, &refusal).await,
    }
}

/// POST /account/sessions/end-all
pub(super) async fn end_all(context: &mut Context<'_>) -> Outcome {
    context.form(&[])?;
    match context.call(To::Auth, Method::DELETE, "/auth/sessions", None).await? {
        Ok(_) => {
            context.forget_session();
            Ok(see_other(&format!("{ROOT}/sign-in?done=signed-out")))
        }
        Err(refusal) => refused(context, &refusal).await,
    }
}
