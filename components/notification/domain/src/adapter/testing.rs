//! What the adapters' tests share.

use super::{Account, Adapter, ApiAnswer, ApiRequest};
use crate::{Message, MessageKind, SendError};
use serde_json::Value;
use std::time::Duration;
use time::OffsetDateTime;
use time::macros::datetime;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-02-03 04:05:06 UTC);
pub(crate) const DELIVERY: &str = "event-1:login_email_notification";

/// What an answer was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sorted {
    Sent,
    Temporary(Option<u64>),
    Permanent,
}

pub(crate) fn sorted(result: Result<(), SendError>) -> Sorted {
    match result {
        Ok(()) => Sorted::Sent,
        Err(SendError::Temporary { retry_after, .. }) => Sorted::Temporary(retry_after.as_ref().map(Duration::as_secs)),
        Err(SendError::Permanent { .. }) => Sorted::Permanent,
    }
}

pub(crate) fn account(url: &str, key: &str, from: &str) -> Account {
    Account {
        url: url.to_owned(),
        key: key.to_owned(),
        from: from.to_owned(),
        name: "Bell & Sons".to_owned(),
        reply_to: Some("help@example.org".to_owned()),
    }
}

pub(crate) fn mail() -> Message {
    Message {
        kind: MessageKind::Email,
        to: "ada@example.org".to_owned(),
        phone: None,
        subject: "Hello & welcome".to_owned(),
        text: "Ciao, Ada: è pronto.\n".to_owned(),
        html: Some("<p>Ciao, Ada</p>".to_owned()),
    }
}

pub(crate) fn sms() -> Message {
    Message {
        kind: MessageKind::Sms,
        phone: Some("+39021234567".to_owned()),
        text: "A sign-in + more".to_owned(),
        html: None,
        ..mail()
    }
}

pub(crate) fn header<'a>(request: &'a ApiRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

pub(crate) fn json_of(request: &ApiRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

pub(crate) fn text_of(request: &ApiRequest) -> &str {
    std::str::from_utf8(&request.body).unwrap()
}

/// What an adapter takes an answer for.
pub(crate) fn sort(adapter: &dyn Adapter, status: u16, headers: &[(&str, &str)], body: &str) -> Sorted {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    sorted(adapter.result(&ApiAnswer { status, headers: &headers, body: body.as_bytes(), at: NOW }))
}
