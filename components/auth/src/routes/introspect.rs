//! POST /auth-ms/auth/introspect: whether an access token is good at this moment (RFC 7662).

use crate::keys::good_tokens;
use crate::users::Users;
use problem::{FieldError, Kind, Problem};
use serde_json::json;
use service_kit::{Outcome, Request, Service, StatusCode};

/// Says whether the token in the form field `token` is good and its session alive; for services alone.
pub(super) async fn introspect(request: &Request) -> Outcome {
    Service::Operator.require(request)?;
    request.query(&[])?;
    let form = request.form(&["token", "token_type_hint"])?;
    let token = form.get("token").ok_or_else(token_is_missing)?;
    let claims = good_tokens()?.verify(token).ok();
    let inactive = || Ok(service_kit::json(StatusCode::OK, &json!({"active": false})));
    let Some(claims) = claims else { return inactive() };
    if !Users::from_config(request)?.is_session_alive(claims.session).await? {
        return inactive();
    }
    let answer = json!({
        "active": true,
        "sub": claims.user_id.to_string(),
        "role": claims.role,
        "sid": claims.session,
        "jti": claims.id,
        "iat": claims.issued_at,
        "exp": claims.expires_at,
        "token_type": "Bearer",
    });
    Ok(service_kit::json(StatusCode::OK, &answer))
}

fn token_is_missing() -> Problem {
    let detail = "The form field token is required.";
    Problem::new(Kind::InvalidQuery, detail).with_error(FieldError::new("token", detail))
}
