//! The overview, and the part of it that a script fetches again and again.

use crate::assets;
use crate::context::Context;
use crate::settings;
use browser_kit::client::{self, To};
use browser_kit::respond::{Outcome, Stop, html};
use console_domain::Traffic;
use console_domain::pages::{self, Overview, Requests};
use console_domain::refusal_text;
use serde::de::DeserializeOwned;
use service_kit::client::call;
use service_kit::{Method, StatusCode, log};
use std::time::{Duration, SystemTime};

/// How long the metrics of the runtime may take.
const LIMIT: Duration = Duration::from_secs(1);

/// GET /console
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    let numbers = Numbers::read(context, None).await?;
    let frame = context.frame()?;
    Ok(html(StatusCode::OK, numbers.overview(&assets::live(), |overview| pages::overview(&frame, overview))))
}

/// GET /console/live, with what the page has shown before.
pub(super) async fn live(context: &mut Context<'_>) -> Outcome {
    let query = context.request.query(&["before"])?;
    let before = query.get("before").and_then(|before| Traffic::of_query(before));
    let numbers = Numbers::read(context, before).await?;
    Ok(html(StatusCode::OK, numbers.overview("", |overview| pages::live(overview).into_string())))
}

/// What the services count.
struct Numbers {
    users: Result<api::users::Statistics, String>,
    queues: Result<api::notification::Statistics, String>,
    has_auth: bool,
    requests: Requests,
}

impl Numbers {
    /// Asks each service; one that does not answer leaves the reason.
    async fn read(context: &mut Context<'_>, before: Option<Traffic>) -> Result<Self, Stop> {
        Ok(Self {
            users: read(context, To::Users, "/statistics").await?,
            queues: read(context, To::Notification, "/internal/statistics").await?,
            has_auth: client::is_alive(To::Auth).await,
            requests: requests(before).await,
        })
    }

    fn overview(self, script: &str, show: impl FnOnce(&Overview<'_>) -> String) -> String {
        show(&Overview {
            users: self.users.as_ref().map_err(String::as_str),
            queues: self.queues.as_ref().map_err(String::as_str),
            has_auth: self.has_auth,
            requests: self.requests,
            script,
        })
    }
}

/// What the runtime counts, if somebody has said where.
async fn requests(before: Option<Traffic>) -> Requests {
    let Ok(Some(url)) = settings::metrics_url() else { return Requests::NotCounted };
    let answer = call(&Method::GET, &format!("{url}/metrics"), &[], Vec::new(), LIMIT).await;
    let answer = answer.inspect_err(|error| log::warn("the metrics do not answer", &[("cause", &error.to_string())]));
    let text = answer.ok().filter(|answer| answer.status == 200).and_then(|answer| String::from_utf8(answer.body).ok());
    let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let at = u64::try_from(at).unwrap_or_default();
    match text.and_then(|text| Traffic::of_metrics(&text, at)) {
        Some(now) => Requests::Counted { now, before },
        None => Requests::Away,
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
