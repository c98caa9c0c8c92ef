//! POST /auth-ms/auth/introspect: whether an access token is valid at this moment (RFC 7662).

use super::Call;
use crate::keys::token_verifier;
use crate::users::Users;
use api::auth::operation::Introspect;
use api::auth::{ActiveToken, InactiveToken, IntrospectResponse};
use identity::Authentication;
use problem::{Kind, Problem};
use service_kit::HandlerResult;

/// Says whether the token in the form field `token` is valid and its session alive.
pub(super) async fn introspect(call: &Call<'_, Introspect>) -> HandlerResult {
    let form = call.form(&["token", "token_type_hint"])?;
    let token = form
        .get("token")
        .ok_or_else(|| Problem::field(Kind::InvalidQuery, "token", "The form field token is required."))?;
    let inactive = || Ok(call.ok(&IntrospectResponse::Inactive(InactiveToken { active: false })));
    let Ok(claims) = token_verifier()?.verify(token) else { return inactive() };
    if !Users::from_config(call.request)?.session_status(claims.session).await?.alive {
        return inactive();
    }
    let authentication = claims.authentication;
    Ok(call.ok(&IntrospectResponse::Active(Box::new(ActiveToken {
        active: true,
        acr: authentication.as_ref().map(Authentication::acr),
        auth_time: authentication.as_ref().map(|authentication| authentication.auth_time),
        amr: authentication.map(|authentication| authentication.amr),
        sub: claims.user_id.to_string(),
        role: claims.role,
        roles: claims.roles,
        metadata: claims.metadata,
        sid: claims.session,
        jti: claims.id,
        iat: claims.issued_at,
        exp: claims.expires_at,
        token_type: "Bearer",
    }))))
}
