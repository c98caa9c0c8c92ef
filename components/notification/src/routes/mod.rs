//! The handlers of the operations, one file for each subject.

mod dead_letters;
mod health;
mod list_notifications;
mod queues;

use problem::Problem;
use service_kit::{Authenticate, HandlerResult, Request, TokenVerifier, dispatch};
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

/// Dispatches a request to its handler.
pub(crate) async fn route(request: Request) -> HandlerResult {
    dispatch!(Notification, api::notification, request, {
        ListNotifications(call) => list_notifications::list_notifications(&call),
        CheckHealth(call) => Ok(call.ok(&service_kit::health::alive())),
        CheckReadiness(_call) => Ok(health::readiness()),
        ListQueues(call) => queues::list_queues(&call),
        ListDeadLetters(call) => dead_letters::list(&call).await,
        DropDeadLetters(call) => dead_letters::drop_all(&call).await,
        RedriveDeadLetters(call) => dead_letters::redrive_all(&call).await,
        DropDeadLetter(call) => dead_letters::drop_one(&call).await,
        RedriveDeadLetter(call) => dead_letters::redrive_one(&call).await,
        WakeConsumers(call) => queues::wake_consumers(&call),
    })
}
