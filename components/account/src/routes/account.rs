//! Overview, profile and password.

use super::sign_in_code::text;
use crate::client::To;
use crate::context::Context;
use crate::respond::{Outcome, Stop, html, see_other};
use account_domain::pages::{self, Profile};
use account_domain::{Faults, ROOT};
use serde_json::{Value, json};
use service_kit::{Method, StatusCode};

/// The user who is signed in.
pub(super) async fn user(context: &mut Context<'_>) -> Result<Value, Stop> {
    let path = format!("/users/{}", context.user_id().await?);
    let user = context.get(To::Users, &path).await?;
    Ok(user)
}

/// Who that is, as pages show it.
pub(super) fn profile_of(user: &Value) -> Profile<'_> {
    let text = |name: &str| user[name].as_str().unwrap_or_default();
    Profile {
        name: text("name"),
        surname: text("surname"),
        email: text("email"),
        is_verified: user["email_verified"].as_bool().unwrap_or_default(),
        phone: text("phone"),
        has_new_phone: !text("phone").is_empty() && user["phone_verified"] == false,
        zoneinfo: text("zoneinfo"),
        locale: text("locale"),
        asks_password: false,
    }
}

/// GET /account
pub(super) async fn overview(context: &mut Context<'_>) -> Outcome {
    let user = user(context).await?;
    Ok(html(StatusCode::OK, pages::overview(&context.view()?, &profile_of(&user))))
}

/// GET /account/profile
pub(super) async fn profile(context: &mut Context<'_>) -> Outcome {
    let user = user(context).await?;
    Ok(html(StatusCode::OK, pages::profile(&context.view()?, &profile_of(&user), &Faults::default())))
}

/// POST /account/profile
pub(super) async fn change_profile(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["username", "name", "surname", "phone", "locale", "zoneinfo", "current_password"])?;
    let user = user(context).await?;
    let mut patch = json!({"name": form.get("name"), "surname": form.get("surname")});
    // What has not changed is not sent: a new phone number needs more than a session.
    if form.get("phone") != text(&user, "phone") {
        patch["phone"] = form.some("phone").into();
    }
    if form.get("zoneinfo") != text(&user, "zoneinfo") {
        patch["zoneinfo"] = form.some("zoneinfo").into();
    }
    if let Some(locale) = form.some("locale") {
        patch["locale"] = locale.into();
    }
    if let Some(password) = form.some("current_password") {
        patch["current_password"] = password.into();
    }
    let email = text(&user, "email");
    let path = format!("/users/{}", context.user_id().await?);
    let answer = context.send(To::Users, Method::PATCH, &path, Some(&patch)).await?;
    match crate::client::accepted(&answer) {
        Ok(user) => {
            context.keep_locale(user["locale"].as_str().map(str::to_owned));
            Ok(see_other(&format!("{ROOT}/profile?done=saved")))
        }
        Err(refusal) => {
            let asks_password = matches!(refusal.slug.as_str(), "reauthentication-required" | "wrong-current-password");
            let (status, faults) = if refusal.slug == "reauthentication-required" {
                (StatusCode::FORBIDDEN, Faults::of_field("current_password", context.t.phone_password))
            } else {
                context.faults(&refusal, &["name", "surname", "phone", "zoneinfo", "current_password"])
            };
            let typed = Profile {
                email: &email,
                name: form.get("name"),
                surname: form.get("surname"),
                phone: form.get("phone"),
                locale: form.get("locale"),
                zoneinfo: form.get("zoneinfo"),
                asks_password,
                ..Profile::default()
            };
            Ok(html(status, pages::profile(&context.view()?, &typed, &faults)))
        }
    }
}

/// GET /account/password
pub(super) async fn password(context: &mut Context<'_>) -> Outcome {
    let user = user(context).await?;
    Ok(html(StatusCode::OK, pages::password(&context.view()?, &text(&user, "email"), &Faults::default())))
}

/// POST /account/password
pub(super) async fn change_password(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["username", "current_password", "password"])?;
    let path = format!("/users/{}", context.user_id().await?);
    let patch = json!({"password": form.get("password"), "current_password": form.get("current_password")});
    match context.call(To::Users, Method::PATCH, &path, Some(&patch)).await? {
        Ok(_) => Ok(see_other(&format!("{ROOT}/password?done=password"))),
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["current_password", "password"]);
            Ok(html(status, pages::password(&context.view()?, form.get("username"), &faults)))
        }
    }
}
