//! The API of notification: the delivery log, the queues and their dead letters.

#[cfg(feature = "openapi")]
mod docs;
mod statistics;
mod types;

pub use statistics::{ConsumerStatistics, QueueStatistics, Statistics};
pub use types::{Checks, DeadLetter, Delivery, Dropped, QueueState, Readiness, Redriven};

#[cfg(feature = "openapi")]
pub(crate) use docs::info;

use crate::health::Health;
use crate::operation::operations;
use crate::route::parameters;
#[cfg(feature = "openapi")]
use crate::schema;
use crate::{ANY_QUERY, ByOperatorOrAccessToken, ByScheduler, ByScraper, List, NO_QUERY, Page, Public};
#[cfg(feature = "openapi")]
use problem::Kind::{
    BrokerUnavailable, DeadLetterNotFound, Forbidden, InvalidCursor, NoSuchRoute, NotConfigured, QueueNotFound,
};
#[cfg(feature = "openapi")]
use serde_json::json;

/// How many queues there are.
const QUEUES: usize = 22;

parameters! {
    TO = "to", "Only deliveries to this address, ignoring case and whitespace around it; at most 254 bytes, not blank.", schema::RecipientText, "ada@example.org";
    QUEUE = "queue", "Only deliveries of this queue. A page may then have fewer items than `limit`, and others after it.", schema::QueueName, "login_email_notification";
    ABOUT = "to", "Only messages to the account with this address, ignoring case and whitespace around it. A page may then have fewer items than `limit`, and others after it.", schema::RecipientText, "ada@example.org";
    LIMIT = "limit", "How many at most.", schema::Limit, "2";
    CURSOR = "cursor", "The `next_cursor` of the page before. The pattern is for tools that generate requests; do not parse cursors.", schema::StreamCursor, "1795405395602-0";
}

operations! {
    /// List deliveries
    ///
    /// Returns a page of the delivery log, newest first, of one recipient or queue or of all, to an administrator or an operator. With RabbitMQ
    /// and without Redis there is no log, and this is not found.
    ListNotifications: GET "/notification-ms/notifications" (), Some(&[TO, QUEUE, LIMIT, CURSOR]), ByOperatorOrAccessToken, () => Page<Delivery>,
    |it| it.tag("notifications").fails(&[InvalidCursor, NoSuchRoute, BrokerUnavailable])
        .fails_with(Forbidden, "Only an administrator may do this.")
        .replies(200, "A page of the log.")
        .example("page", json!({"items": [docs::delivery()], "next_cursor": "1795405395602-0"}))
        .example("nothing", json!({"items": [], "next_cursor": null}))
        .link("next_page", "list_notifications", "The next page.", &[("cursor", "$response.body#/next_cursor")])
        .link("of_one", "list_notifications", "All deliveries to the first recipient.", &[("to", "$response.body#/items/0/to")]);

    /// Liveness
    ///
    /// The process answers. Nothing else is checked, since a restart would not repair anything else.
    CheckHealth: GET "/notification-ms/healthcheck" (), ANY_QUERY, Public, () => Health,
    |it| it.tag("probes").replies(200, "The process answers.").example("ok", json!({"status": "ok"}));

    /// Readiness
    ///
    /// Whether requests should be sent here: every setting is valid (the log names one that is not), and where Redis is the broker, it
    /// answers within 2 seconds. With RabbitMQ the trigger has the connection.
    CheckReadiness: GET "/notification-ms/readiness" (), ANY_QUERY, Public, () => Readiness,
    |it| it.tag("probes").replies(200, "The service is ready.").example("ok", docs::readiness("ok", 2))
        .replies(503, "A setting is invalid, or Redis does not answer within 2 seconds. Send no requests here for now.")
        .example("unavailable", docs::readiness("unavailable", 1001));

    /// List queues
    ///
    /// For each queue how many messages are waiting, in flight, being retried and dead, and whether it is paused. With RabbitMQ this is
    /// not found; `/notification-ms/internal/statistics` has what is known there.
    ListQueues: GET "/notification-ms/internal/queues" (), NO_QUERY, ByOperatorOrAccessToken, () => List<QueueState, QUEUES>,
    |it| docs::read(it).fails(&[NoSuchRoute, BrokerUnavailable])
        .replies(200, "The queues.").example("queues", docs::queues());

    /// Show statistics
    ///
    /// How many messages wait, are in flight, are retried and are dead in each queue, how old the oldest is, how fast they are
    /// acknowledged, and which consumer has acknowledged how many. Numbers and names of consumers alone: nobody is named. They
    /// are taken once a second at most, however many ask; with RabbitMQ its management API is asked, whose numbers are some seconds
    /// old, and without Redis each request asks it.
    ShowStatistics: GET "/notification-ms/internal/statistics" (), NO_QUERY, ByOperatorOrAccessToken, () => Statistics,
    |it| docs::read(it).fails(&[NotConfigured, BrokerUnavailable])
        .replies(200, "The statistics.").example("statistics", docs::statistics());

    /// Show metrics
    ///
    /// Numbers about queues, consumers and providers, for Prometheus and others that read OpenMetrics; `docs/metrics.md` says which. They
    /// are out of the broker, so each replica tells the same. Without the variable `metrics_credential` nobody is shown any.
    ShowMetrics: GET "/notification-ms/internal/metrics" (), NO_QUERY, ByScraper, () => String,
    |it| it.fails(&[NotConfigured, BrokerUnavailable]).metrics(docs::METRICS);

    /// List dead letters
    ///
    /// Returns a page of the messages of a queue that could not be handled, oldest first, each with the reason. Their content is not
    /// shown. With RabbitMQ its management API is read, 1000 messages deep.
    ListDeadLetters: GET "/notification-ms/internal/queues/{queue}/dead" String, Some(&[ABOUT, LIMIT, CURSOR]), ByOperatorOrAccessToken, () => Page<DeadLetter>,
    |it| docs::read(it).fails(&[InvalidCursor, QueueNotFound, NotConfigured, BrokerUnavailable])
        .replies(200, "A page of dead letters.").example("page", json!({"items": [docs::dead_letter()], "next_cursor": null}));

    /// Drop dead letters
    ///
    /// Deletes the oldest dead letters of a queue, up to 1000 in one call. Of an administrator this requires a sign-in within the last
    /// ten minutes, here and below.
    DropDeadLetters: DELETE "/notification-ms/internal/queues/{queue}/dead" String, NO_QUERY, ByOperatorOrAccessToken, () => Dropped,
    |it| docs::change(it).fails(&[QueueNotFound, NotConfigured, BrokerUnavailable])
        .replies(200, "How many were dropped, and how many are left.").example("dropped", json!({"dropped": 2, "left": 0}));

    /// Redrive dead letters
    ///
    /// Puts the oldest dead letters back into their queue, up to 1000 in one call. They are tried at once, as if they were new. Other
    /// queues of the same exchange are not affected.
    RedriveDeadLetters: POST "/notification-ms/internal/queues/{queue}/dead/redrive" String, NO_QUERY, ByOperatorOrAccessToken, () => Redriven,
    |it| docs::change(it).fails(&[QueueNotFound, NotConfigured, BrokerUnavailable])
        .replies(200, "How many were redriven, and how many are left.").example("redriven", json!({"redriven": 2, "left": 0}));

    /// Drop a dead letter
    DropDeadLetter: DELETE "/notification-ms/internal/queues/{queue}/dead/{id}" (String, String), NO_QUERY, ByOperatorOrAccessToken, () => (),
    |it| docs::change(it).fails(&[QueueNotFound, DeadLetterNotFound, NotConfigured, BrokerUnavailable])
        .replies(204, "It is deleted.");

    /// Redrive a dead letter
    ///
    /// Puts it back into its queue. It is tried at once, as if it were new.
    RedriveDeadLetter: POST "/notification-ms/internal/queues/{queue}/dead/{id}/redrive" (String, String), NO_QUERY, ByOperatorOrAccessToken, () => Redriven,
    |it| docs::change(it).fails(&[QueueNotFound, DeadLetterNotFound, NotConfigured, BrokerUnavailable])
        .replies(200, "It is redriven; how many are left.").example("redriven", json!({"redriven": 1, "left": 1}));

    /// Wake the consumers
    ///
    /// Called by a schedule, for wake-ups that were lost and for retries that are due. RabbitMQ needs none and is not asked.
    WakeConsumers: POST "/notification-ms/internal/consumers/wake" (), NO_QUERY, ByScheduler, () => (),
    |it| it.tag("internal").fails(&[BrokerUnavailable]).replies(202, "The consumers are awake.");
}
