//! What a sign-in answers with once its session was begun, in whichever way.

use crate::keys::{Signer, refresh_keys};
use crate::login_event::publish_login;
use crate::users::Users;
use api::auth::{ACCESS_TOKEN_SECONDS, LoginResponse};
use api::users::StartedSession;
use auth_domain::{RefreshKeys, RefreshSecret};
use identity::{AttemptKeys, DeviceToken, Peppers};
use problem::Problem;
use serde_json::Value;
use service_kit::{Request, log, now, random};

/// The keys of tokens, read before a session begins: without them it would begin in vain.
pub(super) struct TokenKeys {
    signer: Signer,
    refresh_keys: RefreshKeys,
}

/// A session that was begun.
pub(super) struct Begun<'a> {
    pub(super) session: &'a StartedSession,
    /// The secret of its first refresh token.
    pub(super) refresh: RefreshSecret,
    pub(super) keys: &'a AttemptKeys,
    /// The `user_login_event`, unless it is left to the sweeps.
    pub(super) event: Option<Value>,
    /// The device token that the client has sent.
    pub(super) device_token: Option<&'a str>,
}

impl TokenKeys {
    /// Reads the component variables.
    pub(super) fn from_config() -> Result<Self, Problem> {
        Ok(Self { signer: Signer::from_config()?, refresh_keys: refresh_keys()? })
    }

    /// Makes the tokens of a session, logs the sign-in, and publishes its event after the response.
    pub(super) fn issue(
        &self,
        request: &Request,
        users: Users,
        peppers: &Peppers,
        begun: Begun<'_>,
    ) -> Result<LoginResponse, Problem> {
        let Begun { session, refresh, keys, event, device_token } = begun;
        let access = self.signer.sign(session, ACCESS_TOKEN_SECONDS)?;
        record(request, users, session, keys, event);
        let refresh = self.refresh_keys.token(session.session_id, 0, refresh);
        let known = device_token.and_then(|text| DeviceToken::verify(text, peppers, keys, now()));
        let device = known.map_or_else(|| DeviceToken::new(random::bytes(), now()), |device| device.renewed(now()));
        Ok(LoginResponse::new(access, refresh, device.sign(peppers, keys)))
    }
}

/// Logs a sign-in, and publishes its event after the response.
pub(super) fn record(
    request: &Request,
    users: Users,
    session: &StartedSession,
    keys: &AttemptKeys,
    event: Option<Value>,
) {
    let (user, session_id) = (session.user_id.to_string(), session.session_id.to_string());
    let fields = [("account", keys.account.as_str()), ("user_id", &user), ("session_id", &session_id)];
    log::audit("login", "success", &request.id, &fields);
    if let Some(event) = event {
        let request_id = request.id.clone();
        request.after(async move { publish_login(&users, &event, &request_id).await });
    }
}
