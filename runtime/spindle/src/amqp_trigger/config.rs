//! What the manifest says about the AMQP trigger: `[application.trigger.amqp]` and each `[[trigger.amqp]]`.

use std::str::FromStr;
use std::time::Duration;

use lapin::ExchangeKind;
use lapin::uri::AMQPUri;
use serde::Deserialize;

use crate::app::App;
use crate::trigger::{self, Table, TriggerError};
use crate::variables::Resolver;

use super::retry::{LONGEST_DELAY, Retries};

/// The trigger's type in a manifest.
pub(crate) const TRIGGER_TYPE: &str = "amqp";

/// The longest name of a queue or an exchange, with room for what is put after it (AMQP: 255).
const LONGEST_NAME: usize = 250;

/// The most messages that one trigger handles at once: as many as there can be instances.
const MOST_PREFETCH: u64 = 1000;

/// The most deliveries of one message.
const MOST_DELIVERIES: u64 = 1000;

/// The longest time for which a message is tried again, in seconds: 30 days.
const LONGEST_RETRY_FOR: u64 = 30 * 24 * 60 * 60;

/// How often each side shows the other that it is alive, unless the address says otherwise. After two of
/// these without a sign the connection counts as lost.
const HEARTBEAT_SECONDS: u16 = 10;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AppTable {
    address: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TriggerTable {
    component: String,
    queue: String,
    address: Option<String>,
    exchange: Option<String>,
    exchange_type: Option<String>,
    routing_key: Option<String>,
    source: Option<String>,
    prefetch: Option<Number>,
    max_deliveries: Option<Number>,
    retry_delay_ms: Option<Number>,
    retry_for: Option<Number>,
    pause_after: Option<Number>,
    dead_letter: Option<String>,
    declare: Option<Switch>,
}

/// A number, or a template that becomes one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(u64),
    Template(String),
}

/// A boolean, or a template that becomes one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Switch {
    Plain(bool),
    Template(String),
}

/// One trigger, with all templates filled in.
#[derive(Debug, Clone)]
pub(crate) struct TriggerConfig {
    /// The component that handles the messages.
    pub(crate) component: String,
    pub(crate) address: Address,
    pub(crate) queue: String,
    /// What the queue is bound to, if to anything.
    pub(crate) exchange: Option<Exchange>,
    /// How many messages are handled at once.
    pub(crate) prefetch: usize,
    /// When a failed message is delivered again, and when it is a dead letter.
    pub(crate) retries: Retries,
    /// After how many failures in a row the queue pauses; never, if that is zero.
    pub(crate) pause_after: u32,
    /// The exchange and the queue of dead letters, which have the same name.
    pub(crate) dead_letter: String,
    /// Whether exchanges and queues are declared, or only looked for.
    pub(crate) declare: bool,
}

/// An exchange and how the queue is bound to it.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) kind: ExchangeKind,
    pub(crate) routing_key: String,
    /// An exchange that this one is bound to, by a routing key that is this one's name.
    pub(crate) source: Option<String>,
}

/// A broker.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) uri: AMQPUri,
    /// Without what is secret in it.
    pub(crate) name: String,
}

/// Reads the app's `amqp` triggers.
///
/// # Errors
/// The first that is malformed.
pub(crate) fn read(app: &App) -> Result<Vec<TriggerConfig>, TriggerError> {
    let common = trigger::common(&app.locked, TRIGGER_TYPE)?;
    let tables = trigger::tables(&app.locked, TRIGGER_TYPE)?;
    tables.iter().map(|table| read_one(table, &common, &app.resolver)).collect()
}

fn read_one(
    trigger: &Table<TriggerTable>,
    common: &AppTable,
    resolver: &Resolver,
) -> Result<TriggerConfig, TriggerError> {
    let fail = |reason: String| trigger.error(reason);
    let table = &trigger.table;
    let text = |key: &str, template: &str| -> Result<String, TriggerError> {
        let name = resolver.render(template)?;
        if name.len() > LONGEST_NAME {
            return Err(fail(format!("its `{key}` is longer than {LONGEST_NAME} bytes")));
        }
        Ok(name)
    };
    let name = |key: &str, template: &str| -> Result<String, TriggerError> {
        Some(text(key, template)?)
            .filter(|name| !name.is_empty())
            .ok_or_else(|| fail(format!("its `{key}` is empty: leave it out, or name one")))
    };
    let number = |key: &str, given: &Option<Number>, default: u64, range: std::ops::RangeInclusive<u64>| {
        let value = match given {
            None => default,
            Some(Number::Plain(value)) => *value,
            Some(Number::Template(template)) => {
                let value = resolver.render(template)?;
                value.trim().parse().map_err(|_| fail(format!("its `{key}` is not a whole number")))?
            }
        };
        if range.contains(&value) {
            Ok(value)
        } else {
            Err(fail(format!("its `{key}` is {value}; it may be {} to {}", range.start(), range.end())))
        }
    };
    let address = table.address.as_ref().or(common.address.as_ref()).ok_or_else(|| {
        fail("it has no address: set `address` in [application.trigger.amqp] or in the trigger".to_owned())
    })?;
    let queue = name("queue", &table.queue)?;
    let exchange = match &table.exchange {
        Some(exchange) => {
            let kind = match &table.exchange_type {
                Some(kind) => resolver.render(kind)?,
                None => "fanout".to_owned(),
            };
            let (kind, usual_key) = match kind.as_str() {
                "fanout" => (ExchangeKind::Fanout, ""),
                "direct" => (ExchangeKind::Direct, queue.as_str()),
                "topic" => (ExchangeKind::Topic, "#"),
                _ => return Err(fail(format!("its `exchange_type` is `{kind}`; it may be fanout, direct or topic"))),
            };
            let routing_key = match &table.routing_key {
                Some(key) => text("routing_key", key)?,
                None => usual_key.to_owned(),
            };
            let source = table.source.as_deref().map(|source| name("source", source)).transpose()?;
            Some(Exchange { name: name("exchange", exchange)?, kind, routing_key, source })
        }
        None => {
            let alone = [
                ("exchange_type", table.exchange_type.is_some()),
                ("routing_key", table.routing_key.is_some()),
                ("source", table.source.is_some()),
            ];
            if let Some((key, _)) = alone.iter().find(|(_, given)| *given) {
                return Err(fail(format!("it has `{key}`, which means nothing without `exchange`")));
            }
            None
        }
    };
    let dead_letter = match &table.dead_letter {
        Some(dead_letter) => name("dead_letter", dead_letter)?,
        None => format!("{queue}.dead"),
    };
    if dead_letter == queue || exchange.as_ref().is_some_and(|exchange| exchange.name == dead_letter) {
        return Err(fail("its `dead_letter` is its `queue` or its `exchange`".to_owned()));
    }
    let retry_for = number("retry_for", &table.retry_for, 0, 0..=LONGEST_RETRY_FOR)?;
    // Where there is a limit of time, there need be none of number.
    let least = u64::from(retry_for == 0);
    let max_deliveries = number("max_deliveries", &table.max_deliveries, 5 * least, least..=MOST_DELIVERIES)?;
    let longest_delay = u64::try_from(LONGEST_DELAY.as_millis()).unwrap_or(u64::MAX);
    let retry_delay_ms = number("retry_delay_ms", &table.retry_delay_ms, 1000, 1..=longest_delay)?;
    let pause_after = number("pause_after", &table.pause_after, 0, 0..=MOST_DELIVERIES)?;
    let prefetch = number("prefetch", &table.prefetch, 1, 1..=MOST_PREFETCH)?;
    let declare = match &table.declare {
        None => true,
        Some(Switch::Plain(declare)) => *declare,
        Some(Switch::Template(template)) => {
            let value = resolver.render(template)?;
            value.trim().parse().map_err(|_| fail("its `declare` is neither true nor false".to_owned()))?
        }
    };
    Ok(TriggerConfig {
        component: table.component.clone(),
        address: Address::parse(&resolver.render(address)?)
            .map_err(|problem| fail(format!("its address {problem}")))?,
        queue,
        exchange,
        prefetch: usize::try_from(prefetch).unwrap_or(usize::MAX),
        retries: Retries {
            first_delay: Duration::from_millis(retry_delay_ms),
            retry_for: Duration::from_secs(retry_for),
            max_deliveries: u32::try_from(max_deliveries).ok().filter(|most| *most > 0),
        },
        pause_after: u32::try_from(pause_after).unwrap_or(u32::MAX),
        dead_letter,
        declare,
    })
}

impl Address {
    /// Reads `amqp[s]://[user:password@]host[:port][/vhost]`. The error never has the address in it.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut uri = AMQPUri::from_str(text)
            .map_err(|_| "cannot be read: write amqp://user:password@host:port/vhost, with %2f for the vhost /")?;
        if uri.authority.host.is_empty() {
            return Err("names no host");
        }
        if uri.authority.userinfo.username.len() > LONGEST_NAME || uri.vhost.len() > LONGEST_NAME {
            return Err("has a user or a vhost that is too long");
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        let name = format!("{}:{}/{}", uri.authority.host, uri.authority.port, uri.vhost.trim_start_matches('/'));
        Ok(Self { uri, name })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::locked::{LockedTrigger, LockedVariable};

    fn parse(mut table: Value) -> Result<TriggerConfig, String> {
        let variable = LockedVariable { default: Some("3".to_owned()), secret: false };
        let declared = BTreeMap::from([("three".to_owned(), variable)]);
        let resolver = Resolver::new(declared, BTreeMap::new(), &[]).unwrap();
        table["component"] = "c".into();
        let trigger =
            LockedTrigger { id: "t".to_owned(), trigger_type: TRIGGER_TYPE.to_owned(), trigger_config: table };
        let common = AppTable { address: Some("amqp://u:p@broker/%2f".to_owned()) };
        let table = trigger::table(&trigger, TRIGGER_TYPE);
        table.and_then(|table| read_one(&table, &common, &resolver)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_has_a_usual_value() {
        let config = parse(json!({"queue": "q", "exchange": "e"})).unwrap();
        assert_eq!((config.prefetch, config.pause_after, config.declare), (1, 0, true));
        assert_eq!((config.dead_letter.as_str(), config.retries.first_delay), ("q.dead", Duration::from_secs(1)));
        assert_eq!((config.retries.max_deliveries, config.retries.retry_for), (Some(5), Duration::ZERO));
        let exchange = config.exchange.unwrap();
        assert_eq!((exchange.kind, exchange.routing_key.as_str()), (ExchangeKind::Fanout, ""));
        assert_eq!(config.address.name, "broker:5672/");
        assert_eq!(config.address.uri.query.heartbeat, Some(HEARTBEAT_SECONDS));
    }

    #[test]
    fn where_time_is_the_limit_there_is_none_of_number() {
        let retries = |table| parse(table).unwrap().retries;
        let by_time = retries(json!({"queue": "q", "retry_for": 60}));
        assert_eq!((by_time.retry_for, by_time.max_deliveries), (Duration::from_secs(60), None));
        assert_eq!(retries(json!({"queue": "q", "retry_for": 60, "max_deliveries": 0})).max_deliveries, None);
        assert_eq!(retries(json!({"queue": "q", "retry_for": 60, "max_deliveries": 7})).max_deliveries, Some(7));
    }

    #[test]
    fn templates_may_stand_for_everything() {
        let table = json!({
            "queue": "q{{ three }}", "exchange": "{{ three }}", "exchange_type": "topic", "routing_key": "k.{{ three }}",
            "prefetch": "{{ three }}", "max_deliveries": " {{ three }} ", "retry_delay_ms": "{{ three }}00",
            "dead_letter": "d{{ three }}", "declare": "false", "address": "amqp://broker:{{ three }}/v",
        });
        let config = parse(table).unwrap();
        let exchange = config.exchange.unwrap();
        assert_eq!((config.queue.as_str(), exchange.name.as_str(), exchange.routing_key.as_str()), ("q3", "3", "k.3"));
        assert_eq!((config.prefetch, config.retries.max_deliveries, config.declare), (3, Some(3), false));
        assert_eq!((config.dead_letter.as_str(), config.retries.first_delay), ("d3", Duration::from_millis(300)));
        assert_eq!(config.address.name, "broker:3/v");
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (table, part) in [
            (json!({"queue": "q", "colour": 1}), "colour"),
            (json!({"queue": ""}), "`queue` is empty"),
            (json!({"queue": "q".repeat(251)}), "`queue` is longer"),
            (json!({"queue": "q", "prefetch": 0}), "`prefetch` is 0"),
            (json!({"queue": "q", "prefetch": "many"}), "`prefetch` is not a whole number"),
            (json!({"queue": "q", "max_deliveries": 0}), "`max_deliveries` is 0"),
            (json!({"queue": "q", "retry_delay_ms": 900_001}), "`retry_delay_ms` is 900001"),
            (json!({"queue": "q", "retry_for": 2_592_001}), "`retry_for` is 2592001"),
            (json!({"queue": "q", "exchange": "e", "exchange_type": "headers"}), "fanout, direct or topic"),
            (json!({"queue": "q", "routing_key": "k"}), "`routing_key`, which means nothing without `exchange`"),
            (json!({"queue": "q", "dead_letter": "q"}), "`dead_letter` is its `queue`"),
            (json!({"queue": "q", "declare": "maybe"}), "neither true nor false"),
            (json!({"queue": "{{ nope }}"}), "nope"),
            (json!({"queue": "q", "address": "broker:5672"}), "cannot be read"),
            (json!({"queue": "q", "address": "http://u:secret@broker"}), "cannot be read"),
        ] {
            let error = parse(table).unwrap_err();
            assert!(error.contains(part) && !error.contains("secret"), "{error}");
        }
    }
}
