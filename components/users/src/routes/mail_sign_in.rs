//! /users-ms/internal/mail-sign-in: a sign-in by mail, for auth.

use super::sign_in::shown_if_asked_for;
use super::tickets::{even_out, publish_after};
use super::{Call, token_metadata, trace};
use crate::hashing::{self, release_failed, with_enabled_limits};
use crate::settings;
use crate::store::challenges::{self, Proved};
use crate::store::mail_sign_ins::{self, Found, Known};
use crate::store::{Store, hash_permits};
use api::users::operation::{BeginMailSignIn as BeginOperation, EndMailSignIn as EndOperation};
use api::users::{
    BeginMailSignInResponse, EndMailSignInResponse, HashPermit, MailSignIn, MailSignInOutcome, SecondFactorTask,
};
use identity::{AttemptKeys, DeviceToken, Password, PasswordHash, Peppers};
use problem::{Kind, Problem};
use service_kit::{HandlerResult, YieldingPacer, config, log, now, random};
use std::time::Instant;
use users_domain::{
    Acquired, Actor, Attempt, AuditEntry, BeginMailSignIn, CHALLENGE_SECONDS, EndMailSignIn, MAIL_SIGN_IN_METHOD,
    MAIL_SIGN_IN_SECONDS, NewMailSignIn, ReleasePermit, Trace, mail_sign_in_link,
};

/// POST `/begin`: sends a mail, if the address has an account. It takes the same time if not.
pub(super) async fn begin_mail_sign_in(call: &Call<'_, BeginOperation>) -> HandlerResult {
    let start = Instant::now();
    let begin = BeginMailSignIn::try_from(call.body()?)?;
    require_enabled()?;
    let peppers = config::peppers()?;
    let new = NewMailSignIn::new(&begin.email, &peppers, [random::bytes(), random::bytes()], random::bytes());
    let link = mail_sign_in_link(settings::sign_in_page()?.as_deref(), &settings::public_url()?, &new.token);
    let limit = |label, text: &str| peppers.digest(label, text);
    let client = Attempt::to_request_mail(&limit("mails requested by client", &begin.client_address));
    let mails = Attempt::to_mail(&limit("sign-in mail to address", begin.email.key()));
    let (client, mails) = (with_enabled_limits(client), with_enabled_limits(mails));
    let requested = mail_sign_ins::request(&Store::open()?, &begin.email, &client, &mails, &new, &link)?;
    publish_after(call.request, requested.events);
    let accepted = || MailSignIn { request: new.request.clone(), expires_in: MAIL_SIGN_IN_SECONDS };
    let accepted = requested.retry_after.is_none().then(accepted);
    even_out(start).await;
    Ok(call.ok(&BeginMailSignInResponse { accepted, retry_after: requested.retry_after }))
}

/// POST `/end`: spends the link or the code, and begins the session.
pub(super) async fn end_mail_sign_in(call: &Call<'_, EndOperation>) -> HandlerResult {
    let start = Instant::now();
    let peppers = config::peppers()?;
    let end = EndMailSignIn::parse(call.body()?, &peppers)?;
    require_enabled()?;
    let client = Attempt::to_show_ticket(&peppers.digest("tickets by client", &end.client_address));
    let Found { retry_after, known } = mail_sign_ins::find(&Store::open()?, &end.shown, &with_enabled_limits(client))?;
    let answer = match known {
        Some(known) => answer(call, &peppers, &end, known).await?,
        None if retry_after.is_some() => {
            EndMailSignInResponse { retry_after, ..refused(MailSignInOutcome::TooManyAttempts) }
        }
        None => refused(MailSignInOutcome::InvalidTicket),
    };
    if let Some(session) = &answer.session {
        let (user_id, session_id) = (session.user_id.to_string(), session.session_id.to_string());
        log::audit("session-begun", "success", &call.request.id, &[("user_id", &user_id), ("session_id", &session_id)]);
    }
    if answer.outcome == MailSignInOutcome::InvalidTicket {
        even_out(start).await;
    }
    Ok(call.ok(&answer))
}

/// Admits the attempt as one at a password is, and spends the ticket.
async fn answer(
    call: &Call<'_, EndOperation>,
    peppers: &Peppers,
    end: &EndMailSignIn,
    mut known: Known,
) -> Result<EndMailSignInResponse, Problem> {
    let keys = AttemptKeys::new(peppers, &known.email_key, &end.client_address);
    let device = end.device_token.as_deref().and_then(|text| DeviceToken::verify(text, peppers, &keys, now()));
    let keys = match &device {
        Some(device) => keys.by_device(peppers, device),
        None => keys,
    };
    let attempt = with_enabled_limits(Attempt::to_sign_in(&keys));
    let ask = |store: &Store, request: &str| Ok((hash_permits::acquire(store, request)?, ()));
    let (permit, store) = match hashing::acquire(&attempt, ask).await? {
        (Acquired { permit: Some(permit), .. }, (), Some(store)) => (permit, store),
        (Acquired { locked: true, report, .. }, ..) => {
            return Ok(EndMailSignInResponse { report, ..refused(MailSignInOutcome::Locked) });
        }
        (Acquired { retry_after: Some(seconds), report, .. }, ..) => {
            let refused = refused(MailSignInOutcome::TooManyAttempts);
            return Ok(EndMailSignInResponse { retry_after: Some(seconds), report, ..refused });
        }
        (Acquired { report, .. }, ..) => {
            return Ok(EndMailSignInResponse { report, ..refused(MailSignInOutcome::TooBusy) });
        }
    };
    let trace = trace::of_service(call.request, Actor::Owner);
    let user_id = known.user_id;
    let entry = |result: &str| AuditEntry {
        action: "login",
        result: result.to_owned(),
        user_id: Some(user_id),
        proves: true,
        trace: trace.clone(),
    };
    let fail = |outcome, result| {
        release_failed(&store, &permit, &attempt, None, entry(result));
        Ok(refused(outcome))
    };
    if known.suspended {
        return fail(MailSignInOutcome::Suspended, "account-suspended");
    }
    if known.password_reset_required {
        return fail(MailSignInOutcome::PasswordResetRequired, "password-reset-required");
    }
    if !known.email_verified && !claim(&store, end, &mut known, peppers, &trace).await? {
        return fail(MailSignInOutcome::InvalidTicket, "invalid-ticket");
    }
    let permitted = Permitted { permit: &permit, attempt: &attempt, keys, entry: entry("invalid-ticket") };
    match settings::mfa_required_for()?.task(known.role, known.has_second_factor, known.has_passkey) {
        Some(task) => begin_second_factor(&store, end, &known, task, permitted),
        None => begin_session(call, &store, end, &known, permitted),
    }
}

/// A permit that is held, and what is written when it is released.
struct Permitted<'a> {
    permit: &'a HashPermit,
    attempt: &'a Attempt,
    keys: AttemptKeys,
    entry: AuditEntry,
}

/// Makes the account that of whoever reads its mail, if nobody has confirmed its address. Whether the ticket is still good.
async fn claim(
    store: &Store,
    end: &EndMailSignIn,
    known: &mut Known,
    peppers: &Peppers,
    trace: &Trace,
) -> Result<bool, Problem> {
    let hash = unknown_password(peppers).await?;
    let Some(epoch) = mail_sign_ins::claim(store, &end.shown, known.user_id, &hash, trace)? else { return Ok(false) };
    known.credentials_epoch = epoch;
    (known.email_verified, known.has_second_factor, known.has_passkey) = (true, false, false);
    Ok(true)
}

/// The hash of a password that nobody knows, under the permit that is held.
async fn unknown_password(peppers: &Peppers) -> Result<PasswordHash, Problem> {
    let password = Password::verified(&hex::encode(random::bytes::<32>()));
    let mut pacer = YieldingPacer::default();
    let cost = config::cost()?;
    hashing::HASH
        .record(|| password.hash_paced(peppers, cost, random::bytes(), &mut pacer))
        .map_err(|error| Problem::internal(error.to_string()))
}

/// Neither a failure nor a success: the mail alone forgives no wrong code.
fn begin_second_factor(
    store: &Store,
    end: &EndMailSignIn,
    known: &Known,
    task: SecondFactorTask,
    Permitted { permit, attempt, keys, entry }: Permitted<'_>,
) -> Result<EndMailSignInResponse, Problem> {
    let entry = AuditEntry { result: "mfa-required".to_owned(), ..entry };
    let release = ReleasePermit::new(permit, attempt, None, None).audited(Some(entry));
    if !mail_sign_ins::challenge(store, &end.shown, known, task, &end.challenge, &keys, &release)? {
        return Ok(refused(MailSignInOutcome::InvalidTicket));
    }
    Ok(EndMailSignInResponse {
        task: Some(task),
        expires_in: Some(CHALLENGE_SECONDS),
        ..refused(MailSignInOutcome::MfaRequired)
    })
}

fn begin_session(
    call: &Call<'_, EndOperation>,
    store: &Store,
    end: &EndMailSignIn,
    known: &Known,
    Permitted { permit, attempt, keys, entry }: Permitted<'_>,
) -> Result<EndMailSignInResponse, Problem> {
    let release = ReleasePermit::new(permit, attempt, Some(true), Some(known.user_id)).audited(Some(entry));
    let proved = Proved {
        spend: "spend_sign_in_ticket",
        request: serde_json::from_str(&end.shown.to_json()).unwrap_or_default(),
        amr: MAIL_SIGN_IN_METHOD,
        change: None,
    };
    let terms = settings::notice_terms(Some(keys.device.is_some()))?;
    let mut ended =
        challenges::end(store, &end.session, known.user_id, known.credentials_epoch, &proved, terms, &release)?;
    publish_after(call.request, std::mem::take(&mut ended.events));
    let Some(mut session) = ended.session else { return Ok(refused(MailSignInOutcome::InvalidTicket)) };
    // By this sign-in, at the latest.
    session.email_verified = Some(true);
    shown_if_asked_for(settings::email_verification()?, &mut session.email_verified);
    session.metadata = token_metadata::of(call.request, session.user_id)?;
    Ok(EndMailSignInResponse {
        keys: Some(keys),
        session: Some(session),
        event: ended.event,
        ..refused(MailSignInOutcome::SignedIn)
    })
}

fn require_enabled() -> Result<(), Problem> {
    match settings::sign_in_by_mail()? {
        true => Ok(()),
        false => Err(Problem::new(Kind::NotConfigured, "Sign-in by mail is off. Set sign_in_by_mail.")),
    }
}

fn refused(outcome: MailSignInOutcome) -> EndMailSignInResponse {
    EndMailSignInResponse {
        outcome,
        retry_after: None,
        report: false,
        keys: None,
        session: None,
        event: None,
        task: None,
        expires_in: None,
    }
}
