//! /auth-ms/auth/sessions: a user's own sessions; for administrators anybody's, with `?user_id=`.

use super::{Auth, Call};
use crate::users::{Ended, Users};
use api::auth::Session;
use api::auth::operation::{EndSession, EndSessions, ListSessions};
use api::{AccessToken, List, Operation};
use identity::{Role, UserId};
use problem::{Kind, Problem};
use service_kit::{Admit, HandlerResult, StatusCode, invalid_token, log};
use tokens::AccessClaims;

/// GET: lists them, and says which one the caller uses.
pub(super) async fn list_sessions(call: &Call<'_, ListSessions>) -> HandlerResult {
    let Authorized { user_id, users, .. } = authorize(call).await?;
    let shown = |session: api::users::Session| Session {
        current: session.id == call.caller.session,
        id: session.id,
        created_at: session.created_at,
        used_at: session.used_at,
        ends_at: session.ends_at,
        user_agent: session.user_agent,
        network: session.network,
        application: session.application,
    };
    Ok(call.ok(&List::new(users.sessions(user_id).await?.items.into_iter().map(shown).collect())))
}

/// DELETE: ends all of them, or with `?others=true` all but the one that the caller uses.
pub(super) async fn end_all_sessions(call: &Call<'_, EndSessions>) -> HandlerResult {
    let which = match call.query.get("others").map(String::as_str) {
        None | Some("false") => Ended::All,
        Some("true") => Ended::AllBut(call.caller.session),
        Some(_) => return Err(Problem::field(Kind::InvalidQuery, "others", "others is true or false.")),
    };
    end(call, which).await?;
    Ok(call.empty(StatusCode::NO_CONTENT))
}

/// DELETE `/{id}`: ends one.
pub(super) async fn end_session(call: &Call<'_, EndSession>) -> HandlerResult {
    if end(call, Ended::One(call.path)).await? == 0 {
        return Err(Problem::of(Kind::SessionNotFound));
    }
    Ok(call.empty(StatusCode::NO_CONTENT))
}

/// Ends sessions. Whoever has stolen a token must not be able to sign its owner out: all but the caller's own session takes a
/// recent sign-in (OWASP ASVS 5.0, 7.5.2).
async fn end<O: Operation<Access = AccessToken>>(call: &Call<'_, O>, which: Ended) -> Result<u64, Problem> {
    let Authorized { user_id, users, is_recent } = authorize(call).await?;
    if !is_recent && !matches!(which, Ended::One(session) if session == call.caller.session) {
        log::audit("access", "reauthentication-required", &call.request.id, &[]);
        return Err(Problem::of(Kind::ReauthenticationRequired));
    }
    // The entity tags are those of users, which compares them.
    let if_match = if matches!(which, Ended::One(_)) { None } else { call.request.header("if-match") };
    let ended = users.end_sessions(user_id, which, if_match).await?;
    if !matches!(which, Ended::One(_)) || ended > 0 {
        let (user_id, by, count) = (user_id.to_string(), call.caller.user_id.to_string(), ended.to_string());
        let fields = [("user_id", user_id.as_str()), ("by", &by), ("count", &count)];
        log::audit("sessions-ended", "success", &call.request.id, &fields);
    }
    Ok(ended)
}

/// A call that may go on.
struct Authorized {
    /// Whose sessions it is about.
    user_id: UserId,
    users: Users,
    /// Whether the caller signed in, or showed the current password, a moment ago.
    is_recent: bool,
}

/// Whose sessions the call is about: the caller's own, or for administrators anybody's. The caller's session has to be alive.
async fn authorize<O: Operation<Access = AccessToken>>(call: &Call<'_, O>) -> Result<Authorized, Problem>
where
    AccessToken: Admit<Auth, Proof = AccessClaims>,
{
    let caller = &call.caller;
    let user_id = match call.query.get("user_id").map(|text| UserId::parse(text)) {
        None => caller.user_id,
        Some(Ok(user_id)) => user_id,
        Some(Err(error)) => return Err(Problem::field(Kind::InvalidQuery, "user_id", error.to_string())),
    };
    if user_id != caller.user_id && caller.role != Role::Admin {
        log::audit("access", "refused", &call.request.id, &[("user_id", &caller.user_id.to_string())]);
        return Err(Problem::forbidden("Only an administrator may access the sessions of others."));
    }
    let users = Users::from_config(call.request)?.by(caller.user_id);
    let session = users.session_status(caller.session).await?;
    if !session.alive {
        return Err(invalid_token());
    }
    Ok(Authorized { user_id, users, is_recent: session.recent })
}
