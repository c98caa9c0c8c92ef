//! What became of each message: told from what has arrived at the mail provider, not from what anybody says of itself.

use crate::table::table;
use blackbox::mail_api::Posted;
use std::collections::BTreeMap;

/// The kinds of message that a sign-in leads to, by the tag that they arrive with.
pub(crate) const KINDS: [&str; 2] = ["email", "sms"];

/// What became of the messages of one kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    /// The kind.
    pub(crate) kind: &'static str,
    /// How many events there were.
    pub(crate) sent: usize,
    /// How many of them arrived once.
    pub(crate) once: usize,
    /// How many arrived more than once.
    pub(crate) repeated: usize,
    /// How many did not arrive.
    pub(crate) lost: usize,
}

impl Fate {
    /// The fate of the messages of a kind, of which `sent` were sent.
    fn of(kind: &'static str, sent: usize, posted: &[Posted]) -> Self {
        let is_meant = |posted: &&Posted| posted.body["Tags"][0] == kind && is_of_a_login(posted);
        Self::counted(kind, sent, posted.iter().filter(is_meant))
    }

    fn counted<'a>(kind: &'static str, sent: usize, posted: impl Iterator<Item = &'a Posted>) -> Self {
        let mut arrivals = BTreeMap::<&str, usize>::new();
        for posted in posted {
            *arrivals.entry(posted.header("idempotency-key").unwrap_or_default()).or_default() += 1;
        }
        let once = arrivals.values().filter(|count| **count == 1).count();
        Self { kind, sent, once, repeated: arrivals.len() - once, lost: sent.saturating_sub(arrivals.len()) }
    }
}

/// The fate of the welcomes of so many sign-ups.
pub(crate) fn welcomes(sent: usize, posted: &[Posted]) -> Fate {
    Fate::counted("welcome", sent, posted.iter().filter(|posted| !is_of_a_login(posted)))
}

/// The welcome is a mail too, and is not what is counted.
fn is_of_a_login(posted: &Posted) -> bool {
    posted.body["Subject"].as_str().is_some_and(|subject| subject.starts_with("New sign-in"))
}

/// The kind of a message of a sign-in, as its place in [`KINDS`].
pub(crate) fn kind(posted: &Posted) -> Option<usize> {
    KINDS.iter().position(|kind| posted.body["Tags"][0] == *kind).filter(|_| is_of_a_login(posted))
}

/// The fates of all kinds.
pub(crate) fn fates(sent: usize, posted: &[Posted]) -> Vec<Fate> {
    KINDS.map(|kind| Fate::of(kind, sent, posted)).into()
}

/// How many messages of sign-ins have arrived, repeated ones counted once.
pub(crate) fn arrived(posted: &[Posted]) -> usize {
    fates(0, posted).iter().map(|fate| fate.once + fate.repeated).sum()
}

/// The fates as a table.
pub(crate) fn shown(fates: &[Fate]) -> String {
    let rows: Vec<_> = fates
        .iter()
        .map(|fate| {
            let numbers = [fate.sent, fate.once, fate.repeated, fate.lost].map(|number| number.to_string());
            std::iter::once(fate.kind.to_owned()).chain(numbers).collect()
        })
        .collect();
    table(&["kind", "sent", "arrived once", "more than once", "lost"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn posted(kind: &str, event: &str) -> Posted {
        let body = json!({"Subject": "New sign-in", "Tags": [kind]});
        let headers = vec![("idempotency-key".into(), format!("{event}:{kind}"))];
        let at = std::time::Instant::now();
        Posted { request: "POST /api/v1/send".into(), headers, text: body.to_string(), body, at }
    }

    #[test]
    fn once_twice_and_never_are_told_apart() {
        let posted = [posted("email", "a"), posted("email", "b"), posted("email", "b"), posted("sms", "a")];
        let fates = fates(3, &posted);
        assert_eq!(fates[0], Fate { kind: "email", sent: 3, once: 1, repeated: 1, lost: 1 });
        assert_eq!(fates[1], Fate { kind: "sms", sent: 3, once: 1, repeated: 0, lost: 2 });
        assert_eq!(arrived(&posted), 3);
    }
}
