//! The handlers of the operations, one file for each subject.

mod audit;
mod challenge;
mod change_user;
mod create_user;
mod current_password;
mod delete_user;
mod email_change;
mod export_user;
mod get_user;
mod guard;
mod health;
mod invitation;
mod invitations;
mod list_users;
mod load_test;
mod mail_sign_in;
mod maintenance;
mod metadata;
mod metrics;
mod not_me;
mod oauth;
mod oauth_clients;
mod outbox;
mod passkey_sign_in;
mod passkeys;
mod phone;
mod reauthenticate;
mod recovery;
mod second_factor;
mod sessions;
mod sign_in;
mod statistics;
mod suspension;
mod tickets;
mod token_metadata;
mod trace;
mod transfer;
mod verification;

use api::PathParameters;
use guard::Guard;
use identity::UserId;
use problem::Problem;
use service_kit::{
    Authenticate, HandlerResult, Method, Request, dispatch, method_not_allowed, no_such_route, redirect,
};

/// This service, by whose rules callers are admitted.
pub(crate) struct Users;

impl Authenticate for Users {
    type Caller = Guard;

    fn authenticate(request: &Request) -> Result<Guard, Problem> {
        Guard::of(request)
    }
}

/// A request to one of the operations.
type Call<'r, O> = service_kit::Call<'r, Users, O>;

/// Dispatches a request to its handler.
pub(crate) async fn route(request: Request) -> HandlerResult {
    if let ["users", ..] = request.path().as_slice() {
        return redirect_spelling(&request);
    }
    dispatch!(Users, api::users, request, {
        ListUsers(call) => list_users::list_users(&call),
        CreateUser(call) => create_user::create_user(&call).await,
        RequestVerification(call) => verification::request_verification(&call).await,
        ConfirmVerification(call) => verification::confirm_verification(&call).await,
        ShowVerificationPage(call) => verification::show_verification_page(&call),
        SubmitVerificationPage(call) => verification::submit_verification_page(&call),
        RequestRecovery(call) => recovery::request_recovery(&call).await,
        ConfirmRecovery(call) => recovery::confirm_recovery(&call).await,
        ShowRecoveryPage(call) => recovery::show_recovery_page(&call),
        SubmitRecoveryPage(call) => recovery::submit_recovery_page(&call).await,
        ConfirmEmailChange(call) => email_change::confirm_email_change(&call).await,
        ShowEmailChangePage(call) => email_change::show_email_change_page(&call),
        SubmitEmailChangePage(call) => email_change::submit_email_change_page(&call),
        ConfirmEmailReturn(call) => email_change::confirm_email_return(&call).await,
        ShowEmailReturnPage(call) => email_change::show_email_return_page(&call),
        SubmitEmailReturnPage(call) => email_change::submit_email_return_page(&call).await,
        ConfirmNotMe(call) => not_me::confirm_not_me(&call).await,
        ShowNotMePage(call) => not_me::show_not_me_page(&call),
        SubmitNotMePage(call) => not_me::submit_not_me_page(&call),
        InviteUser(call) => invitations::invite_user(&call),
        ListInvitations(call) => invitations::list_invitations(&call),
        GetInvitation(call) => invitations::get_invitation(&call),
        RevokeInvitation(call) => invitations::revoke_invitation(&call),
        ResendInvitation(call) => invitations::resend_invitation(&call),
        AcceptInvitation(call) => invitation::accept_invitation(&call).await,
        ShowInvitationPage(call) => invitation::show_invitation_page(&call),
        SubmitInvitationPage(call) => invitation::submit_invitation_page(&call).await,
        GetUser(call) => get_user::get_user(&call),
        ReplaceUser(call) => change_user::replace_user(&call).await,
        PatchUser(call) => change_user::patch_user(&call).await,
        DeleteUser(call) => delete_user::delete_user(&call),
        ExportUser(call) => export_user::export_user(&call),
        Reauthenticate(call) => reauthenticate::reauthenticate(&call).await,
        ImportUsers(call) => transfer::import_users(&call),
        ExportUsers(call) => transfer::export_users(&call),
        GetSecondFactor(call) => second_factor::get_second_factor(&call),
        EnrolTotp(call) => second_factor::enrol_totp(&call),
        ConfirmTotp(call) => second_factor::confirm_totp(&call).await,
        RemoveSecondFactor(call) => second_factor::remove_second_factor(&call),
        ReplaceRecoveryCodes(call) => second_factor::replace_recovery_codes(&call),
        ListPasskeys(call) => passkeys::list_passkeys(&call),
        BeginPasskeyRegistration(call) => passkeys::begin_passkey_registration(&call),
        AddPasskey(call) => passkeys::add_passkey(&call),
        RenamePasskey(call) => passkeys::rename_passkey(&call),
        RemovePasskey(call) => passkeys::remove_passkey(&call),
        BeginPasskeySignIn(call) => passkey_sign_in::begin_passkey_sign_in(&call),
        EndPasskeySignIn(call) => passkey_sign_in::end_passkey_sign_in(&call).await,
        RequestPhoneCode(call) => phone::request_phone_code(&call),
        ConfirmPhone(call) => phone::confirm_phone(&call),
        BeginMailSignIn(call) => mail_sign_in::begin_mail_sign_in(&call).await,
        EndMailSignIn(call) => mail_sign_in::end_mail_sign_in(&call).await,
        GetAccess(call) => suspension::get_access(&call),
        GetSuspension(call) => suspension::get_suspension(&call),
        ListActivity(call) => audit::list_activity(&call),
        ListAudit(call) => audit::list_audit(&call),
        SuspendUser(call) => suspension::suspend_user(&call),
        LiftSuspension(call) => suspension::lift_suspension(&call),
        GetMetadata(call) => metadata::get_metadata(&call),
        ChangeMetadata(call) => metadata::change_metadata(&call),
        ListOauthClients(call) => oauth_clients::list_oauth_clients(&call),
        RegisterOauthClient(call) => oauth_clients::register_oauth_client(&call),
        GetOauthClient(call) => oauth_clients::get_oauth_client(&call),
        ChangeOauthClient(call) => oauth_clients::change_oauth_client(&call),
        RemoveOauthClient(call) => oauth_clients::remove_oauth_client(&call),
        ReplaceOauthClientSecret(call) => oauth_clients::replace_oauth_client_secret(&call),
        ListConnectedApplications(call) => oauth_clients::list_connected_applications(&call),
        DisconnectApplication(call) => oauth_clients::disconnect_application(&call),
        FindOauthClient(call) => oauth::find_oauth_client(&call),
        AuthenticateOauthClient(call) => oauth::authenticate_oauth_client(&call),
        IssueOauthCode(call) => oauth::issue_oauth_code(&call),
        SpendOauthCode(call) => oauth::spend_oauth_code(&call),
        RotateOauthToken(call) => oauth::rotate_oauth_token(&call),
        FindOauthSession(call) => oauth::find_oauth_session(&call),
        EndOauthSession(call) => oauth::end_oauth_session(&call),
        ShowStatistics(call) => statistics::show_statistics(&call),
        UnlockUser(call) => suspension::unlock_user(&call),
        RequirePasswordReset(call) => suspension::require_password_reset(&call),
        WithdrawPasswordReset(call) => suspension::withdraw_password_reset(&call),
        CheckHealth(call) => Ok(call.ok(&service_kit::health::alive())),
        CheckReadiness(_call) => Ok(health::readiness()),
        LoadTest(call) => load_test::load_test(&call),
        ShowOutbox(call) => outbox::show_outbox(&call),
        ShowMetrics(call) => metrics::show_metrics(&call),
        Sweep(call) => maintenance::run_maintenance(&call),
        DeleteEvent(call) => outbox::delete_event(&call),
        BeginSignIn(call) => sign_in::begin_sign_in(&call).await,
        EndSignIn(call) => sign_in::end_sign_in(&call),
        BeginSecondFactor(call) => challenge::begin_second_factor(&call),
        EnrolAtSignIn(call) => challenge::enrol_at_sign_in(&call),
        EndSecondFactor(call) => challenge::end_second_factor(&call).await,
        RotateToken(call) => sessions::rotate_token(&call),
        EndSessionByToken(call) => sessions::end_session_by_token(&call),
        CheckSession(call) => sessions::check_session(&call),
        ListSessions(call) => sessions::list_sessions(&call),
        EndSessions(call) => sessions::end_sessions(&call),
        EndSession(call) => sessions::end_session(&call),
    })
}

/// Redirects from the report's other spelling, `/users` or `/users/{id}`, to the path with `-ms`, if that has the method. The id
/// is parsed, so that nothing that a caller made up ends in the header.
fn redirect_spelling(request: &Request) -> HandlerResult {
    let path = request.path();
    // A slash at the end of the list is no empty id.
    let path = if path == ["users", ""] { vec!["users"] } else { path };
    let at_ms = [&["users-ms"], path.as_slice()].concat();
    let methods: Vec<_> = api::users::ROUTES
        .iter()
        .filter(|(route, _)| api::users::redirected(route.path) && route.fits(&at_ms))
        .map(|(route, _)| route.method.clone())
        .collect();
    let id = match path.as_slice() {
        ["users", id] => Some(<UserId as PathParameters>::parse(&[id])?),
        _ => None,
    };
    if methods.is_empty() {
        return Err(no_such_route());
    }
    if request.method != Method::HEAD && !methods.contains(&request.method) {
        return Err(method_not_allowed(&methods));
    }
    let path = id.map_or_else(|| "/users-ms/users".to_owned(), |id| format!("/users-ms/users/{id}"));
    Ok(redirect(&match request.raw_query() {
        "" => path,
        query => format!("{path}?{query}"),
    }))
}
