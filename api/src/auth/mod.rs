//! The API of auth: sign-in, tokens and a user's own sessions.

#[cfg(feature = "openapi")]
mod docs;
mod mail;
#[cfg(feature = "openapi")]
mod mail_docs;
mod oauth;
#[cfg(feature = "openapi")]
mod oauth_docs;
#[macro_use]
mod oauth_operations;
mod types;

pub use mail::{ConfirmMailLoginRequest, MailLoginForm, MailLoginRequest};
pub use oauth::{
    AuthorizationCodeForm, AuthorizationForm, AuthorizationSignIn, ConsentAsked, DecisionRequest, DecisionResponse,
    LogoutForm, OauthError, RevocationRequest, TokenRequest, TokenResponse, Userinfo,
};
pub use types::{
    ACCESS_TOKEN_SECONDS, ActiveToken, EnrolmentRequest, InactiveToken, IntrospectRequest, IntrospectResponse, KeySet,
    LoginRequest, LoginResponse, Metadata, PasskeyLoginRequest, ProviderMetadata, RefreshResponse, RefreshTokenRequest,
    SecondFactorRequest, SecondFactorResponse, Session,
};

#[cfg(feature = "openapi")]
pub(crate) use docs::info;

use crate::health::{Health, readiness};
use crate::operation::operations;
use crate::route::parameters;
use crate::users::{MailSignIn, PasskeySignIn, TotpEnrolment};
use crate::{ANY_QUERY, AccessToken, Body, ByOperator, ByScraper, ClientToken, List, NO_QUERY, Public};
#[cfg(feature = "openapi")]
use crate::{description::header, schema};
#[cfg(feature = "openapi")]
use problem::Kind::{
    AccountLocked, AccountSuspended, EmailNotVerified, Forbidden, InvalidChallenge, InvalidCode, InvalidCredentials,
    InvalidHeader, InvalidPasskey, InvalidQuery, InvalidToken, MfaEnrolmentRequired, MfaRequired, NotConfigured,
    PasswordResetRequired, PreconditionFailed, ReauthenticationRequired, SessionNotFound, TooBusy, TooManyAttempts,
    UsersUnavailable,
};
#[cfg(feature = "openapi")]
use serde_json::json;
use uuid::Uuid;

impl Body for LoginRequest {}
impl Body for SecondFactorRequest {}
impl Body for EnrolmentRequest {}
impl Body for PasskeyLoginRequest {}
impl Body for RefreshTokenRequest {}
impl Body for IntrospectRequest {
    const MEDIA_TYPES: &'static [&'static str] = &["application/x-www-form-urlencoded"];
}

readiness! {
    /// Whether every setting can be used.
    configuration,
    /// Whether the users service answers within one second.
    users,
}

parameters! {
    OTHERS = "others", "Whether only the sessions other than the one of this request end.", schema::Switch, "\"true\"";
    TOKEN = "token", "The secret of the link.", schema::Token, "VGhpcyBpcyBub3QgYSBzZWNyZXQgYnV0IGFuIGV4YW0";
    USER_ID = "user_id", "Whose sessions, if not the caller's own; for administrators.", schema::UserId, "7";
}

#[cfg(feature = "openapi")]
parameters! {
    IF_MATCH = "if-match", "Proceed only if the user is at one of these versions: `*`, or up to 20 entity tags of `/users-ms/users/{id}`.", schema::EntityTags, "*";
    AUTHORIZATION = "authorization", "`Basic` with client id and secret, each form-encoded (RFC 6749, 2.3.1); or they are in the form.", schema::AnyText, "Basic NmYxZTJkM2M6c2VjcmV0";
}

with_oauth_operations! { operations! {
    /// Sign in
    ///
    /// Begins a session and returns its tokens. An unknown user and a wrong password get the same response after the same time. A
    /// device that sends the `device_token` of an earlier login to the account is not slowed down by the failures of others.
    ///
    /// To somebody with a second factor the right password is answered with 403 `mfa-required` and a `challenge`: no session begins
    /// before a code is sent to `/auth-ms/auth/login/second-factor`.
    Login: POST "/auth-ms/auth/login" (), NO_QUERY, Public, LoginRequest => LoginResponse,
    |it| it.tag("auth").fails(&[InvalidCredentials, AccountLocked, AccountSuspended, PasswordResetRequired, EmailNotVerified, MfaRequired, MfaEnrolmentRequired, TooManyAttempts, TooBusy, UsersUnavailable])
        .fails_with(InvalidHeader, docs::NO_KEY)
        .body("password", json!({"username": "ada@example.org", "password": docs::PASSWORD}))
        .body("known_device", json!({"username": "ada@example.org", "password": docs::PASSWORD, "device_token": docs::DEVICE_TOKEN}))
        .replies(200, "The tokens.").example("tokens", docs::login_tokens())
        .link_body("refresh", "refresh", "Rotate the refresh token.", docs::REFRESH_TOKEN_OF_BODY)
        .link_body("logout", "logout", "End the session.", docs::REFRESH_TOKEN_OF_BODY)
        .link_body("introspect", "introspect", "Check whether the access token is valid.", docs::ACCESS_TOKEN_OF_BODY);

    /// Sign in with a second factor
    ///
    /// Goes on with a login that was answered with `mfa-required`, or with `mfa-enrolment-required` and an app that was added since:
    /// by a code of the app, which is good once, or by a recovery code. A wrong code counts as a wrong password does; after five of
    /// them the challenge is invalid. A challenge is good once, for five minutes, and for the client, by its `user-agent`, that has
    /// sent the password.
    LoginWithSecondFactor: POST "/auth-ms/auth/login/second-factor" (), NO_QUERY, Public, SecondFactorRequest => SecondFactorResponse,
    |it| it.tag("auth").fails(&[InvalidCode, InvalidChallenge, AccountLocked, TooManyAttempts, TooBusy, UsersUnavailable])
        .fails_with(InvalidHeader, docs::NO_KEY)
        .body("code", json!({"challenge": docs::CHALLENGE, "code": "287082"}))
        .body("recovery_code", json!({"challenge": docs::CHALLENGE, "code": "01AZ0Z-JM7901-AZ0ZJM-7901AZ", "device_token": docs::DEVICE_TOKEN}))
        .replies(200, "The tokens.").example("tokens", docs::login_tokens()).example("after_enrolment", docs::tokens_and_codes())
        .link_body("refresh", "refresh", "Rotate the refresh token.", docs::REFRESH_TOKEN_OF_BODY)
        .link_body("logout", "logout", "End the session.", docs::REFRESH_TOKEN_OF_BODY);

    /// Add an authenticator app at the login
    ///
    /// For an account that must have a second factor (`mfa_required_for`) and has none, whose login was answered with
    /// `mfa-enrolment-required`. Returns a new secret, once; a code of it signs in and confirms the app at the same time.
    EnrolAtLogin: POST "/auth-ms/auth/login/enrolment" (), NO_QUERY, Public, EnrolmentRequest => TotpEnrolment,
    |it| it.tag("auth").fails(&[InvalidChallenge, UsersUnavailable]).fails_with(InvalidHeader, docs::NO_KEY)
        .body("challenge", json!({"challenge": docs::CHALLENGE}))
        .replies(200, "What to set an app up with.").example("enrolment", crate::users::second_factor_docs::enrolment());

    /// Begin to sign in with a passkey
    ///
    /// Returns what a page passes on to the browser. It names no account: the user chooses one of the passkeys on their device.
    BeginPasskeyLogin: POST "/auth-ms/auth/passkey/options" (), NO_QUERY, Public, () => PasskeySignIn,
    |it| it.tag("auth").fails(&[TooManyAttempts, UsersUnavailable])
        .fails_with(InvalidHeader, docs::NO_KEY)
        .fails_with(NotConfigured, "Passkeys need a domain. Set public_url or passkey_rp_id.")
        .replies(200, "What to pass on to the browser.").example("sign_in", crate::users::passkey_docs::sign_in());

    /// Sign in with a passkey
    ///
    /// By the browser's answer, which is accepted once, within five minutes, and for the client, by its `user-agent`, that has begun. The
    /// device has verified its user, so the session counts as begun with more than one factor: no code is asked for. The account must not
    /// be suspended or locked, nor wait for a new password or, where that is required, for the confirmation of its address; only whoever
    /// has the passkey is told.
    LoginWithPasskey: POST "/auth-ms/auth/passkey" (), NO_QUERY, Public, PasskeyLoginRequest => LoginResponse,
    |it| it.tag("auth").fails(&[InvalidPasskey, AccountLocked, AccountSuspended, PasswordResetRequired, EmailNotVerified, TooManyAttempts, TooBusy, UsersUnavailable])
        .fails_with(InvalidChallenge, "The challenge is not valid, or not any more. Begin again.")
        .fails_with(InvalidHeader, docs::NO_KEY)
        .fails_with(NotConfigured, "Passkeys need a domain. Set public_url or passkey_rp_id.")
        .body("passkey", json!({"credential": crate::users::passkey_docs::assertion()}))
        .body("known_device", json!({"credential": crate::users::passkey_docs::assertion(), "device_token": docs::DEVICE_TOKEN}))
        .replies(200, "The tokens.").example("tokens", docs::login_tokens())
        .link_body("refresh", "refresh", "Rotate the refresh token.", docs::REFRESH_TOKEN_OF_BODY)
        .link_body("logout", "logout", "End the session.", docs::REFRESH_TOKEN_OF_BODY);

    /// Ask for a mail that signs in
    ///
    /// Where `sign_in_by_mail` is `on`. If the address has an account that is not suspended, it gets a mail with a link and a code, valid
    /// once and for ten minutes. The answer and its time are the same if not. Keep the `request`: the code is good together with it, and
    /// the link without it, for whoever opens it. An address gets five such mails an hour, then fewer.
    RequestMailLogin: POST "/auth-ms/auth/mail" (), NO_QUERY, Public, MailLoginRequest => MailSignIn,
    mail_docs::request_mail_login;

    /// Sign in by mail
    ///
    /// By the `token` of the link, or by `request` and code. It answers as a login does: to somebody with a second factor with 403
    /// `mfa-required` and a `challenge`, which goes on at `/auth-ms/auth/login/second-factor`. The address counts as confirmed. If nobody
    /// had confirmed it, whoever has signed up with it may be somebody else: the password and the factors of before are not valid any
    /// more, and a new password is set by a recovery. Five wrong codes make link and code invalid; after 25 wrong ones at an account
    /// only links sign in. A new password, another address or a suspension makes both invalid.
    ConfirmMailLogin: POST "/auth-ms/auth/mail/confirm" (), NO_QUERY, Public, ConfirmMailLoginRequest => LoginResponse,
    mail_docs::confirm_mail_login;

    /// Show the page behind the link
    ///
    /// A page with a button that signs in, for applications without a page of their own (`sign_in_page`). Opening it does nothing:
    /// programs that scan mail open links, too.
    ShowMailLoginPage: GET "/auth-ms/auth/mail/page" (), Some(&[TOKEN]), Public, () => (),
    mail_docs::show_mail_login_page;

    /// Sign in by mail on the page
    ///
    /// What the button of the page sends.
    SubmitMailLoginPage: POST "/auth-ms/auth/mail/page" (), NO_QUERY, Public, MailLoginForm => LoginResponse,
    mail_docs::submit_mail_login_page;

    /// Refresh tokens
    ///
    /// Rotates a refresh token. For 30 seconds the previous token returns the same successor, so after a lost response, or from two
    /// tabs at once, the request may simply be repeated. An older token, or the previous one later, ends the session.
    Refresh: POST "/auth-ms/auth/refresh" (), NO_QUERY, Public, RefreshTokenRequest => RefreshResponse,
    |it| it.tag("auth").fails(&[InvalidToken, UsersUnavailable]).fails_with(InvalidHeader, docs::NO_KEY)
        .body("token", json!({"refresh_token": docs::REFRESH_TOKEN}))
        .replies(200, "The next tokens.").example("tokens", docs::tokens())
        .link_body("refresh", "refresh", "Rotate the refresh token.", docs::REFRESH_TOKEN_OF_BODY)
        .link_body("logout", "logout", "End the session.", docs::REFRESH_TOKEN_OF_BODY)
        .link_body("introspect", "introspect", "Check whether the access token is valid.", docs::ACCESS_TOKEN_OF_BODY)
        .link_body("repeat", "refresh", "Repeat the request within 30 seconds, with the same result.", docs::SAME_REFRESH_TOKEN);

    /// Sign out
    ///
    /// Ends the session of a refresh token, the current one or an earlier one. Whether there was a session is not said.
    Logout: POST "/auth-ms/auth/logout" (), NO_QUERY, Public, RefreshTokenRequest => (),
    |it| it.tag("auth").fails(&[UsersUnavailable])
        .body("token", json!({"refresh_token": docs::REFRESH_TOKEN}))
        .replies(204, "The session has ended.")
        .link_body("refresh", "refresh", "The token is not valid any more.", docs::SAME_REFRESH_TOKEN);

    /// List sessions
    ///
    /// The caller's sessions that are alive, newest first; for administrators anybody's, with `user_id`.
    ListSessions: GET "/auth-ms/auth/sessions" (), Some(&[USER_ID]), AccessToken, () => List<Session>,
    |it| it.tag("sessions").fails(&[UsersUnavailable]).fails_with(Forbidden, docs::ADMINISTRATORS)
        .replies(200, "The sessions.").example("sessions", json!({"items": [docs::session()], "next_cursor": null}))
        .link("end_first", "end_session", "End the newest.", &[("id", "$response.body#/items/0/id")]);

    /// End all sessions
    ///
    /// The caller's, including the one of this request unless `others` is `true`; for administrators anybody's, with `user_id`. It
    /// needs a sign-in of the last ten minutes; `POST /auth-ms/auth/logout` ends the caller's own session without one.
    EndSessions: DELETE "/auth-ms/auth/sessions" (), Some(&[USER_ID, OTHERS]), AccessToken, () => (),
    |it| it.tag("sessions").header(IF_MATCH).fails(&[PreconditionFailed, ReauthenticationRequired, UsersUnavailable]).fails_with(Forbidden, docs::ADMINISTRATORS)
        .replies(204, "The sessions have ended.");

    /// End one session
    ///
    /// One of the caller's own; for administrators anybody's, with `user_id`. Another than that of the request needs a sign-in of
    /// the last ten minutes.
    EndSession: DELETE "/auth-ms/auth/sessions/{id}" Uuid, Some(&[USER_ID]), AccessToken, () => (),
    |it| it.tag("sessions").fails(&[ReauthenticationRequired, SessionNotFound, UsersUnavailable]).fails_with(Forbidden, docs::ADMINISTRATORS)
        .replies(204, "The session has ended.");

    /// Introspect a token
    ///
    /// Token introspection (RFC 7662): whether this is a valid access token whose session is alive. Everything else is inactive.
    Introspect: POST "/auth-ms/auth/introspect" (), NO_QUERY, ByOperator, IntrospectRequest => IntrospectResponse,
    |it| it.tag("internal").fails(&[UsersUnavailable]).fails_with(InvalidQuery, "Unknown parameter. Known here: token, token_type_hint.")
        .body("token", json!({"token": docs::ACCESS_TOKEN, "token_type_hint": "access_token"}))
        .replies(200, "The state of the token.")
        .example("active", docs::active()).example("inactive", json!({"active": false}));

    /// Show metrics
    ///
    /// Numbers about the service, for Prometheus and others that read OpenMetrics; `docs/metrics.md` says which. What became of sign-ins
    /// users tells. Without the variable `metrics_credential` nobody is shown any.
    ShowMetrics: GET "/auth-ms/internal/metrics" (), NO_QUERY, ByScraper, () => String,
    |it| it.metrics(docs::METRICS);

    /// Get the public keys
    ///
    /// The keys, by `kid`, with which anybody can verify an access token. A key is published before it signs and stays until its last
    /// token has expired.
    ShowKeys: GET "/auth-ms/.well-known/jwks.json" (), NO_QUERY, Public, () => KeySet,
    |it| it.tag("keys").replies(200, "The keys.").sends(header::PUBLIC_CACHE_CONTROL).example("keys", docs::keys());

    /// Get the metadata
    ///
    /// Discovery (OpenID Connect Discovery 1.0, RFC 8414): what a library has to be told to accept the access tokens is `token_issuer`,
    /// from which it gets here.
    ShowMetadata: GET "/auth-ms/.well-known/openid-configuration" (), NO_QUERY, Public, () => Metadata,
    |it| it.tag("keys").replies(200, "The metadata.").sends(header::PUBLIC_CACHE_CONTROL).example("metadata", docs::metadata());

    /// Liveness
    ///
    /// The process answers. Nothing else is checked, since a restart would not repair anything else.
    CheckHealth: GET "/auth-ms/healthcheck" (), ANY_QUERY, Public, () => Health,
    |it| it.tag("probes").replies(200, "The process answers.").example("ok", json!({"status": "ok"}));

    /// Readiness
    ///
    /// Whether requests should be sent here: every setting is valid, and the users service answers within one second. The log names an
    /// invalid setting.
    CheckReadiness: GET "/auth-ms/readiness" (), ANY_QUERY, Public, () => Readiness,
    |it| it.tag("probes").replies(200, "The service is ready.").example("ok", docs::readiness("ok", 2))
        .replies(503, "A setting is invalid, or the users service does not answer within one second. Send no requests here for now.")
        .example("unavailable", docs::readiness("unavailable", 1001));
} }
