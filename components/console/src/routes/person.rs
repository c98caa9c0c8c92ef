//! One person.

use super::{items, text};
use crate::context::Context;
use browser::{Refusal, describe};
use browser_kit::client::{To, accepted};
use browser_kit::respond::{Outcome, Stop, html};
use console_domain::pages::{self, Activity, Device, Passkey, Person};
use serde_json::Value;
use service_kit::{Method, StatusCode};

/// A user, and the entity tag that they have.
pub(super) struct Found {
    pub(super) user: Value,
    pub(super) version: String,
    /// What keeps them out.
    pub(super) access: Value,
}

/// The user with an id, as a path has it.
pub(super) async fn find(context: &mut Context<'_>, id: &str) -> Result<Found, Stop> {
    // Nothing else is put into the path of a service.
    if !id.bytes().all(|byte| byte.is_ascii_digit()) || id.starts_with('0') || id.parse::<i64>().is_err() {
        let refusal = Refusal { status: 404, slug: "user-not-found".to_owned(), ..Refusal::default() };
        return Err(context.refused(&refusal));
    }
    let answer = context.send(To::Users, Method::GET, &format!("/users/{id}"), &[], None).await?;
    let user = accepted(&answer).map_err(|refusal| context.refused(&refusal))?;
    let tag = answer.headers.iter().find(|(name, _)| name == "etag");
    let version = tag.map(|(_, value)| value.clone()).unwrap_or_default();
    let access = context.get(To::Users, &format!("/users/{id}/access")).await?;
    Ok(Found { user, version, access })
}

/// The roles of a user.
pub(super) fn roles(user: &Value) -> Vec<&str> {
    user["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What the head of a page says of a user.
pub(super) fn person_of<'a>(id: &'a str, found: &'a Found) -> Person<'a> {
    let user = &found.user;
    Person {
        id,
        name: format!("{} {}", text(user, "name"), text(user, "surname")),
        email: text(user, "email"),
        is_verified: user["email_verified"].as_bool().unwrap_or_default(),
        phone: text(user, "phone"),
        locale: text(user, "locale"),
        zoneinfo: text(user, "zoneinfo"),
        roles: roles(user),
        created: text(user, "created_at"),
        updated: text(user, "updated_at"),
        suspended: found.access["suspended_at"].as_str(),
        is_locked: found.access["locked"] == true,
        is_password_required: found.access["password_reset_required"] == true,
        ..Person::default()
    }
}

/// GET /console/people/{id}
pub(super) async fn show(context: &mut Context<'_>, id: &str) -> Outcome {
    let found = find(context, id).await?;
    let factor = context.get(To::Users, &format!("/users/{id}/second-factor")).await?;
    let passkeys = context.get(To::Users, &format!("/users/{id}/passkeys")).await?;
    let sessions = context.get(To::Auth, &format!("/auth/sessions?user_id={id}")).await?;
    let activity = context.get(To::Users, &format!("/users/{id}/activity?limit=10")).await?;
    let person = Person {
        app: factor["totp"]["confirmed_at"].as_str(),
        recovery_codes: factor["recovery_codes_left"].as_u64().unwrap_or_default(),
        passkeys: items(&passkeys).map(passkey).collect(),
        devices: items(&sessions).map(device).collect(),
        activity: items(&activity).map(event).collect(),
        ..person_of(id, &found)
    };
    Ok(html(StatusCode::OK, pages::person(&context.frame()?, &person)))
}

fn passkey(item: &Value) -> Passkey<'_> {
    Passkey { name: text(item, "name"), added: text(item, "created_at"), used: item["last_used_at"].as_str() }
}

fn device(item: &Value) -> Device<'_> {
    Device {
        name: item["user_agent"].as_str().map(describe),
        network: text(item, "network"),
        began: text(item, "created_at"),
        used: text(item, "used_at"),
    }
}

fn event(item: &Value) -> Activity<'_> {
    Activity {
        time: text(item, "time"),
        action: text(item, "action"),
        result: text(item, "result"),
        actor: text(item, "actor"),
        device: item["user_agent"].as_str().map(describe),
        network: text(item, "network"),
    }
}
