//! Every limit: what it bounds, its default, and how it is set.
//!
//! The names are the keys of `[limits]` in the runtime configuration file. Some have a flag of `spindle up`, or a key that
//! Spin has as well; a flag beats a key of Spin's, and that beats `[limits]`.

use std::fmt::{self, Display, Formatter, Write as _};
use std::time::Duration;

use anyhow::{anyhow, bail};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// A time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) struct Time(pub(crate) Duration);

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) usize);

/// A number of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) usize);

/// One limit, for a reader.
#[derive(Debug)]
pub(crate) struct Description {
    /// What it is about.
    pub(crate) group: &'static str,
    /// What is bounded.
    pub(crate) what: &'static str,
    /// The default, with its unit.
    pub(crate) default: String,
    /// The key in `[limits]`.
    pub(crate) key: &'static str,
    /// How else it is set, if it is.
    pub(crate) also: Option<&'static str>,
}

/// Declares the limits: `name: Unit = default, "what", "how else it is set";`
macro_rules! limits {
    ($($group:literal { $($name:ident: $unit:ident = $default:expr, $what:literal $(, $also:literal)?;)* })*) => {
        /// The limits of an app.
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct Limits {
            $($(#[doc = $what] pub(crate) $name: $unit,)*)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($($name: $unit($default),)*)* }
            }
        }

        impl Limits {
            /// All limits with their defaults.
            pub(crate) fn describe() -> Vec<Description> {
                let default = Self::default();
                vec![$($(Description {
                    group: $group,
                    what: $what,
                    default: default.$name.to_string(),
                    key: stringify!($name),
                    also: None $(.or(Some($also)))?,
                },)*)*]
            }
        }
    };
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

limits! {
    "Calls" {
        instance_memory: Bytes = 256 * MIB, "memory of one instance", "`--max-instance-memory`, `max_instance_memory`";
        instances: Count = 1000, "instances that are alive at once";
        http_deadline: Time = seconds(30), "time for one HTTP request", "`--http-deadline`";
        message_deadline: Time = seconds(60), "time for one message, 20 minutes at most", "`--message-deadline`";
        grace_period: Time = seconds(10), "time for what is under way when Spindle is told to stop", "`--grace-period`";
        pools: Count = 16, "addresses with a pool of connections, for one component and kind of server; the one that was not used for longest makes room";
        pool_idle: Time = seconds(60), "rest of an unused connection to PostgreSQL, Redis or MQTT; then it is not used again";
        outbound_connections: Count = 512, "connections that one component uses at once to servers of one kind, over all addresses";
        open_stores: Count = 256, "key-value stores that one instance holds open";
    }
    "Compiled components" {
        cache_age: Time = seconds(30 * 24 * 60 * 60), "time for which a compiled component is kept that nobody starts";
    }
    "HTTP server" {
        request_body: Bytes = 16 * MIB, "body of a request; a larger one is answered with 413, or cut", "`--max-request-body`";
        request_head: Bytes = 64 * KIB, "head of a request";
        head_time: Time = seconds(20), "time for the head of a request, and for a TLS handshake; then the connection is closed";
        idle_time: Time = seconds(75), "time between two requests on a connection";
        body_time: Time = seconds(30), "time for the body of a request; then 408";
        body_pause: Time = seconds(10), "time for the next part of a body; then 408";
        bodies: Bytes = 256 * MIB, "bodies that components have not read yet; then 503";
        write_time: Time = seconds(20), "time in which a client takes nothing of its answer; then the connection is closed, or the HTTP/2 stream reset";
        connections: Count = 4096, "open connections; more wait to be accepted";
        open_requests: Count = 2048, "requests from the end of their head to the end of their answer; more are answered with 503";
        requests: Count = 512, "requests that are with components at once; more wait";
        waiting_requests: Count = 1024, "requests that wait; more are answered with 503";
        queue_time: Time = seconds(5), "time for which a request waits; then 503";
        peer_share: Count = 50, "percent of connections, requests and bodies that one address (of IPv6, a /64 network) may have; 100 behind a proxy";
        streams: Count = 100, "streams of one HTTP/2 connection";
    }
    "HTTP client" {
        http_connect: Time = seconds(5), "time to connect";
        http_response: Time = seconds(600), "time for an answer, and for each next part of it, unless the guest says";
        http_idle: Time = seconds(30), "time for which an unused connection is kept";
        http_idle_connections: Count = 64, "unused connections that are kept for one host";
    }
    "PostgreSQL" {
        postgres_connections: Count = 64, "connections of one component to one address", "`[outbound_pg] max_connections`";
        postgres_wait: Time = seconds(3), "wait for a free connection";
        postgres_connect: Time = seconds(3), "time to connect, unless the address says less";
        postgres_statement: Time = seconds(5), "time for one statement; then it is cancelled";
        postgres_cancel: Time = seconds(1), "time for the request to cancel a statement";
        postgres_statements: Count = 256, "statements that stay prepared on one connection";
        postgres_statement_text: Bytes = 16 * KIB, "text of a statement that stays prepared; a longer one is prepared each time";
        postgres_result: Bytes = 128 * MIB, "result of one statement";
    }
    "SQLite" {
        sqlite_statement: Time = seconds(5), "time for one statement; then it is interrupted";
        sqlite_result: Bytes = 128 * MIB, "result of one statement";
    }
    "Redis" {
        redis_connections: Count = 128, "connections of one component to one address", "`[outbound_redis] max_connections`";
        redis_wait: Time = seconds(3), "wait for a free connection";
        redis_connect: Time = seconds(1), "time to connect";
        redis_response: Time = seconds(3), "time for an answer";
        redis_waiting_messages: Count = 1024, "messages of the Redis trigger that wait; then the oldest is dropped";
    }
    "MQTT" {
        mqtt_connections: Count = 32, "connections of one component to one address as one user", "`[outbound_mqtt] max_connections`";
        mqtt_wait: Time = seconds(3), "wait for a free connection";
        mqtt_connect: Time = seconds(4), "time to connect";
        mqtt_confirm: Time = seconds(5), "time for the broker to confirm a message";
        mqtt_packet: Bytes = 64 * MIB, "message with its topic";
    }
    "AMQP trigger" {
        amqp_open: Time = seconds(15), "time to connect and to declare everything";
        amqp_connect: Time = seconds(5), "time for the TCP connection";
        amqp_confirm: Time = seconds(10), "time for the broker to confirm a dead letter";
        amqp_settle: Time = seconds(10), "time for the broker to take an acknowledgement; then a new connection is made";
        amqp_waiting_messages: Count = 1000, "failed messages of one queue that wait for their next delivery; then consumers wait with them";
        amqp_waiting_bytes: Bytes = 64 * MIB, "bodies of one queue that wait for the broker to take them as dead letters; then consumers wait with them";
    }
    "Output of components" {
        output_lines: Count = 8192, "lines of all components that wait to be written, the same share for each; more are dropped and counted";
        output_line: Bytes = 16 * KIB, "length of one line; a longer one is broken";
        output_file: Bytes = 64 * MIB, "file with output of a component; then it is renamed to `.1`, which replaces the last one of that name";
    }
}

/// How deep tables and lists may be nested in the headers of a message that the AMQP trigger hands to a component.
pub(crate) const AMQP_HEADER_DEPTH: usize = 32;

/// The largest frame that the AMQP trigger takes, but for those of bodies. RabbitMQ's own limit for all frames is 128 KiB,
/// unless set otherwise.
pub(crate) const AMQP_FRAME: Bytes = Bytes(4 * MIB);

/// The longest time for which the AMQP trigger leaves a message unacknowledged: while its queue pauses, while it is handled,
/// and until its next delivery. RabbitMQ bears that for half an hour (its `consumer_timeout`), and then closes the channel.
pub(crate) const AMQP_HOLD: Time = Time(seconds(29 * 60));

/// The limits that cannot be set.
fn fixed() -> [(&'static str, String); 3] {
    [
        (
            "nesting of the headers of an AMQP message; beyond it is a dead letter",
            format!("{AMQP_HEADER_DEPTH} levels"),
        ),
        ("frame of AMQP other than a body; then the connection is given up", AMQP_FRAME.to_string()),
        ("an AMQP message unacknowledged: pause of the queue, handling and delay together", AMQP_HOLD.to_string()),
    ]
}

/// All limits as tables in Markdown.
pub(crate) fn markdown() -> String {
    let mut text = String::new();
    let mut group = "";
    for limit in Limits::describe() {
        if limit.group != group {
            group = limit.group;
            let _ = write!(text, "\n### {group}\n\n| limit | default | key | also set by |\n|---|---|---|---|\n");
        }
        let Description { what, default, key, also, .. } = limit;
        let _ = writeln!(text, "| {what} | {default} | `{key}` | {} |", also.unwrap_or_default());
    }
    text.push_str("\n### Fixed\n\n| limit | value |\n|---|---|\n");
    for (what, value) in fixed() {
        let _ = writeln!(text, "| {what} | {value} |");
    }
    text.trim_start().to_owned()
}

/// The longest `message_deadline`: RabbitMQ closes the channel of a message that is unacknowledged for half an hour, and a
/// message may wait for its turn before, and for its next delivery afterwards.
const LONGEST_MESSAGE_DEADLINE: Duration = seconds(20 * 60);

impl Limits {
    /// Refuses what cannot work.
    ///
    /// # Errors
    /// Which limit is wrong, and why.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let Time(deadline) = self.message_deadline;
        if deadline > LONGEST_MESSAGE_DEADLINE {
            bail!(
                "the message deadline of {} is too long: RabbitMQ closes the channel of a message that is not acknowledged \
                 within 30 minutes (its consumer_timeout); set 20m or less",
                self.message_deadline
            );
        }
        if self.http_deadline.0.is_zero() || deadline.is_zero() {
            bail!("a deadline of zero lets no call end in time; leave it out for the default");
        }
        Ok(())
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        match milliseconds {
            _ if !milliseconds.is_multiple_of(1000) => write!(f, "{milliseconds} ms"),
            _ if milliseconds >= 172_800_000 && milliseconds.is_multiple_of(86_400_000) => {
                write!(f, "{} days", milliseconds / 86_400_000)
            }
            _ if milliseconds >= 120_000 && milliseconds.is_multiple_of(60_000) => {
                write!(f, "{} min", milliseconds / 60_000)
            }
            _ => write!(f, "{} s", milliseconds / 1000),
        }
    }
}

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= MIB && bytes % MIB == 0 => write!(f, "{} MiB", bytes / MIB),
            bytes if bytes >= KIB && bytes % KIB == 0 => write!(f, "{} KiB", bytes / KIB),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads `30s`, `500ms`, `2m` or a number of seconds.
pub(crate) fn parse_time(text: &str) -> anyhow::Result<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let number: f64 = number.trim().parse().map_err(|_| anyhow!("write a time such as 30s or 500ms"))?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        _ => bail!("write a time such as 30s or 500ms"),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| anyhow!("not a valid time"))
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;

        impl Visitor<'_> for TimeVisitor {
            type Value = Time;

            fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"30s\" or \"500ms\", or a number of seconds")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
                parse_time(text).map(Time).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Time, E> {
                let seconds = u64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))?;
                Ok(Time(Duration::from_secs(seconds)))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Time, E> {
                Ok(Time(Duration::from_secs(number)))
            }
        }

        deserializer.deserialize_any(TimeVisitor)
    }
}

/// Reads a number that is at least one: a limit of nothing would be a riddle at run time.
fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = usize::deserialize(deserializer)?;
    if number == 0 {
        return Err(D::Error::invalid_value(Unexpected::Unsigned(0), &"a number of at least 1"));
    }
    Ok(number)
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        positive(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        positive(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_with_their_units() {
        let limits: Limits =
            toml::from_str("http_deadline = \"500ms\"\nredis_wait = 7\nrequest_head = 2048\nstreams = 9").unwrap();
        assert_eq!(limits.http_deadline, Time(Duration::from_millis(500)));
        assert_eq!(limits.redis_wait, Time(seconds(7)));
        assert_eq!((limits.request_head, limits.streams), (Bytes(2 * KIB), Count(9)));
        assert_eq!(limits.redis_connect, Limits::default().redis_connect);
        for bad in ["nope = 1", "redis_wait = \"soon\"", "redis_wait = -1", "streams = 0", "streams = \"many\""] {
            assert!(toml::from_str::<Limits>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_are_shown_with_their_units() {
        assert_eq!(Time(Duration::from_millis(1500)).to_string(), "1500 ms");
        assert_eq!((Time(seconds(60)).to_string(), Time(seconds(600)).to_string()), ("60 s".into(), "10 min".into()));
        assert_eq!((Bytes(2 * MIB).to_string(), Bytes(KIB + 1).to_string()), ("2 MiB".into(), "1025 bytes".into()));
    }

    #[test]
    fn times_are_read() {
        assert_eq!(parse_time("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(parse_time("2").unwrap(), Duration::from_secs(2));
        assert_eq!(parse_time("1.5m").unwrap(), Duration::from_secs(90));
        assert!(parse_time("soon").is_err());
        assert!(parse_time("-1s").is_err());
    }

    #[test]
    fn a_message_may_not_take_longer_than_the_broker_waits() {
        let with = |deadline| Limits { message_deadline: Time(deadline), ..Limits::default() }.check();
        assert!(with(LONGEST_MESSAGE_DEADLINE).is_ok());
        let error = with(seconds(30 * 60)).unwrap_err().to_string();
        assert!(error.contains("30 min") && error.contains("consumer_timeout"), "{error}");
        assert!(with(Duration::ZERO).is_err());
    }

    #[test]
    fn the_page_of_limits_is_current() {
        const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/limits.md");
        const BEGIN: &str = "<!-- begin: made by `UPDATE_LIMITS=1 cargo test -p spindle --lib limits` -->\n";
        const END: &str = "\n<!-- end -->";
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        let current = format!("{before}{BEGIN}{}{END}{after}", markdown());
        if std::env::var_os("UPDATE_LIMITS").is_some() {
            std::fs::write(PAGE, current).unwrap();
        } else {
            assert!(
                page == current,
                "docs/limits.md is out of date: UPDATE_LIMITS=1 cargo test -p spindle --lib limits"
            );
        }
    }
}
