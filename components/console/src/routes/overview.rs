//! The overview, and the part of it that a script fetches again and again.

use crate::assets;
use crate::context::Context;
use browser_kit::client::{self, To};
use browser_kit::respond::{Outcome, Stop, html};
use console_domain::pages::{self, Overview};
use console_domain::refusal_text;
use serde::de::DeserializeOwned;
use service_kit::StatusCode;

/// GET /console
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    let numbers = Numbers::read(context).await?;
    Ok(html(StatusCode::OK, pages::overview(&context.frame()?, &numbers.overview(&assets::live()))))
}

/// GET /console/live
pub(super) async fn live(context: &mut Context<'_>) -> Outcome {
    let numbers = Numbers::read(context).await?;
    Ok(html(StatusCode::OK, pages::live(&numbers.overview("")).into_string()))
}

/// What the services count.
struct Numbers {
    users: Result<api::users::Statistics, String>,
    queues: Result<api::notification::Statistics, String>,
    has_auth: bool,
}

impl Numbers {
    /// Asks each service; one that does not answer leaves the reason.
    async fn read(context: &mut Context<'_>) -> Result<Self, Stop> {
        Ok(Self {
            users: read(context, To::Users, "/statistics").await?,
            queues: read(context, To::Notification, "/internal/statistics").await?,
            has_auth: client::is_alive(To::Auth).await,
        })
    }

    fn overview<'a>(&'a self, script: &'a str) -> Overview<'a> {
        Overview {
            users: self.users.as_ref().map_err(String::as_str),
            queues: self.queues.as_ref().map_err(String::as_str),
            has_auth: self.has_auth,
            script,
        }
    }
}

/// What an operation answers, or why there is nothing to show.
pub(super) async fn read<T: DeserializeOwned>(
    context: &mut Context<'_>,
    to: To,
    path: &str,
) -> Result<Result<T, String>, Stop> {
    let answer = context.ask_soon(to, path).await?;
    Ok(answer.map_err(|refusal| refusal_text(&refusal)).and_then(|value| {
        serde_json::from_value(value)
            .map_err(|_| "It answers in another version. Deploy both in the same one.".to_owned())
    }))
}
