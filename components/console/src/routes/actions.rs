//! What administrators do to somebody's account: a page that asks whether it is meant, and the call of the API that does it, as the
//! administrator who is signed in.

use super::person::{Found, find, person_of, roles};
use super::{items, text};
use crate::context::Context;
use browser::{Faults, Refusal};
use browser_kit::Form;
use browser_kit::client::To;
use browser_kit::respond::{Outcome, Stop, html, see_other};
use console_domain::{Action, ROOT, pages};
use problem::{Kind, Problem};
use serde_json::json;
use service_kit::{Method, StatusCode};

/// GET /console/people/{id}/{action}
pub(super) async fn show(context: &mut Context<'_>, id: &str, action: &str) -> Outcome {
    let action = action_of(action)?;
    let found = find(context, id).await?;
    let roles = roles(&found.user).join(", ");
    page(context, action, id, &found, &roles, (StatusCode::OK, Faults::default()))
}

fn action_of(name: &str) -> Result<Action, Stop> {
    Action::find(name).ok_or_else(|| Problem::of(Kind::NoSuchRoute).into())
}

fn page(
    context: &Context<'_>,
    action: Action,
    id: &str,
    found: &Found,
    roles: &str,
    (status, faults): (StatusCode, Faults),
) -> Outcome {
    let person = person_of(id, found);
    Ok(html(status, pages::confirm_action(&context.frame()?, action, &person, &found.version, roles, &faults)))
}

/// POST /console/people/{id}/{action}
pub(super) async fn submit(context: &mut Context<'_>, id: &str, action: &str) -> Outcome {
    let action = action_of(action)?;
    let fields: &[&str] = if action == Action::Roles { &["version", "roles"] } else { &["version"] };
    let form = context.form(fields)?;
    let found = find(context, id).await?;
    let done = if form.get("version") == found.version {
        act(context, action, id, &form).await?
    } else {
        Err(Refusal { status: 412, slug: "precondition-failed".to_owned(), ..Refusal::default() })
    };
    match done {
        Ok(()) => Ok(see_other(&format!("{ROOT}/people/{id}?done={}", action.name()))),
        Err(refusal) => {
            let faults = context.faults(&refusal, &["roles"]);
            // What it says now, if it has changed in this moment.
            let found = find(context, id).await?;
            let typed = if refusal.slug == "precondition-failed" {
                roles(&found.user).join(", ")
            } else {
                form.get("roles").to_owned()
            };
            page(context, action, id, &found, &typed, faults)
        }
    }
}

/// Does it to the user as they were when the page was shown: each service compares the version in the statement that acts.
async fn act(context: &mut Context<'_>, action: Action, id: &str, form: &Form) -> Result<Result<(), Refusal>, Stop> {
    let user = format!("/users/{id}");
    let (to, method, path) = match action {
        Action::Suspend => (To::Users, Method::PUT, format!("{user}/suspension")),
        Action::Lift => (To::Users, Method::DELETE, format!("{user}/suspension")),
        Action::Unlock => (To::Users, Method::DELETE, format!("{user}/lock")),
        Action::SignOut => (To::Auth, Method::DELETE, format!("/auth/sessions?user_id={id}")),
        Action::RequirePassword => (To::Users, Method::PUT, format!("{user}/password-reset")),
        Action::AcceptPassword => (To::Users, Method::DELETE, format!("{user}/password-reset")),
        Action::ResetFactors => return reset_factors(context, &user, form).await,
        Action::Roles => (To::Users, Method::PATCH, user),
    };
    let patch = (action == Action::Roles).then(|| json!({"roles": roles_of(form)}));
    let headers = [("if-match", form.get("version"))];
    let answer = context.call(to, method, &path, &headers, patch.as_ref()).await?;
    Ok(answer.map(drop))
}

/// The roles that were typed.
fn roles_of(form: &Form) -> Vec<&str> {
    form.get("roles").split(',').map(str::trim).filter(|role| !role.is_empty()).collect()
}

/// Removes the app with its recovery codes, and the passkeys: those of others go with it, one's own each by itself.
async fn reset_factors(context: &mut Context<'_>, user: &str, form: &Form) -> Result<Result<(), Refusal>, Stop> {
    let headers = [("if-match", form.get("version"))];
    let path = format!("{user}/second-factor");
    if let Err(refusal) = context.call(To::Users, Method::DELETE, &path, &headers, None).await? {
        return Ok(Err(refusal));
    }
    let passkeys = context.get(To::Users, &format!("{user}/passkeys")).await?;
    for passkey in items(&passkeys) {
        let path = format!("{user}/passkeys/{}", text(passkey, "id"));
        match context.call(To::Users, Method::DELETE, &path, &headers, None).await? {
            Err(refusal) if refusal.status != 404 => return Ok(Err(refusal)),
            _ => {}
        }
    }
    Ok(Ok(()))
}
