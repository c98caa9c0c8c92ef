//! POST /users-ms/users: sign-up.

use super::tickets::{NewMail, publish_after};
use super::{Call, Guard, trace};
use crate::breached;
use crate::hashing::{HASH, PermitGuard};
use crate::outbox;
use crate::settings::{self, EmailVerification, SignUpMode};
use crate::store::idempotency::{self, StoredResponse};
use crate::store::{Store, User, user_response, users, verification};
use api::users::SignUpAccepted;
use api::users::operation::CreateUser;
use identity::{Password, PasswordHash, Peppers, UserId};
use problem::{Kind, Problem};
use service_kit::{HandlerResult, Request, Response, StatusCode, YieldingPacer, client_address, config, json, log};
use users_domain::{
    Actor, Attempt, AuditEntry, IdempotencyKey, Purpose, RequestDigests, SignUp, Trace, VERIFICATION_SECONDS,
    key_reused,
};

/// What came of a sign-up.
enum SignedUp {
    /// There is a new user.
    Made(Box<users::Inserted>),
    /// The same request came before, and this user was shown.
    Replayed(Box<User>),
    /// Another user has the email.
    EmailTaken,
}

/// Creates a user and, after the answer, publishes `new_user_event`; under an `idempotency-key` once, however often it is asked for.
pub(super) async fn create_user(call: &Call<'_, CreateUser>) -> HandlerResult {
    let request = call.request;
    let actor = admitted(request)?;
    let key = IdempotencyKey::parse(request.header("idempotency-key"))?;
    let sign_up = SignUp::validate(&call.body()?, settings::min_length()?)?;
    let sign_up = sign_up.or_preferred(request.header("accept-language"));
    let peppers = config::peppers()?;
    let digests = key.map(|key| key.digests(&peppers, &sign_up.email, request.body()));
    if settings::email_verification()? != EmailVerification::Off {
        return accept(request, &peppers, &sign_up, digests.as_ref(), actor).await;
    }
    // No connection is kept while somebody waits for a place to hash in.
    let repeated = digests.as_ref().map(|digests| find_replay(&Store::open()?, Some(digests))).transpose()?.flatten();
    let outcome = match repeated {
        Some(user) => SignedUp::Replayed(user),
        None => sign_up_once(request, &peppers, &sign_up, digests.as_ref(), actor).await?,
    };
    let report = |result: &str, user: &User| {
        log::audit("sign-up", result, &request.id, &[("user_id", &user.id.to_string())]);
    };
    match outcome {
        SignedUp::Made(inserted) => {
            let users::Inserted { user, event } = *inserted;
            report("success", &user);
            // Kept in the same statement as the user; what cannot be published then is published by a later sweep.
            if let Some(event) = event {
                request.after(async move { outbox::publish_now(&event) });
            }
            Ok(created(&user))
        }
        SignedUp::Replayed(user) => {
            report("repeated", &user);
            let mut response = created(&user);
            service_kit::set_header(&mut response, "idempotent-replayed", "true");
            Ok(response)
        }
        SignedUp::EmailTaken => {
            log::audit("sign-up", "email-taken", &request.id, &[]);
            Err(email_taken())
        }
    }
}

/// Who makes the user: whoever signs up, or an administrator where others may not.
fn admitted(request: &Request) -> Result<Actor, Problem> {
    let refusal = match settings::sign_up()? {
        SignUpMode::Open => return Ok(Actor::Owner),
        SignUpMode::Invite => Kind::SignUpByInvitation,
        SignUpMode::Closed => Kind::SignUpClosed,
    };
    // A refusal costs its caller nothing and is no line of the log, which a flood of them would fill.
    Guard::administrator(request)?.map(Actor::Administrator).ok_or_else(|| Problem::of(refusal))
}

/// Accepts a sign-up whose address is to be confirmed. Answer, work and time are the same whether or not the address is taken, and
/// whether or not the same request came before: what is the case, a mail says.
async fn accept(
    request: &Request,
    peppers: &Peppers,
    sign_up: &SignUp,
    digests: Option<&RequestDigests>,
    actor: Actor,
) -> HandlerResult {
    let client = peppers.digest("sign-up by client", client_address(request)?);
    let attempt = Attempt::to_sign_up(&client, &enumeration_key(request, peppers)?, settings::sign_ups_per_hour()?);
    let new = NewMail::of(Purpose::Verification, &sign_up.email, peppers)?;
    let trace = trace::of_client(request, actor)?;
    // Nothing is found out here.
    let permit = PermitGuard::acquire(attempt.without_enumeration_limit()).await?;
    let signed_up = hash(&sign_up.password)
        .await
        .and_then(|hash| verification::sign_up(permit.store(), sign_up, &hash, digests, &new.issue(), &trace));
    permit.release(signed_up.is_ok().then_some(false), None);
    let signed_up = signed_up?;
    match signed_up.user_id {
        Some(id) => log::audit("sign-up", "success", &request.id, &[("user_id", &id.to_string())]),
        None => log::audit("sign-up", "email-taken", &request.id, &[]),
    }
    publish_after(request, signed_up.events);
    let accepted = SignUpAccepted { email: sign_up.email.address().to_owned(), expires_in: VERIFICATION_SECONDS };
    Ok(json(StatusCode::ACCEPTED, &accepted))
}

/// Hashes the password and makes the user, unless somebody else was quicker: with the email, or with the same key.
async fn sign_up_once(
    request: &Request,
    peppers: &Peppers,
    sign_up: &SignUp,
    digests: Option<&RequestDigests>,
    actor: Actor,
) -> Result<SignedUp, Problem> {
    let client = peppers.digest("sign-up by client", client_address(request)?);
    let attempt = Attempt::to_sign_up(&client, &enumeration_key(request, peppers)?, settings::sign_ups_per_hour()?);
    let trace = trace::of_client(request, actor)?;
    let permit = PermitGuard::acquire(attempt).await?;
    let inserted =
        hash(&sign_up.password).await.and_then(|hash| users::insert(permit.store(), sign_up, &hash, digests, &trace));
    let outcome = inserted.and_then(|inserted| match inserted {
        Some(inserted) => Ok(SignedUp::Made(Box::new(inserted))),
        None => Ok(find_replay(permit.store(), digests)?.map_or(SignedUp::EmailTaken, SignedUp::Replayed)),
    });
    // Each sign-up counts, and one that finds its email taken, and so has found out that somebody has it, counts more.
    match &outcome {
        Ok(SignedUp::Made(_)) => permit.without_enumeration_limit().release(Some(false), None),
        Ok(SignedUp::EmailTaken) => permit.release_audited(Some(false), None, Some(taken("sign-up", None, trace))),
        Ok(SignedUp::Replayed(_)) | Err(_) => permit.release(None, None),
    };
    outcome
}

/// The counter of a client that finds out who has an account, by sign-ups and by changes of its email.
pub(super) fn enumeration_key(request: &Request, peppers: &Peppers) -> Result<String, Problem> {
    Ok(peppers.digest("email taken by client", client_address(request)?))
}

/// The user that was shown when the same request came before.
fn find_replay(store: &Store, digests: Option<&RequestDigests>) -> Result<Option<Box<User>>, Problem> {
    let Some(digests) = digests else { return Ok(None) };
    match idempotency::find_replay(store, digests)? {
        Some(StoredResponse { is_same: true, user }) => Ok(Some(Box::new(user))),
        Some(StoredResponse { is_same: false, .. }) => Err(key_reused()),
        None => Ok(None),
    }
}

pub(super) fn created(user: &User) -> Response {
    let mut response = user_response(StatusCode::CREATED, user);
    service_kit::set_header(&mut response, "location", &format!("/users-ms/users/{}", user.id));
    response
}

/// Hashes a password as soon as it is received and there is a place to do it in.
pub(super) async fn hash_with_permit(request: &Request, password: &Password) -> Result<PasswordHash, Problem> {
    let client = config::peppers()?.digest("attempt by client", client_address(request)?);
    let permit = PermitGuard::acquire(Attempt::to_hash(&client)).await?;
    let hashed = hash(password).await;
    permit.release(None, None);
    hashed
}

/// Hashes a new password, unless it is a breached one.
async fn hash(password: &Password) -> Result<PasswordHash, Problem> {
    breached::refuse(password).await?;
    let peppers = config::peppers()?;
    let cost = config::cost()?;
    let mut pacer = YieldingPacer::default();
    HASH.record(|| password.hash_paced(&peppers, cost, service_kit::random::bytes(), &mut pacer))
        .map_err(|error| Problem::internal(error.to_string()))
}

/// The row of the audit log for an address that somebody else has.
pub(super) fn taken(action: &'static str, user_id: Option<UserId>, trace: Trace) -> AuditEntry {
    AuditEntry { action, result: Kind::EmailTaken.slug().to_owned(), user_id, proves: user_id.is_none(), trace }
}

pub(super) fn email_taken() -> Problem {
    Problem::field(Kind::EmailTaken, "email", Kind::EmailTaken.detail())
}
