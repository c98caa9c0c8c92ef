//! The delivery log, as the API shows it.

use crate::app::TestApp;
use serde_json::Value;
use std::collections::BTreeMap;

/// One delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Which event it tells of.
    pub event_id: String,
    /// Out of which queue.
    pub queue: String,
    /// To whom.
    pub to: String,
    /// By which consumer.
    pub consumer: String,
    /// At which attempt.
    pub attempts: u64,
}

impl TestApp {
    /// All deliveries to one address, newest first.
    ///
    /// # Panics
    /// If the log does not answer.
    #[must_use]
    pub fn deliveries_to(&self, to: &str) -> Vec<Logged> {
        self.read_log(&format!("limit=100&to={}", to.replace('+', "%2B")))
    }

    /// All deliveries, newest first, page by page.
    ///
    /// # Panics
    /// If the log does not answer.
    #[must_use]
    pub fn all_deliveries(&self) -> Vec<Logged> {
        self.read_log("limit=100")
    }

    fn read_log(&self, query: &str) -> Vec<Logged> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/notification-ms/notifications?{query}{cursor}");
            let page = self.get(&path).bearer(self.operator()).send().expect(200).json();
            all.extend(page["items"].as_array().expect("items is a list").iter().map(logged));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }
}

fn logged(item: &Value) -> Logged {
    let text = |name: &str| item[name].as_str().expect("a delivery has this text").to_owned();
    Logged {
        event_id: text("event_id"),
        queue: text("queue"),
        to: text("to"),
        consumer: text("consumer"),
        attempts: item["attempts"].as_u64().expect("attempts is an integer"),
    }
}

/// How many deliveries there are of each key.
#[must_use]
pub fn count_by<'a>(deliveries: &'a [Logged], key: impl Fn(&'a Logged) -> &'a str) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for delivery in deliveries {
        *counts.entry(key(delivery)).or_default() += 1;
    }
    counts
}

/// The queues of some deliveries, sorted.
#[must_use]
pub fn queues(deliveries: &[Logged]) -> Vec<&str> {
    let mut queues: Vec<_> = deliveries.iter().map(|delivery| delivery.queue.as_str()).collect();
    queues.sort_unstable();
    queues
}
