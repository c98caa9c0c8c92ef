//! The handlers of the operations, one file for each subject.

mod dead_letters;
mod health;
mod list_notifications;
mod metrics;
mod queues;
mod statistics;

use api::{ByOperatorOrAccessToken, Operation};
use identity::Role;
use problem::{Kind, Problem};
use service_kit::{Authenticate, HandlerResult, OperatorOr, Request, TokenVerifier, dispatch, log, now};
use tokens::AccessClaims;

/// This service, by whose rules callers are admitted.
pub(crate) struct Notification;

impl Authenticate for Notification {
    type Caller = AccessClaims;

    fn authenticate(request: &Request) -> Result<AccessClaims, Problem> {
        TokenVerifier::from_config()?.require(request)
    }
}

/// A request to one of the operations.
type Call<'r, O> = service_kit::Call<'r, Notification, O>;

/// How long ago an administrator may have signed in who resends or deletes something, in seconds.
const RECENT_SECONDS: i64 = 10 * 60;

/// Admits only operators and administrators.
fn authorize<O: Operation<Access = ByOperatorOrAccessToken>>(call: &Call<'_, O>) -> Result<(), Problem> {
    match &call.caller {
        OperatorOr::Caller(caller) if caller.role != Role::Admin => {
            log::audit("access", "refused", &call.request.id, &[("user_id", &caller.user_id.to_string())]);
            Err(Problem::forbidden("Only an administrator may do this."))
        }
        _ => Ok(()),
    }
}

/// Admits only operators, and administrators whose token says that they have signed in a moment ago.
fn authorize_change<O: Operation<Access = ByOperatorOrAccessToken>>(call: &Call<'_, O>) -> Result<(), Problem> {
    authorize(call)?;
    let OperatorOr::Caller(caller) = &call.caller else { return Ok(()) };
    let since = caller.authentication.as_ref().map(|authentication| now() - authentication.auth_time);
    if since.is_some_and(|seconds| seconds < RECENT_SECONDS) {
        return Ok(());
    }
    log::audit("access", "reauthentication-required", &call.request.id, &[("user_id", &caller.user_id.to_string())]);
    Err(Problem::of(Kind::ReauthenticationRequired))
}

/// Dispatches a request to its handler.
pub(crate) async fn route(request: Request) -> HandlerResult {
    dispatch!(Notification, api::notification, request, {
        ListNotifications(call) => list_notifications::list_notifications(&call),
        CheckHealth(call) => Ok(call.ok(&service_kit::health::alive())),
        CheckReadiness(_call) => Ok(health::readiness()),
        ListQueues(call) => queues::list_queues(&call),
        ShowStatistics(call) => statistics::show_statistics(&call).await,
        ShowMetrics(call) => metrics::show_metrics(&call).await,
        ListDeadLetters(call) => dead_letters::list(&call).await,
        DropDeadLetters(call) => dead_letters::drop_all(&call).await,
        RedriveDeadLetters(call) => dead_letters::redrive_all(&call).await,
        DropDeadLetter(call) => dead_letters::drop_one(&call).await,
        RedriveDeadLetter(call) => dead_letters::redrive_one(&call).await,
        WakeConsumers(call) => queues::wake_consumers(&call),
    })
}
