//! Dead letters as an operator sees them: which event, why, and since when; never their content.

use api::notification::DeadLetter;
use events::redis::recipient_digest;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Shows a dead letter. A message that is not an event has nothing to show but its reason. The times are in milliseconds since
/// 1970; the first is zero if nothing was tried.
#[must_use]
pub fn shown_letter(
    id: String,
    event: &[u8],
    reason: String,
    attempts: u64,
    first_tried: u64,
    dead_since: u64,
) -> DeadLetter {
    let event: Value = serde_json::from_slice(event).unwrap_or_default();
    let text = |name: &str| event[name].as_str().filter(|text| is_a_word(text)).map(str::to_owned);
    DeadLetter {
        id,
        event_id: text("id"),
        event_type: text("type"),
        reason,
        attempts,
        first_tried: shown_time(first_tried),
        dead_since: shown_time(dead_since),
    }
}

/// Whether a message is an event about the account with this address, however it is typed.
#[must_use]
pub fn is_about(event: &[u8], address: &str) -> bool {
    let event: Value = serde_json::from_slice(event).unwrap_or_default();
    let wanted = recipient_digest(address);
    event["data"]["email"].as_str().is_some_and(|email| recipient_digest(email) == wanted)
}

/// Whether a text is a plausible id or type: anybody may have published anything as an event.
fn is_a_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A time in milliseconds since 1970, as it is shown; zero is none.
#[must_use]
pub fn shown_time(milliseconds: u64) -> Option<String> {
    if milliseconds == 0 {
        return None;
    }
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()?;
    time.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_names_its_event_and_nothing_personal() {
        let event = br#"{"id": "e-1", "type": "user_login_event", "data": {"email": "ada@example.org"}}"#;
        let letter = shown_letter("17-0".into(), event, "why".into(), 3, 1_700_000_000_000, 1_700_000_060_000);
        let json = serde_json::to_value(&letter).unwrap();
        assert_eq!((&json["event_id"], &json["event_type"]), (&"e-1".into(), &"user_login_event".into()));
        assert_eq!(json["first_tried"], "2023-11-14T22:13:20Z");
        assert_eq!(json["dead_since"], "2023-11-14T22:14:20Z");
        assert!(!json.to_string().contains("ada"));
    }

    #[test]
    fn a_letter_is_found_by_the_address_of_the_account() {
        let event = br#"{"id": "e-1", "data": {"email": "Ada@example.org"}}"#;
        assert!(is_about(event, " ada@Example.org") && !is_about(event, "bob@example.org"));
        assert!(!is_about(b"hello", "") && !is_about(b"", "ada@example.org"));
    }

    #[test]
    fn a_message_that_is_not_an_event_has_no_id() {
        for event in [&b"hello"[..], br#"{"id": "call +39 02 1234", "type": 7}"#, b""] {
            let json = serde_json::to_value(shown_letter("17-0".into(), event, "why".into(), 1, 0, 0)).unwrap();
            assert_eq!([&json["event_id"], &json["event_type"], &json["first_tried"]], [&Value::Null; 3]);
        }
    }
}
