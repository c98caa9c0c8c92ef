//! The routes, one file for each thing that they are about.

mod dead_letters;
mod health;
mod list_notifications;
mod queues;

use service_kit::{Method, Outcome, Request, method_not_allowed, no_such_route};

/// Finds the handler of a request.
pub(crate) async fn route(request: Request) -> Outcome {
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    match request.path().as_slice() {
        ["notification-ms", "notifications"] if is_read => list_notifications::list_notifications(&request),
        ["notification-ms", "healthcheck"] if is_read => Ok(service_kit::health::alive()),
        ["notification-ms", "readiness"] if is_read => Ok(health::readiness()),
        ["notification-ms", "internal", "queues"] if is_read => queues::show_queues(&request),
        ["notification-ms", "notifications" | "healthcheck" | "readiness"]
        | ["notification-ms", "internal", "queues"] => Err(method_not_allowed(&[Method::GET])),
        ["notification-ms", "internal", "queues", queue, "dead"] => match request.method {
            Method::GET | Method::HEAD => dead_letters::list(&request, queue).await,
            Method::DELETE => dead_letters::drop(&request, queue, None).await,
            _ => Err(method_not_allowed(&[Method::GET, Method::DELETE])),
        },
        ["notification-ms", "internal", "queues", queue, "dead", "redrive"] => match request.method {
            Method::POST => dead_letters::redrive(&request, queue, None).await,
            _ => Err(method_not_allowed(&[Method::POST])),
        },
        ["notification-ms", "internal", "queues", queue, "dead", id] => match request.method {
            Method::DELETE => dead_letters::drop(&request, queue, Some(id)).await,
            _ => Err(method_not_allowed(&[Method::DELETE])),
        },
        ["notification-ms", "internal", "queues", queue, "dead", id, "redrive"] => match request.method {
            Method::POST => dead_letters::redrive(&request, queue, Some(id)).await,
            _ => Err(method_not_allowed(&[Method::POST])),
        },
        ["notification-ms", "internal", "ring"] => match request.method {
            Method::POST => queues::ring(&request),
            _ => Err(method_not_allowed(&[Method::POST])),
        },
        _ => Err(no_such_route()),
    }
}
