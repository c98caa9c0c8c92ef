//! Experiments: asked for at the address that a variable has, and not there without it. A component starts no process: `cargo xtask up
//! --experiments` does, and says here what became of it.

use super::{items, text};
use crate::assets;
use crate::context::Context;
use crate::settings;
use browser::Faults;
use browser_kit::respond::{Outcome, html, see_other, set};
use console_domain::ROOT;
use console_domain::pages::{self, Experiment};
use problem::{Kind, Problem};
use serde_json::Value;
use service_kit::client::{Answer, call};
use service_kit::{Method, Response, StatusCode, log};
use std::time::Duration;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The largest plot, in bytes.
const MAX_PLOT: usize = 512 * 1024;
const AWAY: &str = "There is no answer.";

/// Asks what runs them.
async fn ask(method: &Method, path: &str) -> Result<Option<Answer>, Problem> {
    let (url, token) = settings::experiments()?.ok_or_else(|| Problem::of(Kind::NoSuchRoute))?;
    let authorization = format!("Bearer {token}");
    let answer = call(method, &format!("{url}{path}"), &[("authorization", &authorization)], Vec::new(), LIMIT).await;
    Ok(answer.inspect_err(|error| log::warn("experiments do not answer", &[("cause", &error.to_string())])).ok())
}

async fn list() -> Result<Option<Value>, Problem> {
    let answer = ask(&Method::GET, "/experiments").await?.filter(|answer| answer.status == 200);
    Ok(answer.and_then(|answer| serde_json::from_slice(&answer.body).ok()))
}

fn experiments(list: &Value) -> Vec<Experiment<'_>> {
    let one = |item| Experiment {
        name: text(item, "name"),
        about: text(item, "about"),
        state: text(item, "state"),
        seconds: item["seconds"].as_u64(),
        output: text(item, "output"),
        has_plot: item["has_plot"].as_bool().unwrap_or_default(),
    };
    items(list).map(one).collect()
}

/// GET /console/experiments
pub(super) async fn show(context: &Context<'_>) -> Outcome {
    page(context, StatusCode::OK, &Faults::default()).await
}

async fn page(context: &Context<'_>, status: StatusCode, faults: &Faults) -> Outcome {
    let list = list().await?;
    let found = list.as_ref().map(experiments);
    let found = found.as_deref().ok_or(AWAY);
    Ok(html(status, pages::experiments(&context.frame()?, found, &assets::live(), faults)))
}

/// GET /console/experiments/live
pub(super) async fn live() -> Outcome {
    let list = list().await?;
    let found = list.as_ref().map(experiments);
    Ok(html(StatusCode::OK, pages::live_experiments(found.as_deref().ok_or(AWAY)).into_string()))
}

/// POST /console/experiments
pub(super) async fn start(context: &Context<'_>) -> Outcome {
    if !settings::has_experiments() {
        return Err(Problem::of(Kind::NoSuchRoute).into());
    }
    let form = context.form(&["name"])?;
    let answer = match plain(form.get("name")) {
        Some(name) => ask(&Method::POST, &format!("/experiments/{name}")).await?.map(|answer| answer.status),
        None => Some(404),
    };
    let (status, text) = match answer {
        Some(202) => return Ok(see_other(&format!("{ROOT}/experiments"))),
        Some(409) => (StatusCode::CONFLICT, "Another experiment is running. One runs at a time."),
        Some(404) => (StatusCode::NOT_FOUND, "There is no such experiment."),
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The experiment cannot be started. The output of cargo xtask up says more.",
        ),
    };
    page(context, status, &Faults::general(text)).await
}

/// GET /console/experiments/{name}/plot: an image, and in case it is opened as a document, one that can do nothing.
pub(super) async fn plot(name: &str) -> Outcome {
    let not_there = || Problem::of(Kind::NoSuchRoute);
    let name = plain(name).ok_or_else(not_there)?;
    let answer = ask(&Method::GET, &format!("/experiments/{name}/plot")).await?;
    let svg = answer.filter(|answer| answer.status == 200 && answer.body.len() <= MAX_PLOT).ok_or_else(not_there)?;
    let mut response = Response::new(svg.body);
    set(&mut response, "content-type", "image/svg+xml");
    set(&mut response, "content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    Ok(response)
}

/// A name as it can be part of a path.
fn plain(name: &str) -> Option<&str> {
    let is_plain = (1..=40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    is_plain.then_some(name)
}
