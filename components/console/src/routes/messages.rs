//! Deliveries, queues by state, and dead letters.

use super::overview::read;
use crate::context::Context;
use api::Page;
use api::notification::{DeadLetter, Delivery, QueueStatistics, Statistics};
use browser::{Faults, Refusal};
use browser_kit::client::To;
use browser_kit::respond::{Outcome, Stop, html, see_other};
use console_domain::pages::{self, DeadOfQueue, Found, Letter, LetterAction, MessageFilter, MessageState, Messages};
use console_domain::{ROOT, is_letter_id, query, queue_of_path, queue_path};
use problem::{Kind, Problem};
use serde::de::DeserializeOwned;
use service_kit::{Method, StatusCode};

/// How many deliveries or dead letters a page has.
const LIMIT: &str = "25";
/// What stands for all dead letters of a queue in an address.
const ALL: &str = "all";

/// GET /console/messages
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    let asked = context.request.query(&["to", "queue", "state", "cursor"])?;
    let get = |name: &str| asked.get(name).map(|value| value.trim()).unwrap_or_default();
    let Some(state) = MessageState::find(get("state")) else {
        return Err(no_such_page().into());
    };
    let (filter, cursor) = (MessageFilter { to: get("to"), queue: get("queue"), state }, get("cursor"));
    let statistics = read::<Statistics>(context, To::Notification, "/internal/statistics").await?;
    let queues = statistics.as_ref().map(|statistics| statistics.queues.as_slice()).map_err(String::as_str);
    // Without statistics it is not known which queues have any.
    let unknown = queues.err().filter(|_| state == MessageState::Dead && filter.queue.is_empty());
    let found = match state {
        MessageState::Delivered => deliveries(context, filter, cursor).await?.map(Answer::Deliveries),
        MessageState::Dead => {
            dead_letters(context, filter, cursor, queues.unwrap_or_default()).await?.map(Answer::Dead)
        }
    };
    let (mut status, mut faults) = (StatusCode::OK, Faults::default());
    let mut reason = "There is no delivery log: it is in Redis, and none is configured here.".to_owned();
    let answer = match found {
        Ok(answer) => Some(answer),
        // Without Redis there is no log.
        Err(refusal) if refusal.slug == "no-such-route" => None,
        Err(refusal) => {
            (status, faults) = context.faults(&refusal, &["to"]);
            reason = console_domain::refusal_text(&refusal);
            None
        }
    };
    let messages = Messages {
        filter,
        found: match (unknown, &answer) {
            (Some(reason), _) => Err(reason),
            (None, answer) => answer.as_ref().map(Answer::shown).ok_or(reason.as_str()),
        },
        next: answer.as_ref().and_then(|answer| answer.next(filter)),
        is_later: !cursor.is_empty(),
        queues,
    };
    Ok(html(status, pages::messages(&context.frame()?, &messages, &faults)))
}

/// What notification has answered.
enum Answer {
    Deliveries(Page<Delivery>),
    /// A page for each queue.
    Dead(Vec<(String, Page<DeadLetter>)>),
}

impl Answer {
    fn shown(&self) -> Found<'_> {
        match self {
            Self::Deliveries(page) => Found::Deliveries(&page.items),
            Self::Dead(queues) => Found::Dead(queues.iter().map(|(queue, page)| dead_of(queue, page)).collect()),
        }
    }

    /// Where the next page begins: of several queues each has its own.
    fn next(&self, filter: MessageFilter<'_>) -> Option<&str> {
        match self {
            Self::Deliveries(page) => page.next_cursor.as_deref(),
            Self::Dead(queues) if !filter.queue.is_empty() => queues.first()?.1.next_cursor.as_deref(),
            Self::Dead(_) => None,
        }
    }
}

/// A page of the delivery log.
async fn deliveries(
    context: &mut Context<'_>,
    filter: MessageFilter<'_>,
    cursor: &str,
) -> Result<Result<Page<Delivery>, Refusal>, Stop> {
    let parameters = [("to", filter.to), ("queue", filter.queue), ("cursor", cursor), ("limit", LIMIT)];
    ask_page(context, &format!("/notifications{}", query(&parameters))).await
}

/// Dead letters of one queue, or of each that has some.
async fn dead_letters(
    context: &mut Context<'_>,
    filter: MessageFilter<'_>,
    cursor: &str,
    queues: &[QueueStatistics],
) -> Result<Result<Vec<(String, Page<DeadLetter>)>, Refusal>, Stop> {
    let asked: Vec<_> = match filter.queue {
        "" => queues.iter().filter(|queue| queue.dead > 0).map(|queue| queue.queue.clone()).collect(),
        // It becomes a part of a path.
        queue => Some(queue.to_owned()).filter(|queue| is_queue(queue)).into_iter().collect(),
    };
    let mut pages = Vec::new();
    for queue in asked {
        let parameters = query(&[("to", filter.to), ("cursor", cursor), ("limit", LIMIT)]);
        match ask_page(context, &format!("/internal/queues/{queue}/dead{parameters}")).await? {
            Ok(page) => pages.push((queue, page)),
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    Ok(Ok(pages))
}

/// Whether a text may be the name of a queue.
fn is_queue(name: &str) -> bool {
    queue_of_path(&queue_path(name)).is_some_and(|queue| queue == name)
}

async fn ask_page<T: DeserializeOwned>(
    context: &mut Context<'_>,
    path: &str,
) -> Result<Result<Page<T>, Refusal>, Stop> {
    let answer = context.ask(To::Notification, path).await?;
    Ok(answer.and_then(|page| serde_json::from_value(page).map_err(|_| Refusal::default())))
}

fn dead_of<'a>(queue: &'a str, page: &'a Page<DeadLetter>) -> DeadOfQueue<'a> {
    DeadOfQueue { queue, letters: page.items.iter().map(letter).collect(), has_more: page.next_cursor.is_some() }
}

fn letter(letter: &DeadLetter) -> Letter<'_> {
    Letter {
        id: &letter.id,
        event_id: letter.event_id.as_deref().unwrap_or_default(),
        event_type: letter.event_type.as_deref().unwrap_or_default(),
        reason: &letter.reason,
        attempts: letter.attempts,
        dead_since: letter.dead_since.as_deref().unwrap_or_default(),
    }
}

fn no_such_page() -> Problem {
    Problem::of(Kind::NoSuchRoute)
}

/// GET /console/messages/dead/{queue}
pub(super) async fn dead(context: &mut Context<'_>, part: &str) -> Outcome {
    let queue = queue_of_path(part).ok_or_else(no_such_page)?;
    let asked = context.request.query(&["cursor", "done"])?;
    let cursor = asked.get("cursor").map(String::as_str).unwrap_or_default();
    let path = format!("/internal/queues/{queue}/dead{}", query(&[("limit", LIMIT), ("cursor", cursor)]));
    let page: Page<DeadLetter> = ask_page(context, &path).await?.map_err(|refusal| context.refused(&refusal))?;
    let letters: Vec<_> = page.items.iter().map(letter).collect();
    let next = page.next_cursor.as_deref();
    Ok(html(StatusCode::OK, pages::dead_letters(&context.frame()?, &queue, &letters, next, !cursor.is_empty())))
}

/// A letter of a queue, or all of them, and what is to be done.
struct Asked<'a> {
    queue: String,
    letter: Option<&'a str>,
    action: LetterAction,
}

impl<'a> Asked<'a> {
    fn of(part: &str, letter: &'a str, action: &str) -> Result<Self, Problem> {
        let letter = if letter == ALL {
            None
        } else {
            Some(Some(letter).filter(|id| is_letter_id(id)).ok_or_else(no_such_page)?)
        };
        let action = LetterAction::find(action).ok_or_else(no_such_page)?;
        Ok(Self { queue: queue_of_path(part).ok_or_else(no_such_page)?, letter, action })
    }
}

/// GET /console/messages/dead/{queue}/{letter}/{action}
pub(super) fn confirm(context: &Context<'_>, part: &str, letter: &str, action: &str) -> Outcome {
    let Asked { queue, letter, action } = Asked::of(part, letter, action)?;
    Ok(html(StatusCode::OK, pages::confirm_letters(&context.frame()?, action, &queue, letter, &Faults::default())))
}

/// POST /console/messages/dead/{queue}/{letter}/{action}
pub(super) async fn submit(context: &mut Context<'_>, part: &str, letter: &str, action: &str) -> Outcome {
    let Asked { queue, letter, action } = Asked::of(part, letter, action)?;
    context.form(&[])?;
    let one = letter.map(|id| format!("/{id}")).unwrap_or_default();
    let (method, end, done) = match action {
        LetterAction::Redrive => (Method::POST, "/redrive", "redriven"),
        LetterAction::Drop => (Method::DELETE, "", "dropped"),
    };
    let path = format!("/internal/queues/{queue}/dead{one}{end}");
    match context.call(To::Notification, method, &path, &[], None).await? {
        Ok(_) => Ok(see_other(&format!("{ROOT}/messages/dead/{}?done={done}", queue_path(&queue)))),
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &[]);
            Ok(html(status, pages::confirm_letters(&context.frame()?, action, &queue, letter, &faults)))
        }
    }
}
