//! GET and POST /auth-ms/oauth/userinfo: what an application is told about its user.

use super::super::{Auth, Call};
use super::users_of;
use crate::keys::client_token_verifier;
use crate::oauth;
use api::auth::Userinfo;
use api::{ClientToken, Operation};
use auth_domain::oauth::OPENID;
use problem::{Kind, Problem};
use service_kit::{Admit, HandlerResult, Request, invalid_token, log};
use tokens::ClientClaims;

impl Admit<Auth> for ClientToken {
    type Proof = ClientClaims;

    /// Admits only the access token of a client.
    fn admit(request: &Request) -> Result<ClientClaims, Problem> {
        oauth::require()?;
        let token = request.bearer_token().ok_or_else(|| {
            Problem::new(Kind::InvalidToken, "An access token is required as a bearer token.")
                .with_header("www-authenticate", "Bearer realm=\"concierge\"")
        })?;
        client_token_verifier()?.verify(token).map_err(|error| {
            log::audit("client-token", "refused", &request.id, &[("cause", &error.to_string())]);
            invalid_token()
        })
    }
}

/// The claims that the scopes of the token are for.
pub(in super::super) async fn show_userinfo<O>(call: &Call<'_, O>) -> HandlerResult
where
    O: Operation<Access = ClientToken, Reply = Userinfo>,
{
    let claims = &call.caller;
    let has = |name: &str| claims.scopes.iter().any(|scope| scope == name);
    let Some((user_id, session)) = claims.user.filter(|_| has(OPENID)) else {
        return Err(Problem::forbidden("The access token needs the scope openid."));
    };
    let user = users_of(call.request)?.oauth_user(claims.client_id, session).await?;
    let user = user.filter(|user| user.id == user_id).ok_or_else(invalid_token)?;
    let (profile, email, phone) = (has("profile"), has("email"), has("phone"));
    Ok(call.ok(&Userinfo {
        sub: user.id.to_string(),
        name: profile.then(|| format!("{} {}", user.name, user.surname)),
        given_name: profile.then_some(user.name),
        family_name: profile.then_some(user.surname),
        locale: user.locale.filter(|_| profile),
        zoneinfo: user.zoneinfo.filter(|_| profile),
        email: email.then_some(user.email),
        email_verified: email.then_some(user.email_verified),
        phone_number_verified: user.phone.as_ref().filter(|_| phone).map(|_| user.phone_verified),
        phone_number: user.phone.filter(|_| phone),
    }))
}
