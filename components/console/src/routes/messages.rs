//! Deliveries, queues by state, and dead letters.

use super::overview::read;
use super::{items, text};
use crate::context::Context;
use api::Page;
use api::notification::{Delivery, Statistics};
use browser::{Faults, Refusal};
use browser_kit::client::To;
use browser_kit::respond::{Outcome, html, see_other};
use console_domain::pages::{self, Letter, LetterAction, MessageFilter, Messages};
use console_domain::{ROOT, is_letter_id, query, queue_of_path, queue_path};
use problem::{Kind, Problem};
use service_kit::{Method, StatusCode};

/// How many deliveries or dead letters a page has.
const LIMIT: &str = "25";
/// What stands for all dead letters of a queue in an address.
const ALL: &str = "all";

/// GET /console/messages
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    let asked = context.request.query(&["to", "queue", "cursor"])?;
    let get = |name: &str| asked.get(name).map(|value| value.trim()).unwrap_or_default();
    let (filter, cursor) = (MessageFilter { to: get("to"), queue: get("queue") }, get("cursor"));
    let parameters = [("to", filter.to), ("queue", filter.queue), ("cursor", cursor), ("limit", LIMIT)];
    let path = format!("/notifications{}", query(&parameters));
    let answer = context.ask(To::Notification, &path).await?;
    let statistics = read::<Statistics>(context, To::Notification, "/internal/statistics").await?;
    let queues = statistics.as_ref().map(|statistics| statistics.queues.as_slice()).map_err(String::as_str);
    let (mut status, mut faults) = (StatusCode::OK, Faults::default());
    let mut reason = "There is no delivery log: it is in Redis, and none is configured here.".to_owned();
    let found = answer.and_then(|page| serde_json::from_value::<Page<Delivery>>(page).map_err(|_| Refusal::default()));
    let page = match &found {
        Ok(page) => Some(page),
        // Without Redis there is none.
        Err(refusal) if refusal.slug == "no-such-route" => None,
        Err(refusal) => {
            (status, faults) = context.faults(refusal, &["to"]);
            reason = console_domain::refusal_text(refusal);
            None
        }
    };
    let messages = Messages {
        filter,
        deliveries: page.map(|page| page.items.as_slice()).ok_or(reason.as_str()),
        next: page.and_then(|page| page.next_cursor.as_deref()),
        is_later: !cursor.is_empty(),
        queues,
    };
    Ok(html(status, pages::messages(&context.frame()?, &messages, &faults)))
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
    let page = context.get(To::Notification, &path).await?;
    let letters: Vec<_> = items(&page)
        .map(|letter| Letter {
            id: text(letter, "id"),
            event_id: text(letter, "event_id"),
            event_type: text(letter, "event_type"),
            reason: text(letter, "reason"),
            attempts: letter["attempts"].as_u64().unwrap_or_default(),
            dead_since: text(letter, "dead_since"),
        })
        .collect();
    let next = page["next_cursor"].as_str();
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
