//! The overview: what the system does now, in numbers and plots. The part that changes is fetched again and again by the script, and is
//! whole without it.

use super::requests::{Requests, requests};
use super::table::table;
use crate::plot::{Timeline, bar, columns, number, period, share};
use crate::{ROOT, queue_path};
use api::notification::{ConsumerStatistics, QueueStatistics, Statistics as OfQueues};
use api::users::{OutboxState, Statistics as OfUsers};
use browser::Frame;
use maud::{Markup, html};

/// From this age on an event in the outbox, or a message in a queue, deserves a look, in seconds: sweeps and schedules run each
/// minute at least.
const OLD_SECONDS: u64 = 120;
/// For how long a consumer may have been silent that counts as there, in seconds.
const SILENT_SECONDS: u64 = 120;

/// What the overview shows. A service that does not answer leaves the reason, and the others are shown all the same.
#[derive(Debug)]
pub struct Overview<'a> {
    /// What users counts.
    pub users: Result<&'a OfUsers, &'a str>,
    /// What notification counts.
    pub queues: Result<&'a OfQueues, &'a str>,
    /// Whether auth answers.
    pub has_auth: bool,
    /// What the runtime counts.
    pub requests: Requests,
    /// The address of the script.
    pub script: &'a str,
}

/// The page.
#[must_use]
pub fn overview(frame: &Frame<'_>, overview: &Overview<'_>) -> String {
    let content = html! {
        form.filter role="search" method="get" action={ (ROOT) "/messages" } {
            div.field {
                label for="to" { "Did a mail arrive?" }
                input id="to" name="to" type="email" autocomplete="off" placeholder="ada@example.org" required;
            }
            button.secondary type="submit" { "Find deliveries" }
        }
        div.live {
            p.hint id="live-status" role="status" { "As of when the page was loaded." }
            a.button.secondary href=(ROOT) { "Refresh" }
            button.secondary id="live-pause" type="button" hidden { "Pause" }
        }
        (live(overview))
        script src=(overview.script) defer {}
    };
    frame.page("", "Overview", false, &content)
}

/// The part that changes.
#[must_use]
pub fn live(overview: &Overview<'_>) -> Markup {
    html! {
        div data-live={ (ROOT) "/live" @if let Some(before) = overview.requests.remembered() { "?before=" (before) } } {
            (attention(overview))
            h2 { "Requests" }
            (requests(&overview.requests))
            h2 { "People" }
            @match overview.users {
                Ok(users) => (people(users)),
                Err(reason) => (away("users", reason)),
            }
            h2 { "Queues" }
            @match overview.queues {
                Ok(statistics) => (queues(statistics)),
                Err(reason) => (away("notification", reason)),
            }
        }
    }
}

fn away(service: &str, reason: &str) -> Markup {
    html! {
        div.odd-box role="group" aria-label={ (service) " is not available" } {
            p { strong { "No numbers from " (service) "." } " " (reason) }
            p.hint {
                "Look at /" (service) "-ms/readiness, which names what is missing, and at the service's log. "
                "This part comes back by itself."
            }
        }
    }
}

/// What somebody should look at, or that there is nothing.
fn attention(overview: &Overview<'_>) -> Markup {
    let mut points: Vec<Markup> = Vec::new();
    if !overview.has_auth {
        points.push(html! { "auth does not answer: nobody can sign in. Look at /auth-ms/readiness." });
    }
    if let Ok(users) = overview.users {
        let OutboxState { waiting, oldest_seconds, refused } = users.outbox;
        if oldest_seconds.is_some_and(|age| age >= OLD_SECONDS) {
            points.push(html! {
                (counted(waiting, "event waits", "events wait")) " in the outbox, the oldest for " (period(oldest_seconds.unwrap_or_default()))
                ". Is the broker there, and does the schedule run that sweeps it?"
            });
        }
        if refused > 0 {
            points.push(
                html! { "The broker refuses " (counted(refused, "event", "events")) ". The log of users says why." },
            );
        }
    }
    for queue in overview.queues.iter().flat_map(|statistics| &statistics.queues) {
        if queue.dead > 0 {
            points.push(html! {
                a href={ (ROOT) "/messages/dead/" (queue_path(&queue.queue)) } {
                    (counted(queue.dead, "dead letter", "dead letters")) " in " (queue.queue)
                }
            });
        }
        if let Some(seconds) = queue.paused_for {
            points.push(html! {
                (queue.queue) " is paused for " (period(seconds)) ": " (number(queue.failures_in_a_row.unwrap_or_default()))
                " sends in a row have failed. Does the provider answer?"
            });
        }
        if queue.waiting > 0 && queue.oldest_seconds.is_some_and(|age| age >= OLD_SECONDS) {
            points.push(html! {
                "A message has waited in " (queue.queue) " for " (period(queue.oldest_seconds.unwrap_or_default()))
                ". Is a consumer running?"
            });
        }
    }
    html! {
        @if points.is_empty() { p.notice { "Nothing needs attention." } }
        @else {
            div.odd-box role="group" aria-label="Needs attention" {
                strong { "Needs attention" }
                ul { @for point in &points { li { (point) } } }
            }
        }
    }
}

fn people(users: &OfUsers) -> Markup {
    let of = |count: fn(&api::users::MinuteStatistics) -> u64| users.minutes.iter().map(count).collect::<Vec<_>>();
    let timeline =
        |id, title, values: &[u64]| Timeline { id, title, unit: "per minute", values, step_seconds: 60 }.draw();
    let permits = &users.hash_permits;
    html! {
        div.plots {
            (timeline("sign-ins", "Sign-ins", &of(|minute| minute.sign_ins)))
            (timeline("failed", "Refused sign-ins", &of(|minute| minute.failed_sign_ins)))
            (timeline("sign-ups", "Sign-ups", &of(|minute| minute.sign_ups)))
        }
        dl.facts {
            dt { "Hashing permits in use" }
            dd { (number(permits.in_use)) " of " (number(permits.permits)) " " (bar(permits.in_use, permits.permits)) }
            dt { "Requests that wait for one" }
            dd { (number(permits.waiting)) }
            dt { "Events in the outbox" }
            dd {
                (number(users.outbox.waiting))
                @if let Some(age) = users.outbox.oldest_seconds { ", the oldest for " (period(age)) }
            }
        }
    }
}

fn queues(statistics: &OfQueues) -> Markup {
    let is_redis = statistics.broker == "redis";
    let rows = html! { @for queue in &statistics.queues { (queue_row(queue)) } };
    html! {
        (table("Queues", &["Queue", "Waiting", "In hand", "Retrying", "Dead", "Oldest", "Per minute", "Consumers"], &rows))
        p.hint {
            "In hand: a consumer has it and has not acknowledged it. Per minute: acknowledged. "
            @if !is_redis {
                "RabbitMQ keeps messages that will be retried in hand, and does not say how old a message is. Its numbers are some \
                 seconds old."
            }
        }
        h2 { "Consumers" }
        @match &statistics.consumers {
            None => p { "Consumers count what they have done in Redis, and there is none here. How many there are is in the table above." },
            Some(consumers) if consumers.is_empty() => p {
                "No consumer was seen. Is the component notification running, and did anything happen that leads to a message?"
            },
            Some(consumers) => (consumers_table(consumers, statistics.interval_seconds)),
        }
    }
}

fn queue_row(queue: &QueueStatistics) -> Markup {
    let unknown = html! { span.unknown title="not known on this broker" { "–" } };
    html! {
        tr {
            th scope="row" {
                (queue.queue)
                @if queue.paused_for.is_some() { " " span.badge.odd { "paused" } }
            }
            td.number { (number(queue.waiting)) }
            td.number { (number(queue.in_flight)) }
            td.number { @match queue.retrying { Some(retrying) => (number(retrying)), None => (unknown) } }
            td.number {
                @if queue.dead > 0 { a href={ (ROOT) "/messages/dead/" (queue_path(&queue.queue)) } { (number(queue.dead)) } }
                @else { "0" }
            }
            td.number { @match queue.oldest_seconds { Some(age) => (period(age)), None => (unknown) } }
            td.number { (number(queue.acknowledged_per_minute)) }
            td.number { (number(queue.consumers)) }
        }
    }
}

fn consumers_table(consumers: &[ConsumerStatistics], interval: u64) -> Markup {
    let done =
        |consumer: &ConsumerStatistics| consumer.acknowledged.iter().fold(0u64, |sum, one| sum.saturating_add(*one));
    let all = consumers.iter().fold(0u64, |sum, consumer| sum.saturating_add(done(consumer)));
    let length = consumers.iter().map(|consumer| consumer.acknowledged.len()).max().unwrap_or_default();
    let total: Vec<_> = (0..length)
        .map(|at| {
            consumers.iter().filter_map(|one| one.acknowledged.get(at)).fold(0u64, |sum, one| sum.saturating_add(*one))
        })
        .collect();
    let is_there = |consumer: &ConsumerStatistics| consumer.idle_seconds.is_some_and(|silent| silent < SILENT_SECONDS);
    let unit = format!("per {interval} s");
    let rows = html! {
        @for consumer in consumers {
            @let count = done(consumer);
            tr {
                th scope="row" {
                    (consumer.consumer)
                    @if consumer.idle_seconds.is_some() && !is_there(consumer) { " " span.badge.odd { "silent" } }
                }
                td.number { (number(count)) }
                td.number { (percent(count, all)) " % " (share(count, all, consumers.len())) }
                td { (columns(&consumer.acknowledged, &format!("{}: {} in ten minutes", consumer.consumer, number(count)))) }
                td.number { @match consumer.in_flight { Some(count) => (number(count)), None => span.unknown { "–" } } }
                td.number { @match consumer.idle_seconds { Some(silent) => (period(silent)), None => span.unknown { "–" } } }
            }
        }
    };
    html! {
        div.plots { (Timeline { id: "acknowledged", title: "Acknowledged", unit: &unit, values: &total, step_seconds: interval }.draw()) }
        p {
            (counted(consumers.len() as u64, "consumer", "consumers")) " in the last ten minutes. An even share is " (percent(1, consumers.len() as u64))
            " %, which the mark in each bar shows."
        }
        (table("Consumers", &["Consumer", "Acknowledged", "Share", "By intervals", "In hand", "Silent for"], &rows))
    }
}

/// A number with what it counts.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// A part of a whole in hundredths, rounded.
fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    let part = (u128::from(part) * 100 + u128::from(whole) / 2) / u128::from(whole);
    u64::try_from(part).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::users::{HashPermitStatistics, MinuteStatistics};

    fn queue(name: &str) -> QueueStatistics {
        QueueStatistics {
            queue: name.to_owned(),
            exchange: "user_login_event".to_owned(),
            waiting: 0,
            in_flight: 0,
            retrying: Some(0),
            dead: 0,
            consumers: 1,
            oldest_seconds: None,
            acknowledged_per_minute: 0,
            failures_in_a_row: Some(0),
            paused_for: None,
        }
    }

    fn of_queues(queues: Vec<QueueStatistics>, consumers: Option<Vec<ConsumerStatistics>>) -> OfQueues {
        OfQueues { taken_at: String::new(), broker: "redis".to_owned(), interval_seconds: 10, queues, consumers }
    }

    fn of_users(oldest_seconds: Option<u64>) -> OfUsers {
        let minute = MinuteStatistics { minute: String::new(), sign_ins: 1, failed_sign_ins: 0, sign_ups: 0 };
        OfUsers {
            taken_at: String::new(),
            minutes: vec![minute; 60],
            hash_permits: HashPermitStatistics { in_use: 3, permits: 16, waiting: 0 },
            outbox: OutboxState { waiting: 2, oldest_seconds, refused: 0 },
        }
    }

    fn shown(users: Result<&OfUsers, &str>, queues: Result<&OfQueues, &str>) -> String {
        live(&Overview { users, queues, has_auth: true, requests: Requests::NotCounted, script: "" }).into_string()
    }

    fn consumer(name: &str, acknowledged: Vec<u64>) -> ConsumerStatistics {
        ConsumerStatistics { consumer: name.to_owned(), in_flight: Some(0), idle_seconds: Some(1), acknowledged }
    }

    #[test]
    fn nothing_needs_attention_where_all_is_well() {
        let page =
            shown(Ok(&of_users(None)), Ok(&of_queues(vec![queue("login_email_notification")], Some(Vec::new()))));
        assert!(page.contains("Nothing needs attention.") && page.contains("3 of 16"), "{page}");
        assert!(page.contains("No consumer was seen."), "{page}");
    }

    #[test]
    fn a_service_that_is_away_leaves_the_rest() {
        let page = shown(Err("It does not answer."), Ok(&of_queues(vec![queue("login_email_notification")], None)));
        assert!(page.contains("No numbers from users.") && page.contains("login_email_notification"), "{page}");
        let page = shown(Ok(&of_users(None)), Err("The message broker does not answer."));
        assert!(page.contains("No numbers from notification.") && page.contains("Sign-ins"), "{page}");
    }

    #[test]
    fn what_is_old_paused_or_dead_is_said_first() {
        let old = QueueStatistics { waiting: 1, oldest_seconds: Some(600), ..queue("welcome_email_notification") };
        let odd = QueueStatistics { dead: 1200, paused_for: Some(30), ..queue("login_email_notification") };
        let page = shown(Ok(&of_users(Some(300))), Ok(&of_queues(vec![old, odd], None)));
        for part in [
            "Needs attention",
            "2 events wait in the outbox, the oldest for 5\u{a0}min",
            "1\u{202f}200 dead letters in login_email_notification",
            "href=\"/console/messages/dead/login-email-notification\"",
            "is paused for 30\u{a0}s",
            "has waited in welcome_email_notification for 10\u{a0}min",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn the_share_of_each_consumer_is_said_and_drawn() {
        let consumers = vec![consumer("one", vec![10, 20]), consumer("<two>", vec![10, 20])];
        let page = shown(Ok(&of_users(None)), Ok(&of_queues(Vec::new(), Some(consumers))));
        assert_eq!(page.matches("50 %").count(), 3, "{page}");
        assert!(page.contains("&lt;two&gt;") && !page.contains("<two>"), "{page}");
        assert!(page.contains("40</strong>"), "the total: {page}");
        assert_eq!([percent(1, 3), percent(2, 3), percent(0, 0), percent(u64::MAX, 1)], [33, 67, 0, u64::MAX]);
    }
}
