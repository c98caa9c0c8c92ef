//! POST /auth-ms/auth/login: from a name and a password to tokens.

use super::Call;
use super::token_keys::record;
use crate::keys::{Signer, refresh_keys};
use crate::new_session::NewSession;
use crate::origin::Origin;
use crate::users::{Begun, Permitted, Users};
use api::auth::operation::Login;
use api::auth::{ACCESS_TOKEN_SECONDS, LoginResponse};
use api::users::{EndSignInResponse, StartedSession};
use auth_domain::{
    Authenticated, Challenge, IDLE_SECONDS, LoginAttempt, RefreshSecret, attempt_outcome, invalid_credentials,
};
use identity::{AttemptKeys, Cost, DeviceToken, Pacer, Password, PasswordHash, Peppers};
use problem::{Kind, Problem};
use serde_json::Value;
use service_kit::trace::{Span, SpanKind};
use service_kit::{
    HandlerResult, Request, YieldingPacer, client_address, config, log, now, random, refuse_idempotency_key,
};

/// Somebody who was let in.
struct SignedIn {
    session: StartedSession,
    refresh: RefreshSecret,
    event: Option<Value>,
}

/// Somebody who was not let in.
struct Refused {
    problem: Problem,
    /// Whether it is to be in the audit log: of refusals that cost nobody anything a line now and then is enough.
    report: bool,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem, report: true }
    }
}

/// Somebody whose session has begun.
pub(super) struct Admitted {
    /// The session.
    pub(super) session: StartedSession,
    /// The secret of its first refresh token.
    refresh: RefreshSecret,
    keys: AttemptKeys,
    /// The device, if the account was signed in to on it before.
    known: Option<DeviceToken>,
}

/// Lets somebody in.
pub(super) async fn login(call: &Call<'_, Login>) -> HandlerResult {
    let request = call.request;
    refuse_idempotency_key(request)?;
    let attempt = LoginAttempt::from(call.body()?);
    let peppers = config::peppers()?;
    let signer = Signer::from_config()?;
    let refresh_keys = refresh_keys()?;
    let Admitted { session, refresh, keys, known } = admit(request, &attempt, &peppers, IDLE_SECONDS).await?;
    let access = signer.sign(&session, ACCESS_TOKEN_SECONDS)?;
    let refresh = refresh_keys.token(session.session_id, 0, refresh);
    let device = known.map_or_else(|| DeviceToken::new(random::bytes(), now()), |device| device.renewed(now()));
    Ok(call.ok(&LoginResponse::new(access, refresh, device.sign(&peppers, &keys))))
}

/// Lets somebody in, for so many seconds without a refresh, and then publishes `user_login_event`: a broker that hangs or is away keeps
/// nobody waiting.
pub(super) async fn admit(
    request: &Request,
    attempt: &LoginAttempt,
    peppers: &Peppers,
    idle_seconds: i32,
) -> Result<Admitted, Problem> {
    let cost = config::cost()?;
    let users = Users::from_config(request)?;
    let keys = AttemptKeys::new(peppers, attempt.username(), &client_address(request)?);
    let known = attempt.device_token().and_then(|text| DeviceToken::verify(text, peppers, &keys, now()));
    let keys = match &known {
        Some(device) => keys.by_device(peppers, device),
        None => keys,
    };
    let origin = Origin { is_device_known: known.is_some(), ..Origin::of(request)? };
    let signed_in = sign_in(&users, attempt, &keys, peppers, cost, &origin, idle_seconds).await.map_err(
        |Refused { problem, report }| {
            if report {
                log::audit("login", problem.kind().slug(), &request.id, &[("account", &keys.account)]);
            }
            problem
        },
    )?;
    record(request, users, &signed_in.session, &keys, signed_in.event);
    Ok(Admitted { session: signed_in.session, refresh: signed_in.refresh, keys, known })
}

/// Checks the password, if this account and this client may try now and there is a hashing permit, and begins a session.
/// Role and address are those of that moment: a change while the password was being checked is seen, and one of the
/// password or the role ends the attempt.
/// The spans of what takes longest.
const VERIFY: Span<'_> = Span { service: "auth", name: "verify password", kind: SpanKind::Internal, attributes: &[] };
const HASH: Span<'_> = Span { name: "hash password", ..VERIFY };

async fn sign_in(
    users: &Users,
    attempt: &LoginAttempt,
    keys: &AttemptKeys,
    peppers: &Peppers,
    cost: Cost,
    origin: &Origin,
    idle_seconds: i32,
) -> Result<SignedIn, Refused> {
    let permitted = match users.begin_sign_in(keys, attempt.email.as_ref()).await? {
        Begun::Permitted(permitted) => permitted,
        Begun::Refused { problem, report } => return Err(Refused { problem, report }),
    };
    let Permitted { permit, credentials, decoy, verification_required, second_factor } = permitted;
    let user_id = credentials.as_ref().map(|credentials| credentials.id);
    let mut pacer = YieldingPacer::default();
    let authenticated = VERIFY.record(|| attempt.authenticate(credentials, decoy.as_ref(), peppers, cost, &mut pacer));
    let authenticated = match authenticated {
        Ok(authenticated) => authenticated,
        Err(problem) => {
            users.end_failed(permit, keys, user_id, attempt_outcome(&problem), problem.kind()).await;
            return Err(problem.into());
        }
    };
    if verification_required {
        // Only whoever has the password learns it, and the attempt is neither a failure nor a success.
        users.end_failed(permit, keys, user_id, None, Kind::EmailNotVerified).await;
        return Err(Problem::of(Kind::EmailNotVerified).into());
    }
    let renewed = renewed_hash(attempt, &authenticated, peppers, cost, &mut pacer);
    if let Some(task) = second_factor {
        // Neither a failure nor a success: the right password alone forgives no wrong code.
        let challenge = Challenge::new(random::bytes(), origin.user_agent.as_deref(), peppers);
        let renewal = authenticated.outdated.as_ref().zip(renewed.as_ref());
        let begun =
            users.begin_second_factor(permit, keys, &authenticated.credentials, &challenge, task, renewal).await?;
        return Err(begun.map_or_else(invalid_credentials, |expires_in| challenge.required(task, expires_in)).into());
    }
    let refresh = RefreshSecret::new(random::bytes());
    let session = NewSession {
        id: random::uuid(),
        credentials: &authenticated.credentials,
        refresh,
        idle_seconds,
        user_agent: origin.user_agent.as_deref(),
        network: origin.network.as_deref(),
        is_device_known: origin.is_device_known,
        renewal: authenticated.outdated.as_ref().zip(renewed.as_ref()),
    };
    let EndSignInResponse { session, event } = users.end_succeeded(permit, keys, &session).await?;
    let session = session.ok_or_else(invalid_credentials)?;
    Ok(SignedIn { session, refresh, event })
}

/// A hash made when hashing was cheaper, or with another pepper, is renewed now, under the same permit: the password is known
/// only at this moment.
/// If that fails, the next login tries again.
fn renewed_hash(
    attempt: &LoginAttempt,
    authenticated: &Authenticated,
    peppers: &Peppers,
    cost: Cost,
    pacer: &mut impl Pacer,
) -> Option<PasswordHash> {
    authenticated.outdated.as_ref()?;
    HASH.record(|| Password::verified(attempt.password()).hash_paced(peppers, cost, random::bytes(), pacer).ok())
}
