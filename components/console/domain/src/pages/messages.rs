//! Messages: what was delivered to whom, and what could not be.

use super::table::{in_utc, table, time};
use crate::plot::number;
use crate::{ROOT, query, queue_path};
use api::notification::{Delivery, QueueStatistics};
use browser::field::{danger, form, summary};
use browser::{Faults, Frame};
use maud::{Markup, html};

/// What was asked for on the page of deliveries.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessageFilter<'a> {
    /// The address.
    pub to: &'a str,
    /// The queue.
    pub queue: &'a str,
}

/// The page of deliveries, and of the queues by state.
#[derive(Debug)]
pub struct Messages<'a> {
    /// What was asked for.
    pub filter: MessageFilter<'a>,
    /// The deliveries, newest first; the reason if there are none to be had.
    pub deliveries: Result<&'a [Delivery], &'a str>,
    /// Where the next page begins.
    pub next: Option<&'a str>,
    /// Whether this is not the first page.
    pub is_later: bool,
    /// The queues; the reason if there are none to be had.
    pub queues: Result<&'a [QueueStatistics], &'a str>,
}

/// The deliveries, and the queues.
#[must_use]
pub fn messages(frame: &Frame<'_>, messages: &Messages<'_>, faults: &Faults) -> String {
    let MessageFilter { to, queue } = messages.filter;
    let names = messages.queues.unwrap_or_default().iter().map(|queue| queue.queue.as_str());
    let content = html! {
        (summary(frame, faults))
        form.filter role="search" method="get" action={ (ROOT) "/messages" } {
            div.field {
                label for="to" { "To" }
                @if let Some(fault) = faults.of("to") { p.fault id="to-fault" { (fault) } }
                input id="to" name="to" type="text" inputmode="email" autocomplete="off" spellcheck="false" value=(to)
                    aria-invalid=[faults.of("to").map(|_| "true")] aria-describedby=[faults.of("to").map(|_| "to-fault")];
            }
            div.field {
                label for="queue" { "Queue" }
                select id="queue" name="queue" {
                    option value="" { "All" }
                    @for name in names { option value=(name) selected[name == queue] { (name) } }
                }
            }
            button type="submit" { "Find deliveries" }
        }
        h2 { "Delivered" }
        @match messages.deliveries {
            Err(reason) => p { (reason) },
            Ok([]) => p {
                "Nothing was delivered" @if !to.is_empty() { " to " (to) } @if !queue.is_empty() { " from this queue" }
                ", as far as the log goes back. What still waits, is retried or is dead is below, by queues."
            },
            Ok(deliveries) => (delivered(deliveries)),
        }
        p.pages {
            @if messages.is_later { a href={ (ROOT) "/messages" (query(&[("to", to), ("queue", queue)])) } { "Newest" } }
            @if let Some(next) = messages.next {
                a.button href={ (ROOT) "/messages" (query(&[("to", to), ("queue", queue), ("cursor", next)])) } { "Older" }
            }
        }
        h2 { "By queue and state" }
        @match messages.queues {
            Ok(queues) => (states(queues)),
            Err(reason) => p { (reason) },
        }
    };
    frame.page("/messages", "Messages", false, &content)
}

fn delivered(deliveries: &[Delivery]) -> Markup {
    let rows = html! {
        @for delivery in deliveries {
            tr {
                td { (time(&delivery.delivered_at)) }
                td { (delivery.to) }
                td { (delivery.subject) }
                td { (delivery.kind) }
                td { (delivery.queue) }
                td { (delivery.consumer) }
                td.number { (number(delivery.attempts)) }
            }
        }
    };
    html! {
        (table("Deliveries", &["Delivered", "To", "Subject", "By", "Queue", "Consumer", "Attempts"], &rows))
        (in_utc())
    }
}

fn states(queues: &[QueueStatistics]) -> Markup {
    let rows = html! {
        @for queue in queues {
            tr {
                th scope="row" { (queue.queue) }
                td.number { (number(queue.waiting)) }
                td.number { (number(queue.in_flight)) }
                td.number { @match queue.retrying { Some(count) => (number(count)), None => span.unknown { "–" } } }
                td.number { a href={ (ROOT) "/messages/dead/" (queue_path(&queue.queue)) } { (number(queue.dead)) span.unseen { " dead letters" } } }
            }
        }
    };
    table("Queues", &["Queue", "Waiting", "In hand", "Retrying", "Dead"], &rows)
}

/// A dead letter.
#[derive(Debug)]
pub struct Letter<'a> {
    /// What it is redriven or dropped by.
    pub id: &'a str,
    /// The event, if it is one.
    pub event_id: &'a str,
    /// Its type.
    pub event_type: &'a str,
    /// Why it could not be handled.
    pub reason: &'a str,
    /// How often it was tried.
    pub attempts: u64,
    /// Since when it is dead.
    pub dead_since: &'a str,
}

/// The dead letters of a queue, oldest first.
#[must_use]
pub fn dead_letters(
    frame: &Frame<'_>,
    queue: &str,
    letters: &[Letter<'_>],
    next: Option<&str>,
    is_later: bool,
) -> String {
    let path = format!("{ROOT}/messages/dead/{}", queue_path(queue));
    let rows = html! {
        @for letter in letters {
            tr {
                td { (time(letter.dead_since)) }
                td { (letter.reason) }
                td { (letter.event_type) br; code { (letter.event_id) } }
                td.number { (number(letter.attempts)) }
                td {
                    a href={ (path) "/" (letter.id) "/redrive" } { "Redrive" span.unseen { " " (letter.id) } } " "
                    a href={ (path) "/" (letter.id) "/drop" } { "Drop" span.unseen { " " (letter.id) } }
                }
            }
        }
    };
    let content = html! {
        p { a href={ (ROOT) "/messages" } { "To all messages" } }
        p {
            "Messages of " strong { (queue) } " that could not be handled. Redrive them once the reason is gone: each is tried at once, \
             as if it were new. What is dropped is gone for good."
        }
        @if letters.is_empty() { p { "There are none." } }
        @else {
            (table("Dead letters", &["Since", "Reason", "Event", "Attempts", "Do"], &rows))
            (in_utc())
            p.pages {
                a.button.secondary href={ (path) "/all/redrive" } { "Redrive all" }
                a.button.secondary href={ (path) "/all/drop" } { "Drop all" }
            }
        }
        p.pages {
            @if is_later { a href=(path) { "Oldest" } }
            @if let Some(next) = next { a.button href={ (path) (query(&[("cursor", next)])) } { "Newer" } }
        }
    };
    frame.page("/messages", "Dead letters", false, &content)
}

/// What is done with a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterAction {
    /// It is put back into its queue.
    Redrive,
    /// It is deleted.
    Drop,
}

impl LetterAction {
    /// The one of this name, as in an address.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        [Self::Redrive, Self::Drop].into_iter().find(|action| action.name() == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Drop => "drop",
        }
    }
}

/// The page that asks whether it is meant, for one letter or for all of a queue.
#[must_use]
pub fn confirm_letters(
    frame: &Frame<'_>,
    action: LetterAction,
    queue: &str,
    letter: Option<&str>,
    faults: &Faults,
) -> String {
    let which = letter.unwrap_or("all");
    let path = format!("/messages/dead/{}/{which}/{}", queue_path(queue), action.name());
    let what = match letter {
        Some(id) => html! { "The dead letter " code { (id) } " of " strong { (queue) } },
        None => html! { "Up to 1\u{202f}000 dead letters of " strong { (queue) } ", the oldest first," },
    };
    let content = html! {
        (summary(frame, faults))
        @match action {
            LetterAction::Redrive => {
                p { (what) " goes back into the queue and is tried at once. People may get what is late by now." }
                (form(frame, &path, &html! {}, "Redrive"))
            }
            LetterAction::Drop => {
                p { (what) " is deleted for good: nobody gets the message any more." }
                (danger(frame, &path, &html! {}, "Drop"))
            }
        }
        p { a href={ (ROOT) "/messages/dead/" (queue_path(queue)) } { "Back, and do nothing" } }
    };
    let title = match (action, letter) {
        (LetterAction::Redrive, Some(_)) => "Redrive a dead letter",
        (LetterAction::Redrive, None) => "Redrive all dead letters",
        (LetterAction::Drop, Some(_)) => "Drop a dead letter",
        (LetterAction::Drop, None) => "Drop all dead letters",
    };
    frame.page("/messages", title, false, &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_found_by_its_name() {
        assert_eq!(LetterAction::find("drop"), Some(LetterAction::Drop));
        assert_eq!(LetterAction::find("redrive"), Some(LetterAction::Redrive));
        assert_eq!(LetterAction::find("delete"), None);
    }
}
