//! What spans are called and what they say: as Spin 3.6, but for what is nobody's business.
//!
//! Left out are the query strings of requests and the addresses of clients, and of what a component does the parameters of
//! statements and commands, which are people's data. Reading a variable is no span here: it is a look into memory.

use std::borrow::Cow;

use http::{Method, Request, StatusCode, Uri};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::span::{Described, Span, Trace, traceparent};

/// Requests of HTTP, coming in and going out.
pub(crate) struct HttpRequest;

impl HttpRequest {
    /// A request that has come in for a route.
    pub(crate) fn served<B>(request: &Request<B>, route: &str, is_secure: bool) -> Span {
        let described = || Described {
            name: format!("{} {route}", request.method()).into(),
            attributes: vec![
                KeyValue::new("http.request.method", request.method().to_string()),
                KeyValue::new("http.route", route.to_owned()),
                KeyValue::new("network.protocol.name", "http"),
                KeyValue::new("url.path", request.uri().path().to_owned()),
                KeyValue::new("url.scheme", if is_secure { "https" } else { "http" }),
            ],
        };
        Span::incoming(SpanKind::Server, || traceparent(request.headers()), described)
    }

    /// The execution of a component for a request.
    pub(crate) fn executed(trace: &Trace, component: &str) -> Span {
        trace.span(SpanKind::Internal, || Described {
            name: format!("execute_wasm_component {component}").into(),
            attributes: Vec::new(),
        })
    }

    /// A request of a component.
    pub(crate) fn sent(trace: &Trace, method: &Method, uri: &Uri) -> Span {
        trace.span(SpanKind::Client, || {
            let authority = uri.authority().map_or("", |authority| authority.as_str());
            let full = format!("{}://{authority}{}", uri.scheme_str().unwrap_or("http"), uri.path());
            let mut attributes = vec![
                KeyValue::new("http.request.method", method.to_string()),
                KeyValue::new("url.full", full),
                KeyValue::new("server.address", uri.host().unwrap_or_default().to_owned()),
            ];
            attributes.extend(uri.port_u16().map(|port| KeyValue::new("server.port", i64::from(port))));
            Described { name: method.to_string().into(), attributes }
        })
    }

    /// The answer to one of them.
    pub(crate) fn answered(span: &mut Span, status: StatusCode) {
        span.set("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            span.fail("status 5xx");
        }
    }
}

/// PostgreSQL.
pub(crate) struct Sql;

impl Sql {
    /// The connection, from the pool or a new one.
    pub(crate) fn open(trace: &Trace) -> Span {
        trace.span(SpanKind::Client, || client("spin_outbound_pg.open".to_owned(), "db.system", "postgresql"))
    }

    /// A statement.
    pub(crate) fn run(trace: &Trace, statement: &str) -> Span {
        trace.span(SpanKind::Client, || client(statement.to_owned(), "db.system", "postgresql"))
    }
}

/// Redis: what components ask of it, and what wakes them up.
pub(crate) struct Redis;

impl Redis {
    /// The connection, from the pool or a new one.
    pub(crate) fn open(trace: &Trace) -> Span {
        trace.span(SpanKind::Client, || client("spin_outbound_redis.open_connection".to_owned(), "db.system", "redis"))
    }

    /// A command, with what is no value of it.
    pub(crate) fn run(trace: &Trace, command: impl FnOnce() -> String) -> Span {
        trace.span(SpanKind::Client, || client(command(), "db.system", "redis"))
    }

    /// A message of a channel.
    pub(crate) fn received(channel: &str) -> Span {
        Span::incoming(SpanKind::Consumer, || None, || consumer(channel, "redis"))
    }
}

/// MQTT.
pub(crate) struct MqttServer;

impl MqttServer {
    /// The connection: it is made when something is published.
    pub(crate) fn open(trace: &Trace) -> Span {
        trace.span(SpanKind::Client, || Described {
            name: "spin_outbound_mqtt.open_connection".into(),
            attributes: Vec::new(),
        })
    }

    /// A message that a component publishes.
    pub(crate) fn publish(trace: &Trace, topic: &str) -> Span {
        trace.span(SpanKind::Producer, || Described {
            name: format!("{topic} publish").into(),
            attributes: vec![
                KeyValue::new("messaging.operation", "publish"),
                KeyValue::new("messaging.system", "mqtt"),
                KeyValue::new("topic", topic.to_owned()),
            ],
        })
    }
}

/// AMQP.
pub(crate) struct AmqpMessage;

impl AmqpMessage {
    /// A message of a queue: a part of the trace that it says, by its header or by the event that it is.
    pub(crate) fn received(queue: &str, header: Option<&str>, body: &[u8]) -> Span {
        let traceparent = || header.map(Cow::Borrowed).or_else(|| of_event(body).map(Cow::Owned));
        Span::incoming(SpanKind::Consumer, traceparent, || consumer(queue, "rabbitmq"))
    }
}

/// What a CloudEvent in JSON says: the extension for distributed tracing.
fn of_event(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Traced {
        traceparent: String,
    }
    serde_json::from_slice(body).ok().map(|Traced { traceparent }| traceparent)
}

fn client(name: String, kind: &'static str, system: &'static str) -> Described {
    Described { name: name.into(), attributes: vec![KeyValue::new(kind, system)] }
}

fn consumer(source: &str, system: &'static str) -> Described {
    Described {
        name: format!("{source} receive").into(),
        attributes: vec![KeyValue::new("messaging.operation", "receive"), KeyValue::new("messaging.system", system)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_says_its_trace() {
        let traced = br#"{"specversion":"1.0","traceparent":"00-a-b-01","data":{"traceparent":"other"}}"#;
        assert_eq!(of_event(traced).as_deref(), Some("00-a-b-01"));
        for other in [&b"{}"[..], b"[]", b"text", br#"{"traceparent":7}"#] {
            assert_eq!(of_event(other), None);
        }
    }

    #[test]
    fn nothing_is_recorded_where_nobody_asks_for_it() {
        let request = Request::builder().uri("/a?b=c").body(()).unwrap_or_default();
        let span = HttpRequest::served(&request, "/...", false);
        let mut headers = http::HeaderMap::new();
        span.trace().write(&mut headers);
        assert!(headers.is_empty());
        assert_eq!(HttpRequest::executed(&span.trace(), "guest").trace().as_text(), None);
    }
}
