//! The catalogue: every metric of the services, with its meaning, unit and labels.

/// What kind of metric it is, as OpenMetrics has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows. Its name ends in `_total` where it is read.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often a value was how large.
    Histogram,
    /// Facts about the service, as labels.
    Info,
}

impl Kind {
    /// Its name in OpenMetrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Info => "info",
        }
    }

    /// The endings that the names of its samples have.
    #[must_use]
    pub const fn endings(self) -> &'static [&'static str] {
        match self {
            Kind::Counter => &["_total"],
            Kind::Gauge => &[""],
            Kind::Histogram => &["_bucket", "_sum", "_count"],
            Kind::Info => &["_info"],
        }
    }
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name with its unit, without the ending of its kind.
    pub name: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// What it says, in one sentence without a full stop.
    pub help: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
}

macro_rules! metrics {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*], $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $id: Metric =
                Metric { name: $name, kind: Kind::$kind, help: $help, labels: &[$($label),*] };
        )*

        /// All of them, in the order in which they are shown.
        pub static ALL: &[&Metric] = &[$(&$id),*];
    };
}

/// The services with their metrics.
pub static SERVICES: &[(&str, &[&Metric])] =
    &[("users", users::ALL), ("auth", auth::ALL), ("notification", notification::ALL)];

/// What the runtime shows: Spindle, and the trigger for RabbitMQ.
pub static RUNTIME: &[(&str, &[&Metric])] = &[("spindle", spindle::ALL)];

/// What users shows.
pub mod users {
    use super::{Kind, Metric};

    metrics! {
        BUILD: Info "concierge_users_build" ["version"],
            "The version of the service";
        AUDIT_EVENTS: Counter "concierge_audit_events" ["action", "result"],
            "Rows of the audit log by what was tried and what came of it, ten seconds after they were written";
        HASH_PERMITS: Gauge "concierge_hash_permits" [],
            "Hashing permits that there are, for all replicas together";
        HASH_PERMITS_IN_USE: Gauge "concierge_hash_permits_in_use" [],
            "Hashing permits that are held";
        HASH_PERMITS_WAITING: Gauge "concierge_hash_permits_waiting" [],
            "Requests that wait for a hashing permit";
        OUTBOX_EVENTS: Gauge "concierge_outbox_events" [],
            "Events in the outbox that are not published yet";
        OUTBOX_OLDEST: Gauge "concierge_outbox_oldest_age_seconds" [],
            "For how long the oldest event has been in the outbox; 0 if there is none";
        OUTBOX_REFUSED: Gauge "concierge_outbox_refused_events" [],
            "Events in the outbox that the broker has refused";
        TICKETS: Gauge "concierge_tickets" ["purpose"],
            "Tickets that are valid: links and codes that were sent and not used, by what they are for";
        USERS: Gauge "concierge_users" [],
            "Users, as PostgreSQL estimates them";
        SESSIONS: Gauge "concierge_sessions" [],
            "Sessions, as PostgreSQL estimates them, with those that have ended and are not cleaned up yet";
        DATABASE_CONNECTIONS: Gauge "concierge_database_connections" [],
            "Connections to the database, those of other clients included";
        DATABASE_CONNECTIONS_LIMIT: Gauge "concierge_database_connections_limit" [],
            "Connections that PostgreSQL takes";
        DATABASE_SIZE: Gauge "concierge_database_size_bytes" [],
            "Size of the database on disk";
    }
}

/// What auth shows.
pub mod auth {
    use super::{Kind, Metric};

    metrics! {
        BUILD: Info "concierge_auth_build" ["version"],
            "The version of the service";
        TOKEN_KEYS: Gauge "concierge_access_token_keys" ["algorithm"],
            "Public keys with which access tokens are verified; more than one of an algorithm while keys are rotated";
    }
}

/// What notification shows.
pub mod notification {
    use super::{Kind, Metric};

    metrics! {
        BUILD: Info "concierge_notification_build" ["version"],
            "The version of the service";
        QUEUE_MESSAGES: Gauge "concierge_queue_messages" ["queue", "state"],
            "Messages of a queue that are waiting, in_flight, retrying or dead; RabbitMQ has the retrying among those in_flight";
        QUEUE_OLDEST: Gauge "concierge_queue_oldest_age_seconds" ["queue"],
            "For how long the oldest message of a queue was not handled; 0 if there is none. RabbitMQ does not say";
        QUEUE_CONSUMERS: Gauge "concierge_queue_consumers" ["queue"],
            "Consumers that the broker knows of a queue";
        QUEUE_PAUSED: Gauge "concierge_queue_paused_seconds" ["queue"],
            "For how long a queue still pauses because its provider fails; 0 if it does not. RabbitMQ does not say";
        ACKNOWLEDGED: Counter "concierge_messages_acknowledged" ["queue"],
            "Messages that were handled: sent, or found to need no sending";
        SEND_SECONDS: Histogram "concierge_send_duration_seconds" ["provider", "result"],
            "How long providers took to take a message (sent), or to fail for now (temporary) or for good (permanent)";
    }
}

/// What Spindle and trigger-amqp show.
pub mod spindle {
    use super::{Kind, Metric};

    metrics! {
        BUILD: Info "spindle_build" ["version"],
            "The version of the runtime";
        REQUESTS: Counter "spindle_requests" ["component", "source", "method", "class"],
            "Requests by the component that they are for (spindle: the runtime itself), who has sent them (client or component), method and class of status; none: whoever asked had gone before there was an answer";
        REQUEST_SECONDS: Histogram "spindle_request_duration_seconds" ["component"],
            "Time from the head of a request to the head of its response";
        REQUESTS_IN_FLIGHT: Gauge "spindle_requests_in_flight" ["component"],
            "Requests that are not answered yet";
        REFUSED: Counter "spindle_requests_refused" ["reason"],
            "Requests and connections that were refused before a component was called: connections or requests (a client's share, or all), bodies (no room), queue-full, queue-time (no place in time)";
        FAILURES: Counter "spindle_call_failures" ["component", "cause"],
            "Calls of components without a result: trap, deadline, or start (there could be no instance)";
        INSTANCES: Gauge "spindle_instances" ["component"],
            "Instances that there are";
        INSTANCES_LIMIT: Gauge "spindle_instances_limit" [],
            "Instances that there may be, of all components together";
        CONNECTIONS: Gauge "spindle_connections" [],
            "Open connections of clients";
        CONNECTIONS_LIMIT: Gauge "spindle_connections_limit" [],
            "Connections of clients that there may be";
        PLACES: Gauge "spindle_places" [],
            "Places of requests with components that there are";
        PLACES_IN_USE: Gauge "spindle_places_in_use" [],
            "Places that requests have";
        PLACES_WAITING: Gauge "spindle_places_waiting" [],
            "Requests that wait for a place";
        CORES: Gauge "spindle_compute_cores" [],
            "Cores for calls that compute";
        CORES_IN_USE: Gauge "spindle_compute_cores_in_use" [],
            "Cores that calls that compute have";
        CORE_WAITS: Counter "spindle_compute_waits" [],
            "How often a call that computes had to wait for a core";
        MOVED: Counter "spindle_compute_calls" [],
            "Calls that have computed for long, and went on on threads of a lower priority";
        OUTGOING: Counter "spindle_outbound_calls" ["component", "kind"],
            "What components have asked others for: http and component (requests), postgres (statements), redis (commands), mqtt (messages)";
        POOL_USED: Gauge "spindle_pool_connections_used" ["component", "kind"],
            "Connections to servers that calls have";
        POOL_IDLE: Gauge "spindle_pool_connections_idle" ["component", "kind"],
            "Open connections to servers that nobody uses";
        POOL_LIMIT: Gauge "spindle_pool_connections_limit" ["component", "kind"],
            "Connections to servers that calls may have";
        POOL_WAITS: Counter "spindle_pool_waits" ["component", "kind"],
            "How often a call had to wait for a connection";
        DELIVERED: Counter "spindle_amqp_messages_delivered" ["queue"],
            "Messages that RabbitMQ has delivered";
        ACKNOWLEDGED: Counter "spindle_amqp_messages_acknowledged" ["queue"],
            "Messages that were handled and acknowledged";
        REQUEUED: Counter "spindle_amqp_messages_requeued" ["queue"],
            "Messages whose handling failed, and that come again";
        DEAD_LETTERED: Counter "spindle_amqp_messages_dead_lettered" ["queue"],
            "Messages that went to the dead letters";
        IN_HAND: Gauge "spindle_amqp_messages_in_hand" ["queue"],
            "Messages that a component is handling";
        SESSIONS: Counter "spindle_amqp_sessions" ["queue"],
            "Sessions that were opened with RabbitMQ; all after the first are reconnections";
        MEMORY: Gauge "process_resident_memory_bytes" [],
            "Resident memory of the process";
        CPU: Counter "process_cpu_seconds" [],
            "Processor time of the process";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn all() -> impl Iterator<Item = &'static Metric> {
        SERVICES.iter().chain(RUNTIME).flat_map(|(_, metrics)| metrics.iter().copied())
    }

    #[test]
    fn names_are_as_open_metrics_wants_them_and_nobody_else_has_them() {
        let mut names = BTreeSet::new();
        for metric in all() {
            assert!(names.insert(metric.name), "{} is there twice", metric.name);
            let prefixes = ["concierge_", "spindle_", "process_"];
            assert!(prefixes.iter().any(|prefix| metric.name.starts_with(prefix)), "{}", metric.name);
            assert!(metric.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", metric.name);
            // The kind says the ending.
            for ending in ["_total", "_info", "_bucket", "_sum", "_count"] {
                assert!(!metric.name.ends_with(ending), "{}", metric.name);
            }
            assert!(!metric.help.ends_with('.') && !metric.help.is_empty(), "{}", metric.name);
        }
    }

    /// The page is written from the catalogue: `METRICS_PAGE=write cargo test -p metrics` does.
    #[test]
    fn the_page_about_metrics_has_the_catalogue() {
        const BEGIN: &str = "<!-- the catalogue -->\n";
        const END: &str = "<!-- end of the catalogue -->\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
        let page = std::fs::read_to_string(path).expect("docs/metrics.md");
        let (before, rest) = page.split_once(BEGIN).expect("the beginning of the catalogue");
        let (_, after) = rest.split_once(END).expect("the end of the catalogue");
        let mut tables = String::new();
        for (service, metrics) in SERVICES.iter().chain(RUNTIME) {
            tables += &format!("\n**{service}**\n\n| metric | kind | labels | meaning |\n|---|---|---|---|\n");
            for metric in *metrics {
                let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
                let ending = if metric.kind == Kind::Histogram { "" } else { metric.kind.endings()[0] };
                let row = [
                    format!("`{}{ending}`", metric.name),
                    metric.kind.name().to_owned(),
                    labels.join(", "),
                    metric.help.to_owned(),
                ];
                tables += &format!("| {} |\n", row.join(" | "));
            }
        }
        let made = format!("{before}{BEGIN}{tables}\n{END}{after}");
        if std::env::var("METRICS_PAGE").is_ok_and(|what| what == "write") {
            std::fs::write(path, &made).expect("docs/metrics.md is written");
            return;
        }
        assert!(page == made, "docs/metrics.md is not what `METRICS_PAGE=write cargo test -p metrics` makes of it");
    }
}
