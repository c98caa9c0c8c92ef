//! The API of users: sign-up, users, and the sessions that users stores for auth.

#[cfg(feature = "openapi")]
mod administration_docs;
#[macro_use]
mod administration_operations;
mod audit;
#[cfg(feature = "openapi")]
mod audit_docs;
mod bodies;
#[cfg(feature = "openapi")]
mod docs;
#[cfg(feature = "openapi")]
mod internal_docs;
#[cfg(feature = "openapi")]
mod invitation_docs;
mod invitations;
mod mail_sign_in;
#[cfg(feature = "openapi")]
pub(crate) use mail_sign_in::link_or_code;
#[cfg(feature = "openapi")]
pub(crate) mod mail_sign_in_docs;
#[macro_use]
mod mail_sign_in_operations;
mod metadata;
mod oauth;
#[cfg(feature = "openapi")]
mod oauth_docs;
#[macro_use]
mod oauth_operations;
mod parameters;
mod passkey;
#[cfg(feature = "openapi")]
pub(crate) mod passkey_docs;
#[macro_use]
mod passkey_operations;
mod people;
mod phone;
#[cfg(feature = "openapi")]
mod phone_docs;
#[macro_use]
mod phone_operations;
mod recovery;
mod second_factor;
#[cfg(feature = "openapi")]
pub(crate) mod second_factor_docs;
mod sessions;
mod sign_in;
#[macro_use]
mod statistics;
#[cfg(feature = "openapi")]
mod ticket_docs;
#[macro_use]
mod ticket_operations;
mod transfer;
#[cfg(feature = "openapi")]
mod transfer_docs;
mod types;
mod verification;

pub use types::*;

#[cfg(feature = "openapi")]
pub(crate) use docs::{all_descriptions, info};

use crate::health::{Health, readiness};
use crate::operation::operations;
use crate::{ANY_QUERY, AccessToken, ByAuth, ByScheduler, ByScraper, List, NO_QUERY, Page, Public};
use identity::UserId;
#[cfg(feature = "openapi")]
use parameters::{ACTING_USER, IF_MATCH};
use parameters::{
    ACTION, ADMINISTRATOR_ID, AFTER, AUDIT_CURSOR, CURSOR, EMAIL, EMAIL_VERIFIED, EXCEPT, HASHES, INDEX, LIMIT, NAME,
    RESULT, ROLE, SEARCH, SINCE, SORT, SURNAME, TICKET, TRAP, UNTIL, USER_ID,
};
#[cfg(feature = "openapi")]
use problem::Kind::{DatabaseUnavailable, PreconditionFailed};
#[cfg(feature = "openapi")]
use serde_json::json;
use uuid::Uuid;

readiness! {
    /// Whether every setting can be used.
    configuration,
    /// Whether PostgreSQL answers within 2 seconds.
    database,
}

with_administration_operations! { with_statistics_operations! { with_oauth_operations! { with_mail_sign_in_operations! { with_phone_operations! { with_passkey_operations! { with_ticket_operations! { operations! {
    /// List users
    ///
    /// Returns a page of users to an administrator. Filters combine, and ignore case, as orders do. Users who come and go between
    /// two pages neither repeat nor hide others; a sign-up in progress while a page is read may be on none. `link` has the path of the
    /// next page.
    ListUsers: GET "/users-ms/users" (), Some(&[EMAIL, EMAIL_VERIFIED, NAME, SURNAME, SEARCH, ROLE, SORT, LIMIT, CURSOR]), AccessToken, () => Page<User>,
    docs::list_users;

    /// Sign up
    ///
    /// Creates a user and publishes `new_user_event`. The password is hashed as soon as it is received and is never returned.
    ///
    /// The answer is 202, the same for a new and for a taken address, unless `email_verification` is `off`: a new address gets a mail
    /// with a link and a code that confirm it, the owner of a taken one is told of the attempt. With `off` no mail asks for
    /// anything, a new user is answered with 201, and a taken address with 409.
    ///
    /// With `sign_up=invite` or `closed` only administrators create users here: whoever sends no access token of one gets a 403 that
    /// says what to do.
    CreateUser: POST "/users-ms/users" (), NO_QUERY, Public, SignUpRequest => User,
    docs::create_user;

    /// Get a user
    GetUser: GET "/users-ms/users/{id}" UserId, NO_QUERY, AccessToken, () => User,
    docs::get_user;

    /// Replace a user
    ///
    /// Replaces everything but the id and, where they are not in the body, the role and the password. Sessions end, and a recent
    /// sign-in or the current password is required, as with a patch.
    ReplaceUser: PUT "/users-ms/users/{id}" UserId, NO_QUERY, AccessToken, Replacement => User,
    docs::replace_user;

    /// Change a user
    ///
    /// Applies a merge patch (RFC 7396). An empty patch makes no new version. `roles` replaces all roles, `role` gives or takes `admin`
    /// alone. New roles end the user's sessions; a new password
    /// ends them too, except the one in which the user changed it. A new email or password of one's own requires the current
    /// password. A new phone number or role, and any of these changes made for somebody else by an administrator, requires a sign-in
    /// within the last ten minutes; for one's own account the current password will do instead. The last administrator cannot give
    /// up the role.
    ///
    /// One's own new email takes effect once it is confirmed: the answer is 202, with the other changes made and the email as it was,
    /// and a mail with a link and a code goes to the new address. If that is taken, the answer is the same, and its owner is told.
    /// With `email_verification=off`, and for administrators who change others, it takes effect at once and counts as not confirmed, and
    /// a taken one is 409; the old address is told.
    PatchUser: PATCH "/users-ms/users/{id}" UserId, NO_QUERY, AccessToken, MergePatch => User,
    docs::patch_user;

    /// Delete a user
    ///
    /// Deletes the user and all their data, in every store. The address becomes available again; the id is never reused. Data in the
    /// broker is erased at once if the broker answers, else as soon as it does, and is searched for once more after a minute, for
    /// messages that were in flight. Messages that wait are not sent any more. This requires a sign-in within the last ten minutes.
    /// The last administrator cannot be deleted.
    DeleteUser: DELETE "/users-ms/users/{id}" UserId, NO_QUERY, AccessToken, () => (),
    docs::delete_user;

    /// Export user data
    ///
    /// Returns one document with all data about the user from every store, except what grants access (the password hash, digests of
    /// tokens) and counters under digests. The document is complete or there is none, so it needs the broker. This requires a sign-in
    /// within the last ten minutes, and is possible once in five minutes for each user.
    ExportUser: GET "/users-ms/users/{id}/export" UserId, NO_QUERY, AccessToken, () => Export,
    docs::export_user;

    /// Confirm the current password
    ///
    /// Makes the session of the access token count as a fresh sign-in for ten minutes, for operations that require one. The same rate
    /// limits apply as at a sign-in. The id is the caller's own, also for administrators.
    Reauthenticate: POST "/users-ms/users/{id}/reauthenticate" UserId, NO_QUERY, AccessToken, ReauthenticateRequest => (),
    docs::reauthenticate;

    /// List activity
    ///
    /// What happened to the user's access, newest first: sign-ins and failed ones, sessions that ended, changes of password, address,
    /// phone, name and role, and what administrators did. Entries are shown for 90 days, or as long as `audit_retention` says.
    ListActivity: GET "/users-ms/users/{id}/activity" UserId, Some(&[LIMIT, AUDIT_CURSOR]), AccessToken, () => Page<Activity>,
    audit_docs::list_activity;

    /// List the audit log
    ///
    /// What happened to everybody's access, newest first, to an administrator. Filters combine. What is refused before a password is
    /// verified is in the services' log alone.
    ListAudit: GET "/users-ms/audit" (), Some(&[USER_ID, ADMINISTRATOR_ID, ACTION, RESULT, SINCE, UNTIL, LIMIT, AUDIT_CURSOR]), AccessToken, () => Page<AuditRow>,
    audit_docs::list_audit;

    /// Import users
    ///
    /// Creates users from lines of JSON: up to 1,000, in 1 MiB. Each line is answered by itself, so those that are refused keep no
    /// others out. An address that is there already is left as it is, so the same lines can be sent again. Nothing is hashed: hashes
    /// of other systems are verified as they are when their owners sign in for the first time, and are renewed then. No mail is sent
    /// and no event is published. This is for administrators, and requires a sign-in within the last ten minutes.
    ImportUsers: POST "/users-ms/import" (), NO_QUERY, AccessToken, ImportLine => ImportResult,
    transfer_docs::import_users;

    /// Export users
    ///
    /// Streams all users in the order of their ids, a line of JSON for each, which an import takes. With `hashes=include` each has the
    /// hash of the password, too. A stream that ends before its time broke off: go on `after` the id of the last whole line. Second
    /// factors, sessions and the audit log are not in it. This is for administrators, requires a sign-in within the last ten minutes,
    /// and is in the audit log.
    ExportUsers: GET "/users-ms/export" (), Some(&[HASHES, AFTER]), AccessToken, () => ExportedUser,
    transfer_docs::export_users;

    /// Show a second factor
    ///
    /// Whether a sign-in of the user needs a code beside the password.
    GetSecondFactor: GET "/users-ms/users/{id}/second-factor" UserId, NO_QUERY, AccessToken, () => SecondFactor,
    second_factor_docs::get_second_factor;

    /// Begin to add an authenticator app
    ///
    /// Returns a new secret, once. Nothing changes before a code of it is confirmed, within a quarter of an hour; beginning again makes
    /// an earlier secret invalid. This requires a sign-in within the last ten minutes.
    EnrolTotp: POST "/users-ms/users/{id}/second-factor/totp" UserId, NO_QUERY, AccessToken, () => TotpEnrolment,
    second_factor_docs::enrol_totp;

    /// Confirm an authenticator app
    ///
    /// From now on a sign-in needs a code beside the password. All sessions end except that of this request, and the owner is told
    /// by mail. Returns ten recovery codes, once.
    ConfirmTotp: POST "/users-ms/users/{id}/second-factor/totp/confirm" UserId, NO_QUERY, AccessToken, ConfirmTotpRequest => RecoveryCodes,
    second_factor_docs::confirm_totp;

    /// Remove a second factor
    ///
    /// The app and the recovery codes; from now on the password alone signs in. All sessions end except that of this request, if it
    /// is the user's own, and the owner is told by mail. It succeeds also if there is none. This requires a sign-in within the last
    /// ten minutes. Administrators remove that of somebody who has lost app and codes.
    RemoveSecondFactor: DELETE "/users-ms/users/{id}/second-factor" UserId, NO_QUERY, AccessToken, () => (),
    second_factor_docs::remove_second_factor;

    /// Replace the recovery codes
    ///
    /// Returns ten new ones, once, and makes the earlier ones invalid. This requires a sign-in within the last ten minutes.
    ReplaceRecoveryCodes: POST "/users-ms/users/{id}/second-factor/recovery-codes" UserId, NO_QUERY, AccessToken, () => RecoveryCodes,
    second_factor_docs::replace_recovery_codes;

    /// Get metadata
    ///
    /// What applications keep about the user. The user sees the public metadata, administrators both.
    GetMetadata: GET "/users-ms/users/{id}/metadata" UserId, NO_QUERY, AccessToken, () => Metadata,
    docs::get_metadata;

    /// Change metadata
    ///
    /// Replaces the public or the private metadata, or both; each has 4 KiB. This is for administrators, and requires a sign-in within
    /// the last ten minutes.
    ChangeMetadata: PUT "/users-ms/users/{id}/metadata" UserId, NO_QUERY, AccessToken, MetadataChange => Metadata,
    docs::change_metadata;

    /// Liveness
    ///
    /// The process answers. Nothing else is checked, since a restart would not repair anything else.
    CheckHealth: GET "/users-ms/healthcheck" (), ANY_QUERY, Public, () => Health,
    |it| it.tag("probes").replies(200, "The process answers.").example("ok", json!({"status": "ok"}));

    /// Readiness
    ///
    /// Whether requests should be sent here: every setting is valid, and PostgreSQL answers within 2 seconds. The log names an invalid
    /// setting.
    CheckReadiness: GET "/users-ms/readiness" (), ANY_QUERY, Public, () => Readiness,
    docs::check_readiness;

    /// Make CPU load
    ///
    /// Computes a Fibonacci number the slow way, for experiments with autoscaling. It exists only while the variable `load_test` is `on`.
    LoadTest: GET "/users-ms/load-test" (), Some(&[INDEX, TRAP]), Public, () => Fibonacci,
    docs::load_test;

    /// Show the outbox
    ///
    /// How many events are to be published, and how long the oldest of them has waited. An event that the broker refuses while it is
    /// available is retried after growing pauses of up to an hour; it delays no other.
    ShowOutbox: GET "/users-ms/internal/outbox" (), NO_QUERY, ByScheduler, () => OutboxState,
    docs::show_outbox;

    /// Show metrics
    ///
    /// Numbers about the service, for Prometheus and others that read OpenMetrics; `docs/metrics.md` says which. They are out of the
    /// database, so each replica tells the same. Without the variable `metrics_credential` nobody is shown any.
    ShowMetrics: GET "/users-ms/internal/metrics" (), NO_QUERY, ByScraper, () => String,
    |it| it.fails(&[DatabaseUnavailable]).metrics(statistics::docs::METRICS);

    /// Run housekeeping
    ///
    /// Publishes events that nobody else is publishing, for up to 10 seconds, and searches the broker for data of up to 200 deleted
    /// users. If the broker does not answer after the first event the rest is left, which is no failure. Deletes expired rows.
    Sweep: POST "/users-ms/internal/outbox/sweep" (), NO_QUERY, ByScheduler, () => SweepResult,
    docs::sweep;

    /// Delete a published event
    ///
    /// Whoever ends a sign-in publishes its event and then deletes it here. Deleting an event that is not in the outbox succeeds.
    DeleteEvent: DELETE "/users-ms/internal/outbox/{event_id}" Uuid, NO_QUERY, ByAuth, () => (),
    |it| it.tag("internal").fails(&[DatabaseUnavailable]).replies(204, "It is not in the outbox.");

    /// Begin a sign-in
    ///
    /// Returns a hashing permit and the credentials of whoever has the address. A password hash leaves this service in this way and by an
    /// administrator's export.
    /// `.../sign-in/end` releases the permit; after 30 seconds it expires and the attempt counts as a failure. Without a permit,
    /// `retry_after` says how long this account or this client has to wait, or `locked` that only known devices can sign in to the
    /// account; if neither is set, this client got no permit within two seconds.
    BeginSignIn: POST "/users-ms/internal/sign-in/begin" (), NO_QUERY, ByAuth, BeginSignInRequest => BeginSignInResponse,
    internal_docs::begin_sign_in;

    /// End a sign-in
    ///
    /// Releases the permit and counts the attempt. After a success, and only if the user still has this address and this epoch of the
    /// credentials, it begins the session, stores a costlier hash if there is one, and puts the event into the outbox, where it is the
    /// caller's to publish for ten seconds. A null session after a success means that the credentials have changed meanwhile. A user
    /// has at most 50 sessions; the oldest are ended.
    EndSignIn: POST "/users-ms/internal/sign-in/end" (), NO_QUERY, ByAuth, EndSignInRequest => EndSignInResponse,
    internal_docs::end_sign_in;

    /// Begin a second factor
    ///
    /// Ends the first half of a sign-in, after the right password: releases the permit, and keeps the digest of a challenge with which
    /// the sign-in goes on within five minutes. The attempt is neither a failure nor a success. A user has at most five challenges.
    BeginSecondFactor: POST "/users-ms/internal/second-factor/begin" (), NO_QUERY, ByAuth, BeginSecondFactorRequest => BeginSecondFactorResponse,
    second_factor_docs::begin_second_factor;

    /// Add an authenticator app at a sign-in
    ///
    /// By a challenge for an account that must have a second factor and has none.
    EnrolAtSignIn: POST "/users-ms/internal/second-factor/enrol" (), NO_QUERY, ByAuth, EnrolAtSignInRequest => EnrolAtSignInResponse,
    second_factor_docs::enrol_at_sign_in;

    /// End a second factor
    ///
    /// Verifies a code and begins the session. A wrong code counts as a wrong password does, for the account and the client that the
    /// password came from; after five the challenge is invalid. A code of the app is good once, a recovery code too.
    EndSecondFactor: POST "/users-ms/internal/second-factor/end" (), NO_QUERY, ByAuth, EndSecondFactorRequest => EndSecondFactorResponse,
    second_factor_docs::end_second_factor;

    /// Rotate a refresh token
    ///
    /// Replaces the current token by the next. The token before it gets the same answer for `leeway_seconds`, if `next_digest` is the
    /// same again; after that it ends the session, as any older token does. A token of an earlier version names no session and is
    /// found by its digest.
    RotateToken: POST "/users-ms/internal/sessions/rotate" (), NO_QUERY, ByAuth, RotateTokenRequest => RotateTokenResponse,
    docs::rotate_token;

    /// End a session by its refresh token
    ///
    /// The token may be of any generation.
    EndSessionByToken: POST "/users-ms/internal/sessions/end" (), NO_QUERY, ByAuth, EndSessionRequest => EndSessionResponse,
    internal_docs::end_session_by_token;

    /// Check whether a session is alive
    CheckSession: GET "/users-ms/internal/sessions/{session_id}" Uuid, NO_QUERY, ByAuth, () => SessionStatus,
    internal_docs::check_session;

    /// List the sessions of a user
    ///
    /// Those that are alive, newest first; none if there is no such user.
    ListSessions: GET "/users-ms/internal/users/{id}/sessions" UserId, NO_QUERY, ByAuth, () => List<Session>,
    internal_docs::list_sessions;

    /// End all sessions of a user
    EndSessions: DELETE "/users-ms/internal/users/{id}/sessions" UserId, Some(&[EXCEPT]), ByAuth, () => SessionsEnded,
    |it| docs::of_client(it).heeds(ACTING_USER).header(IF_MATCH).tag("internal").fails(&[PreconditionFailed, DatabaseUnavailable])
        .replies(200, "How many have ended.").example("two", json!({"ended": 2}));

    /// End one session of a user
    EndSession: DELETE "/users-ms/internal/users/{id}/sessions/{session_id}" (UserId, Uuid), NO_QUERY, ByAuth, () => SessionsEnded,
    |it| docs::of_client(it).heeds(ACTING_USER).tag("internal").fails(&[DatabaseUnavailable])
        .replies(200, "How many have ended: one, or none if the user has no such session.").example("one", json!({"ended": 1}));
} } } } } } } }

/// Whether a path is also there without `-ms`, as a redirection.
#[must_use]
pub fn redirected(path: &str) -> bool {
    matches!(path, "/users-ms/users" | "/users-ms/users/{id}")
}
