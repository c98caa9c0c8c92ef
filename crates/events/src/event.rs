//! Events on the wire: CloudEvents 1.0 in its JSON format.

use crate::{Exchange, Payload};
use identity::{Locale, ZoneInfo};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use trace_context::{Correlation, TraceContext};
use uuid::Uuid;

/// The largest event that is published or consumed, in bytes. The largest that the services make is a twentieth of it.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;

/// The version of CloudEvents.
const SPEC_VERSION: &str = "1.0";

/// An event. The id makes two deliveries the same event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Unique for ever; consumers recognise a repeated event by it.
    pub id: Uuid,
    /// Which service it happened in, as a path: `/auth-ms`.
    pub source: String,
    /// When, in UTC.
    pub time: OffsetDateTime,
    /// What.
    pub payload: Payload,
    /// The language of the user whom it is about: `locale` among the data, if it is known.
    pub locale: Option<Locale>,
    /// The time zone of that user: `zoneinfo` among the data, if it is known.
    pub zoneinfo: Option<ZoneInfo>,
    /// The trace and the request that it happened in, if they are known: `traceparent`, the extension for distributed
    /// tracing, and `requestid`.
    pub correlation: Option<Correlation>,
}

/// The envelope of CloudEvents 1.0.2, section 3. Attributes that are not known here are allowed, as the
/// specification asks of a consumer.
#[derive(Serialize, Deserialize)]
struct Envelope {
    specversion: String,
    id: Uuid,
    source: String,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    time: OffsetDateTime,
    datacontenttype: Option<String>,
    /// Any value, so that what another producer writes here keeps no event from being read.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requestid: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<serde_json::Value>,
}

impl Envelope {
    /// The attributes of a correlation.
    fn in_trace(self, correlation: Option<&Correlation>) -> Self {
        let Some(Correlation { trace, request_id }) = correlation else { return self };
        Self { traceparent: Some(trace.as_str().into()), requestid: request_id.clone().map(Into::into), ..self }
    }

    /// The correlation that it says. What is no trace context is none.
    fn correlation(&self) -> Option<Correlation> {
        let trace = TraceContext::parse(self.traceparent.as_ref()?.as_str()?)?;
        let request_id = self.requestid.as_ref().and_then(|id| id.as_str().filter(|id| is_request_id(id)));
        Some(Correlation { trace, request_id: request_id.map(str::to_owned) })
    }
}

impl Event {
    /// A new event that happened now, in what is under way.
    #[must_use]
    pub fn new(source: &str, payload: Payload) -> Self {
        Self {
            id: Uuid::new_v4(),
            source: source.to_owned(),
            time: OffsetDateTime::now_utc(),
            payload,
            locale: None,
            zoneinfo: None,
            correlation: trace_context::current(),
        }
    }

    /// The JSON of a new event of this exchange without `subject` and `data`: the database adds both, in the statement
    /// that makes the change.
    #[must_use]
    pub fn template(source: &str, exchange: Exchange) -> String {
        let envelope = Envelope {
            specversion: SPEC_VERSION.to_owned(),
            id: Uuid::new_v4(),
            source: source.to_owned(),
            r#type: exchange.name().to_owned(),
            subject: None,
            time: OffsetDateTime::now_utc(),
            datacontenttype: Some("application/json".to_owned()),
            traceparent: None,
            requestid: None,
            data: None,
        };
        let envelope = envelope.in_trace(trace_context::current().as_ref());
        serde_json::to_string(&envelope).expect("strings always serialise")
    }

    /// The event as JSON. `subject` is the user's id.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut data = self.payload.to_json();
        if let Some(locale) = &self.locale {
            data["locale"] = locale.as_str().into();
        }
        if let Some(zone) = &self.zoneinfo {
            data["zoneinfo"] = zone.as_str().into();
        }
        let envelope = Envelope {
            specversion: SPEC_VERSION.to_owned(),
            id: self.id,
            source: self.source.clone(),
            r#type: self.payload.exchange().name().to_owned(),
            subject: Some(self.payload.user_id().to_string()),
            time: self.time,
            datacontenttype: Some("application/json".to_owned()),
            traceparent: None,
            requestid: None,
            data: Some(data),
        };
        let envelope = envelope.in_trace(self.correlation.as_ref());
        serde_json::to_string(&envelope).expect("strings and integers always serialise")
    }

    /// Parses an event.
    ///
    /// # Errors
    /// If it is too large, not CloudEvents 1.0 JSON, of an unknown type, or its data do not match its type. The errors
    /// do not repeat the input.
    pub fn from_json(json: &[u8]) -> Result<Self, EventError> {
        if json.len() > MAX_EVENT_BYTES {
            return Err(EventError::TooLarge);
        }
        let envelope: serde_json::Value = serde_json::from_slice(json).map_err(|_| EventError::NotAnEvent)?;
        // serde also reads a struct from an array of its fields' values; an event is an object.
        if !envelope.is_object() {
            return Err(EventError::NotAnEvent);
        }
        let envelope: Envelope = serde_json::from_value(envelope).map_err(|_| EventError::NotAnEvent)?;
        if envelope.specversion != SPEC_VERSION {
            return Err(EventError::NotAnEvent);
        }
        let correlation = envelope.correlation();
        let data = envelope.data.filter(serde_json::Value::is_object).ok_or(EventError::BadData)?;
        // One that is no tag is none: the message is sent in the default language.
        let locale = data.get("locale").and_then(|locale| Locale::parse(locale.as_str()?).ok());
        let zoneinfo = data.get("zoneinfo").and_then(|zone| ZoneInfo::parse(zone.as_str()?).ok());
        let exchange = Exchange::from_name(&envelope.r#type).ok_or(EventError::UnknownType)?;
        let payload = Payload::from_json(exchange, data).map_err(|_| EventError::BadData)?;
        let Envelope { id, source, time, .. } = envelope;
        Ok(Self { id, source, time, payload, locale, zoneinfo, correlation })
    }
}

/// The longest request id.
const MAX_REQUEST_ID: usize = 64;

/// Whether a text can be a request's id: short, and of characters that mean nothing anywhere.
#[must_use]
pub fn is_request_id(id: &str) -> bool {
    (1..=MAX_REQUEST_ID).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
}

/// Why a message is not an [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Over [`MAX_EVENT_BYTES`].
    #[error("the message is larger than {MAX_EVENT_BYTES} bytes")]
    TooLarge,
    /// Not CloudEvents 1.0 JSON.
    #[error("the message is not CloudEvents 1.0 JSON")]
    NotAnEvent,
    /// A type that this service does not know.
    #[error("the event's type is unknown")]
    UnknownType,
    /// Data that do not fit the type.
    #[error("the event's data do not fit its type")]
    BadData,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Login;
    use identity::UserId;

    fn login() -> Event {
        let user_id = UserId::try_from(7).unwrap();
        Event::new("/auth-ms", Payload::Login(Login::of(user_id, "ada@example.org".into(), None)))
    }

    #[test]
    fn an_event_reads_back_as_it_was_written() {
        let event = login();
        assert_eq!(Event::from_json(event.to_json().as_bytes()).unwrap(), event);
    }

    #[test]
    fn the_envelope_is_cloudevents() {
        let json: serde_json::Value = serde_json::from_str(&login().to_json()).unwrap();
        assert_eq!(json["specversion"], "1.0");
        assert_eq!(json["type"], "user_login_event");
        assert_eq!(json["subject"], "7");
        assert_eq!(json["source"], "/auth-ms");
        assert_eq!(json["datacontenttype"], "application/json");
    }

    #[test]
    fn a_template_is_an_event_once_subject_and_data_are_there() {
        let mut json: serde_json::Value =
            serde_json::from_str(&Event::template("/users-ms", Exchange::NewUser)).unwrap();
        assert!(json.get("subject").is_none());
        json["subject"] = "7".into();
        json["data"] = serde_json::json!({"user_id": 7, "email": "ada@example.org", "name": "Ada"});
        let event = Event::from_json(json.to_string().as_bytes()).unwrap();
        assert_eq!(event.payload.exchange(), Exchange::NewUser);
    }

    #[test]
    fn an_event_has_a_language_among_its_data_if_it_is_known() {
        let event = Event { locale: Locale::parse("pt-BR").ok(), ..login() };
        let mut json: serde_json::Value = serde_json::from_str(&event.to_json()).unwrap();
        assert_eq!(json["data"]["locale"], "pt-BR");
        assert_eq!(Event::from_json(json.to_string().as_bytes()).unwrap(), event);
        for other in [serde_json::json!("no tag"), serde_json::json!(7), serde_json::Value::Null] {
            json["data"]["locale"] = other;
            assert_eq!(Event::from_json(json.to_string().as_bytes()).unwrap().locale, None);
        }
    }

    #[test]
    fn an_event_of_an_earlier_version_is_read() {
        let json = r#"{"specversion":"1.0","id":"0b9f3b1e-2785-4e05-8d43-cf306e7251f4","source":"/auth-ms",
            "type":"user_login_event","time":"2026-01-02T03:04:05Z","data":{"user_id":7,"email":"ada@example.org"}}"#;
        let event = Event::from_json(json.as_bytes()).unwrap();
        let login = Login::of(UserId::try_from(7).unwrap(), "ada@example.org".into(), None);
        assert_eq!((event.payload, event.locale), (Payload::Login(login), None));
    }

    #[test]
    fn two_events_have_two_ids() {
        assert_ne!(login().id, login().id);
    }

    #[test]
    fn an_invalid_event_is_refused_with_its_error() {
        let good: serde_json::Value = serde_json::from_str(&login().to_json()).unwrap();
        let with = |key: &str, value: serde_json::Value| {
            let mut json = good.clone();
            json[key] = value;
            Event::from_json(json.to_string().as_bytes()).unwrap_err()
        };
        assert_eq!(Event::from_json(b"hello").unwrap_err(), EventError::NotAnEvent);
        assert_eq!(Event::from_json(b"{}").unwrap_err(), EventError::NotAnEvent);
        assert_eq!(Event::from_json(b"[]").unwrap_err(), EventError::NotAnEvent);
        assert_eq!(with("data", serde_json::json!([7, "ada@example.org", null])), EventError::BadData);
        assert_eq!(with("specversion", "2.0".into()), EventError::NotAnEvent);
        assert_eq!(with("type", "order_event".into()), EventError::UnknownType);
        assert_eq!(with("data", serde_json::json!({"user_id": 0, "email": "x"})), EventError::BadData);
        assert_eq!(Event::from_json(&vec![b' '; MAX_EVENT_BYTES + 1]).unwrap_err(), EventError::TooLarge);
    }

    #[test]
    fn an_event_belongs_to_the_trace_and_the_request_that_it_happened_in() {
        let trace = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        let correlation = Correlation { trace, request_id: Some("r1".to_owned()) };
        let (event, template) = trace_context::scope_sync(correlation.clone(), || {
            (login(), Event::template("/users-ms", Exchange::NewUser))
        });
        assert_eq!(event.correlation, Some(correlation));
        assert_eq!(Event::from_json(event.to_json().as_bytes()).unwrap(), event);
        for json in [event.to_json(), template] {
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(json["traceparent"], "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
            assert_eq!(json["requestid"], "r1");
        }
        let outside: serde_json::Value = serde_json::from_str(&login().to_json()).unwrap();
        assert!(outside.get("traceparent").is_none() && outside.get("requestid").is_none());
    }

    #[test]
    fn attributes_of_other_producers_are_allowed() {
        let mut json: serde_json::Value = serde_json::from_str(&login().to_json()).unwrap();
        json["tenant"] = "a".into();
        let read = |json: &serde_json::Value| Event::from_json(json.to_string().as_bytes()).unwrap().correlation;
        assert_eq!(read(&json), None);
        for traceparent in [serde_json::json!(7), serde_json::json!("no trace"), serde_json::Value::Null] {
            json["traceparent"] = traceparent;
            assert_eq!(read(&json), None);
        }
        json["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into();
        for request_id in [serde_json::json!(7), serde_json::json!("a b"), serde_json::json!("x".repeat(65))] {
            json["requestid"] = request_id;
            assert_eq!(read(&json).unwrap().request_id, None);
        }
    }
}
