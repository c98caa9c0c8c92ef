//! The handlers of the operations, one file for each subject.

mod discovery;
mod health;
mod introspect;
mod login;
mod mail;
mod metrics;
mod oauth;
mod passkey;
mod refresh;
mod second_factor;
mod sessions;
mod token_keys;

use crate::keys::token_verifier;
use problem::Problem;
use service_kit::{Authenticate, HandlerResult, Request, dispatch};
use tokens::AccessClaims;

/// This service, by whose rules callers are admitted.
pub(crate) struct Auth;

impl Authenticate for Auth {
    type Caller = AccessClaims;

    fn authenticate(request: &Request) -> Result<AccessClaims, Problem> {
        token_verifier()?.require(request)
    }
}

/// A request to one of the operations.
type Call<'r, O> = service_kit::Call<'r, Auth, O>;

/// Dispatches a request to its handler.
pub(crate) async fn route(request: Request) -> HandlerResult {
    dispatch!(Auth, api::auth, request, {
        Login(call) => login::login(&call).await,
        LoginWithSecondFactor(call) => second_factor::login_with_second_factor(&call).await,
        EnrolAtLogin(call) => second_factor::enrol_at_login(&call).await,
        BeginPasskeyLogin(call) => passkey::begin_passkey_login(&call).await,
        LoginWithPasskey(call) => passkey::login_with_passkey(&call).await,
        RequestMailLogin(call) => mail::request_mail_login(&call).await,
        ConfirmMailLogin(call) => mail::confirm_mail_login(&call).await,
        ShowMailLoginPage(call) => mail::show_mail_login_page(&call),
        SubmitMailLoginPage(call) => mail::submit_mail_login_page(&call).await,
        Refresh(call) => refresh::refresh(&call).await,
        Logout(call) => refresh::logout(&call).await,
        ListSessions(call) => sessions::list_sessions(&call).await,
        EndSessions(call) => sessions::end_all_sessions(&call).await,
        EndSession(call) => sessions::end_session(&call).await,
        ShowMetrics(call) => metrics::show_metrics(&call),
        Introspect(call) => introspect::introspect(&call).await,
        ShowAuthorization(call) => oauth::authorize::show_authorization(&call).await,
        SubmitAuthorization(call) => oauth::authorize::submit_authorization(&call).await,
        SignInToAuthorize(call) => oauth::sign_in::sign_in_to_authorize(&call).await,
        AuthorizeWithSecondFactor(call) => oauth::sign_in::authorize_with_second_factor(&call).await,
        DecideAuthorization(call) => oauth::decision::decide_authorization(&call).await,
        IssueTokens(call) => oauth::token::issue_tokens(&call).await,
        ShowUserinfo(call) => oauth::userinfo::show_userinfo(&call).await,
        SubmitUserinfo(call) => oauth::userinfo::show_userinfo(&call).await,
        RevokeToken(call) => oauth::revoke::revoke_token(&call).await,
        ShowLogout(call) => oauth::logout::show_logout(&call).await,
        SubmitLogout(call) => oauth::logout::submit_logout(&call).await,
        ShowServerMetadata(call) => discovery::show_server_metadata(&call),
        ShowKeys(call) => discovery::show_keys(&call),
        ShowMetadata(call) => discovery::show_metadata(&call),
        CheckHealth(call) => Ok(call.ok(&service_kit::health::alive())),
        CheckReadiness(call) => health::readiness(&call).await,
    })
}
