//! POST /auth-ms/oauth/decision: a user who has signed in elsewhere decides about an authorization.

use super::super::Call;
use super::authorize::identified;
use super::users_of;
use crate::keys::client_token_verifier;
use api::auth::operation::DecideAuthorization;
use api::auth::{ConsentAsked, DecisionResponse};
use api::users::{IssueOauthCodeRequest, OauthClient, OauthCodeOutcome};
use auth_domain::oauth::{Code, OFFLINE_ACCESS, OauthFailure, Prompt, origin_of};
use identity::UserId;
use problem::{Kind, Problem};
use service_kit::{HandlerResult, config, invalid_token, random};
use uuid::Uuid;

/// How many seconds ago a user may have signed in who consents, or whose application stays connected.
const RECENT: i32 = 10 * 60;

/// Answers where to send the user, or what to ask them first.
pub(in super::super) async fn decide_authorization(call: &Call<'_, DecideAuthorization>) -> HandlerResult {
    let body = call.body()?;
    let (caller, issuer) = (&call.caller, config::token_issuer()?);
    let users = users_of(call.request)?.by(caller.user_id);
    let (request, client) =
        identified(&users, body.request.trim_start_matches('?').as_bytes()).await?.map_err(|_| {
            let detail = "The client or the redirect URI of the request is not known.";
            Problem::field(Kind::InvalidValue, "request", detail)
        })?;
    let back = |redirect_to: String| Ok(call.ok(&DecisionResponse { redirect_to: Some(redirect_to), consent: None }));
    let asked = match request.validate(&client) {
        Ok(asked) => asked,
        Err(failure) => return back(request.refusal(&issuer, &failure)),
    };
    if body.consent == Some(false) {
        let failure = OauthFailure::new("access_denied", "The user does not allow it.");
        return back(request.refusal(&issuer, &failure));
    }
    let consented = body.consent == Some(true);
    let shown = ConsentAsked {
        client_id: client.id,
        name: client.name.clone(),
        origin: origin_of(&request.redirect_uri).to_owned(),
        scopes: asked.scopes.clone(),
    };
    let ask = |shown| Ok(call.ok(&DecisionResponse { redirect_to: None, consent: Some(shown) }));
    if let Some(token) = &asked.id_token_hint
        && !is_of(token, client.id, caller.user_id)?
    {
        let failure = OauthFailure::new("login_required", "Another user is signed in than the one of id_token_hint.");
        return back(request.refusal(&issuer, &failure));
    }
    // Whom anybody may pose as is asked each time.
    let asks = asked.prompt == Prompt::Consent || may_be_another(&client, &request.redirect_uri);
    if asks && !consented && asked.prompt == Prompt::None {
        return back(request.refusal(&issuer, &consent_required()));
    }
    // Who has stolen an access token has it for a quarter of an hour: it must not become more than that.
    let lasts = consented || asked.scopes.iter().any(|scope| scope == OFFLINE_ACCESS);
    let max_age = if lasts { Some(asked.max_age.unwrap_or(RECENT).min(RECENT)) } else { asked.max_age };
    let code = Code::new(random::bytes());
    let issue = IssueOauthCodeRequest {
        code: code.digest,
        client_id: client.id,
        session_id: caller.session,
        redirect_uri: request.redirect_uri.clone(),
        code_challenge: asked.code_challenge,
        nonce: asked.nonce,
        scopes: asked.scopes,
        max_age,
        consented,
        asks,
        // Who has to consent signs in first, and then once, not between question and answer.
        ask_max_age: (asked.prompt != Prompt::None).then_some(RECENT),
        ends_session: false,
    };
    let failure = match (users.issue_oauth_code(&issue).await?, asked.prompt) {
        (OauthCodeOutcome::Issued, _) => return back(request.answer(&issuer, &[("code", &code.text)])),
        (OauthCodeOutcome::SessionEnded, _) => return Err(invalid_token()),
        (OauthCodeOutcome::LoginRequired, Prompt::None) => {
            OauthFailure::new("login_required", "The user has to sign in.")
        }
        (OauthCodeOutcome::LoginRequired, _) => return Err(Problem::of(Kind::ReauthenticationRequired)),
        (OauthCodeOutcome::ConsentRequired, Prompt::None) => consent_required(),
        (OauthCodeOutcome::ConsentRequired, _) => return ask(shown),
        (OauthCodeOutcome::UnknownClient, _) => {
            OauthFailure::new("unauthorized_client", "The client is not known any more.")
        }
    };
    back(request.refusal(&issuer, &failure))
}

/// Whether another program can say that it is this client, and be sent what was allowed that one: on a person's own machine anybody may
/// listen, and such a client has no secret (RFC 8252, 8.6). So what was allowed before is asked again.
fn may_be_another(client: &OauthClient, redirect_uri: &str) -> bool {
    !client.confidential && redirect_uri.starts_with("http://")
}

fn consent_required() -> OauthFailure {
    OauthFailure::new("consent_required", "The user has to consent.")
}

/// Whether an ID token is one of this client and this user (OpenID Connect Core 1.0, 3.1.2.1).
fn is_of(id_token: &str, client: Uuid, user: UserId) -> Result<bool, Problem> {
    let hint = client_token_verifier()?.read_id(id_token);
    Ok(hint.is_ok_and(|hint| hint.client_id == client && hint.user_id == user))
}
