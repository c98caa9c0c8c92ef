//! The delivery log: what was delivered to whom.
//!
//! A delivery is logged twice under one id: in the log of all recipients and in that of its own recipient. Both entries
//! name the user, so that an export finds them and an erasure removes them; the recipients of a user are stored for as
//! long as a log can have an entry for them.

use super::reply::is_nothing;
use super::{Command, Reply, ReplyError};
use identity::{Email, UserId};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How many deliveries the log holds, all recipients together.
pub(super) const LOG_LENGTH: u64 = 10_000;
/// How many deliveries the log holds for one recipient.
pub(super) const RECIPIENT_LOG_LENGTH: u64 = 100;
/// How long a recipient's log is stored after the last delivery, and how old its entries get. So no entry is older than
/// twice this time, which is how long [`recipients_of`] is stored.
pub(super) const RECIPIENT_LOG_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The key of the delivery log of all recipients: a stream whose entries have the fields `item`, `user_id` and
/// `recipient`.
pub const DELIVERY_LOG: &str = "concierge:notifications";

/// The field of an entry that holds the delivery.
pub(super) const ITEM: &str = "item";
/// The fields that an entry may have.
const FIELDS: &[&str] = &[ITEM, "user_id", "recipient"];

/// A delivery to be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedDelivery {
    /// Whose event it was.
    pub user_id: UserId,
    /// The [`recipient_digest`] of the address.
    pub recipient: String,
    /// The delivery as JSON.
    pub item: String,
}

/// The digest that stands for a recipient in keys: that of the address's [key](Email::key), so that an address has one
/// log however it is typed.
#[must_use]
pub fn recipient_digest(to: &str) -> String {
    let key = Email::parse(to).map_or_else(|_| to.trim().to_lowercase(), |email| email.key().to_owned());
    hex::encode(&Sha256::digest(key.as_bytes())[..16])
}

/// The key of one recipient's delivery log, by the recipient's digest: keys end up in monitoring, where an email
/// address has no place.
#[must_use]
pub fn recipient_log(digest: &str) -> String {
    format!("{DELIVERY_LOG}:{digest}")
}

/// The key of the set of recipients that a user was notified at, former addresses included.
pub(super) fn recipients_of(user: UserId) -> String {
    format!("concierge:recipients:{user}")
}

/// Reads up to `count` entries of a delivery log, newest first, that are older than the entry `before`.
#[must_use]
pub fn read_log(key: &str, before: Option<&str>, count: u64) -> Command {
    let newest = before.map_or_else(|| "+".to_owned(), |entry| format!("({entry}"));
    Command::new("XREVRANGE").arg(key).arg(newest).arg("-").arg("COUNT").number(count)
}

/// Reads the reply to [`read_log`] as pairs of entry id and item.
///
/// # Errors
/// If the reply has another shape.
pub fn log_entries(replies: &[Reply]) -> Result<Vec<(String, Vec<u8>)>, ReplyError> {
    let mut entries = Vec::new();
    let mut rest = if is_nothing(replies) { &[] } else { replies };
    while let [id, fields @ ..] = rest {
        // Replies are flat: an entry extends as far as there are field names, which no id is.
        let count = fields.chunks(2).take_while(|pair| pair[0].text().is_ok_and(|name| FIELDS.contains(&name))).count();
        let fields = fields.get(..2 * count).ok_or(ReplyError)?;
        let item = fields.chunks_exact(2).find(|pair| pair[0].text() == Ok(ITEM)).map(|pair| &pair[1]);
        let Some(Reply::Bytes(item)) = item else { return Err(ReplyError) };
        entries.push((id.text()?.to_owned(), item.clone()));
        rest = &rest[1 + 2 * count..];
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(texts: &[&str]) -> Vec<Reply> {
        texts.iter().map(|text| Reply::Bytes(text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_recipient_has_one_digest_however_the_address_is_typed() {
        assert_eq!(recipient_digest(" Ada@Example.org"), recipient_digest("ada@example.org"));
        // Composed or not, and with the domain in either form.
        assert_eq!(
            recipient_digest("Jose\u{301}@b\u{fc}cher.example"),
            recipient_digest("jos\u{e9}@XN--BCHER-KVA.example")
        );
        assert_eq!(recipient_digest("No Address"), recipient_digest("no address "));
        assert_ne!(recipient_digest("bob@example.org"), recipient_digest("ada@example.org"));
        assert!(!recipient_digest("ada@example.org").contains("ada"));
    }

    #[test]
    fn entries_are_read_with_one_field_and_with_all() {
        let flat = replies(&["18-0", "item", "{1}", "user_id", "7", "recipient", "ab", "17-0", "item", "{2}"]);
        let entry = |id: &str, item: &str| (id.to_owned(), item.as_bytes().to_vec());
        assert_eq!(log_entries(&flat), Ok(vec![entry("18-0", "{1}"), entry("17-0", "{2}")]));
        assert_eq!(log_entries(&[]), Ok(Vec::new()));
        assert_eq!(log_entries(&[Reply::Nil]), Ok(Vec::new()));
    }

    #[test]
    fn entries_of_another_shape_are_an_error() {
        for texts in [&["18-0"][..], &["18-0", "item"], &["18-0", "user_id", "7"], &["18-0", "other", "x"]] {
            assert_eq!(log_entries(&replies(texts)), Err(ReplyError), "{texts:?}");
        }
    }
}
