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
    /// What became of them.
    pub state: MessageState,
}

/// What became of messages that can be found by person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MessageState {
    /// They were sent.
    #[default]
    Delivered,
    /// They could not be handled.
    Dead,
}

impl MessageState {
    const ALL: [Self; 2] = [Self::Delivered, Self::Dead];

    /// The one of this name, as in an address; without one that of most messages.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        if name.is_empty() { Some(Self::default()) } else { Self::ALL.into_iter().find(|state| state.name() == name) }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Delivered => "Delivered",
            Self::Dead => "Dead",
        }
    }
}

impl<'a> MessageFilter<'a> {
    /// The address of a page of what is asked for.
    fn address(&self, cursor: &str) -> String {
        let state = if self.state == MessageState::default() { "" } else { self.state.name() };
        let parameters = [("to", self.to), ("queue", self.queue), ("state", state), ("cursor", cursor)];
        format!("{ROOT}/messages{}", query(&parameters))
    }

    fn of_queue(self, queue: &'a str) -> Self {
        Self { queue, ..self }
    }
}

/// What was found.
#[derive(Debug)]
pub enum Found<'a> {
    /// Deliveries, newest first.
    Deliveries(&'a [Delivery]),
    /// Dead letters by queue, oldest first.
    Dead(Vec<DeadOfQueue<'a>>),
}

/// Dead letters of a queue.
#[derive(Debug)]
pub struct DeadOfQueue<'a> {
    /// Its name.
    pub queue: &'a str,
    /// The oldest that were asked for.
    pub letters: Vec<Letter<'a>>,
    /// Whether there are more, or more to be looked at.
    pub has_more: bool,
}

/// The page of deliveries, and of the queues by state.
#[derive(Debug)]
pub struct Messages<'a> {
    /// What was asked for.
    pub filter: MessageFilter<'a>,
    /// What was found; the reason if there is nothing to be had.
    pub found: Result<Found<'a>, &'a str>,
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
    let filter @ MessageFilter { to, queue, state } = messages.filter;
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
            div.field {
                label for="state" { "State" }
                @if let Some(fault) = faults.of("state") { p.fault id="state-fault" { (fault) } }
                select id="state" name="state" {
                    @for each in MessageState::ALL { option value=(each.name()) selected[each == state] { (each.title()) } }
                }
            }
            button type="submit" { "Find messages" }
        }
        h2 { (state.title()) }
        @match &messages.found {
            Err(reason) => p { (reason) },
            Ok(Found::Dead(queues)) => (dead(filter, queues)),
            Ok(Found::Deliveries([])) => p {
                "Nothing was delivered" @if !to.is_empty() { " to " (to) } @if !queue.is_empty() { " from this queue" }
                ", as far as the log goes back. What still waits, is retried or is dead is below, by queues."
            },
            Ok(Found::Deliveries(deliveries)) => (delivered(deliveries)),
        }
        p.pages {
            @if messages.is_later { a href=(filter.address("")) { "First page" } }
            @if let Some(next) = messages.next {
                a.button href=(filter.address(next)) { @if state == MessageState::Dead { "Newer" } @else { "Older" } }
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

/// Dead letters of several queues.
fn dead(filter: MessageFilter<'_>, queues: &[DeadOfQueue<'_>]) -> Markup {
    let is_empty = queues.iter().all(|queue| queue.letters.is_empty());
    html! {
        @if is_empty { p {
            "No dead letters" @if !filter.to.is_empty() { " of " (filter.to) } @if !filter.queue.is_empty() { " in this queue" } "."
        } }
        @for queue in queues {
            @if !queue.letters.is_empty() {
                (letters_table(&format!("Dead letters of {}", queue.queue), queue.queue, &queue.letters))
            }
            @if queue.has_more && filter.queue.is_empty() {
                p { a href=(filter.of_queue(queue.queue).address("")) { "More in " (queue.queue) } }
            }
        }
        @if !is_empty { (in_utc()) }
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
    let content = html! {
        p { a href={ (ROOT) "/messages" } { "To all messages" } }
        p {
            "Messages of " strong { (queue) } " that could not be handled. Redrive them once the reason is gone: each is tried at once, \
             as if it were new. What is dropped is gone for good."
        }
        @if letters.is_empty() { p { "There are none." } }
        @else {
            (letters_table("Dead letters", queue, letters))
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

fn letters_table(caption: &str, queue: &str, letters: &[Letter<'_>]) -> Markup {
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
    table(caption, &["Since", "Reason", "Event", "Attempts", "Do"], &rows)
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
    fn a_state_is_found_by_its_name() {
        assert_eq!(MessageState::find(""), Some(MessageState::Delivered));
        assert_eq!(MessageState::find("dead"), Some(MessageState::Dead));
        assert_eq!(MessageState::find("waiting"), None);
        let filter = MessageFilter { to: "a@b", queue: "q", state: MessageState::Dead };
        assert_eq!(filter.address("7-0"), "/console/messages?to=a%40b&queue=q&state=dead&cursor=7-0");
        assert_eq!(MessageFilter::default().address(""), "/console/messages");
    }

    #[test]
    fn an_action_is_found_by_its_name() {
        assert_eq!(LetterAction::find("drop"), Some(LetterAction::Drop));
        assert_eq!(LetterAction::find("redrive"), Some(LetterAction::Redrive));
        assert_eq!(LetterAction::find("delete"), None);
    }
}
