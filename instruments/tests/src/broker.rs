//! The broker, in its own words: what is on a stream, who has which delivery, what is dead.

use redis::{Connection, FromRedisValue, cmd};
use std::collections::HashMap;

/// The exchange of logins.
pub const LOGINS: &str = "user_login_event";
/// The exchange of sign-ups.
pub const SIGN_UPS: &str = "new_user_event";
/// The queue of mails about logins.
pub const LOGIN_EMAIL: &str = "login_email_notification";
/// The queue of SMS about logins.
pub const LOGIN_SMS: &str = "login_sms_notification";
/// The queue of welcomes.
pub const WELCOME: &str = "welcome_email_notification";

/// The queues of the application.
pub const QUEUES: [&str; 3] = [LOGIN_EMAIL, LOGIN_SMS, WELCOME];

/// A connection to Redis.
pub struct Broker {
    connection: Connection,
}

/// A delivery that is not acknowledged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The entry of the stream.
    pub entry: String,
    /// Who has it.
    pub consumer: String,
    /// Which delivery it is, from 1.
    pub deliveries: u64,
}

/// A dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// What was published.
    pub event: String,
    /// After how many deliveries it was given up.
    pub deliveries: u64,
    /// Why.
    pub reason: String,
}

type Entries = Vec<(String, HashMap<String, String>)>;

impl Broker {
    /// Connects.
    ///
    /// # Panics
    /// If it does not answer.
    pub(crate) fn connect(url: &str) -> Self {
        let client = redis::Client::open(url).expect("Redis has a URL");
        Self { connection: client.get_connection().expect("Redis answers") }
    }

    fn run<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> T {
        command.query(&mut self.connection).expect("Redis does what it is asked")
    }

    /// Puts a message onto an exchange's stream, without ringing; gives its entry.
    pub fn add(&mut self, exchange: &str, message: &str) -> String {
        self.run(cmd("XADD").arg(exchange).arg("*").arg("event").arg(message))
    }

    /// Puts a dead letter into a queue, with this reason.
    pub fn add_dead_letter(&mut self, queue: &str, reason: &str) {
        let key = format!("{queue}.dead");
        let fields = [("event", "{}"), ("entry", "1-0"), ("deliveries", "1"), ("reason", reason), ("first", "0")];
        let _: String = self.run(cmd("XADD").arg(key).arg("*").arg(&fields));
    }

    /// Acknowledges an entry as a member of this group.
    pub fn acknowledge(&mut self, exchange: &str, queue: &str, entry: &str) {
        let _: u64 = self.run(cmd("XACK").arg(exchange).arg(queue).arg(entry));
    }

    /// Claims the next message of a queue, which is made if it is not there, and does nothing with it; gives its entry.
    pub fn claim(&mut self, exchange: &str, queue: &str, consumer: &str) -> String {
        let make = cmd("XGROUP").arg("CREATE").arg(exchange).arg(queue).arg("0").arg("MKSTREAM").to_owned();
        // It may be there already.
        let _made = make.query::<()>(&mut self.connection);
        let claim = cmd("XREADGROUP").arg("GROUP").arg(queue).arg(consumer).arg("COUNT").arg(1).to_owned();
        let claimed: Vec<(String, Entries)> = self.run(claim.clone().arg("STREAMS").arg(exchange).arg(">"));
        claimed[0].1[0].0.clone()
    }

    /// Claims an entry again and does nothing with it, as somebody who dies at once.
    pub fn claim_again(&mut self, exchange: &str, queue: &str, entry: &str, consumer: &str) {
        let claimed: Entries = self.run(cmd("XCLAIM").arg(exchange).arg(queue).arg(consumer).arg(0).arg(entry));
        assert_eq!(claimed.len(), 1);
    }

    /// Enters a consumer of a queue that never asks for anything.
    pub fn add_idle_consumer(&mut self, exchange: &str, queue: &str, consumer: &str) {
        let _made: i64 = self.run(cmd("XGROUP").arg("CREATECONSUMER").arg(exchange).arg(queue).arg(consumer));
    }

    /// Makes a consumer group that is none of ours, and reads nothing.
    pub fn add_foreign_group(&mut self, exchange: &str, group: &str) {
        let _made: String = self.run(cmd("XGROUP").arg("CREATE").arg(exchange).arg(group).arg("0").arg("MKSTREAM"));
    }

    /// The consumers of a queue by name.
    pub fn consumers(&mut self, exchange: &str, queue: &str) -> Vec<String> {
        let consumers: Vec<HashMap<String, redis::Value>> =
            self.run(cmd("XINFO").arg("CONSUMERS").arg(exchange).arg(queue));
        consumers.iter().map(|consumer| String::from_redis_value_ref(&consumer["name"]).expect("a name")).collect()
    }

    /// The queues of an exchange by name.
    pub fn queues(&mut self, exchange: &str) -> Vec<String> {
        let groups: Vec<HashMap<String, redis::Value>> = self.run(cmd("XINFO").arg("GROUPS").arg(exchange));
        groups.iter().map(|group| String::from_redis_value_ref(&group["name"]).expect("a name")).collect()
    }

    /// How many messages Redis itself says that a queue has not read; what autoscalers look at.
    pub fn lag(&mut self, exchange: &str, queue: &str) -> Option<i64> {
        let groups: Vec<HashMap<String, redis::Value>> = self.run(cmd("XINFO").arg("GROUPS").arg(exchange));
        let is_it = |group: &&HashMap<String, redis::Value>| {
            String::from_redis_value_ref(&group["name"]).is_ok_and(|name| name == queue)
        };
        groups.iter().find(is_it).and_then(|group| Option::from_redis_value_ref(&group["lag"]).expect("a number"))
    }

    /// Leaves Redis no room for anything further, or all that it wants again.
    pub fn fill(&mut self, is_full: bool) {
        let limit = if is_full { 1 } else { 0 };
        let _set: String = self.run(cmd("CONFIG").arg("SET").arg("maxmemory").arg(limit));
    }

    /// Puts a value where the broker keeps something else.
    pub fn spoil(&mut self, key: &str) {
        let _set: String = self.run(cmd("SET").arg(key).arg("spoilt"));
    }

    /// Takes an entry out of a stream, whoever has claimed it.
    pub fn remove(&mut self, exchange: &str, entry: &str) {
        let _removed: i64 = self.run(cmd("XDEL").arg(exchange).arg(entry));
    }

    /// Wakes the consumers.
    pub fn wake_consumers(&mut self) {
        let _heard: i64 = self.run(cmd("PUBLISH").arg(LOGINS).arg("wake-up"));
    }

    /// How many subscribers the exchange has that has the fewest.
    pub fn subscribers(&mut self) -> u64 {
        let counts: HashMap<String, u64> = self.run(cmd("PUBSUB").arg("NUMSUB").arg(LOGINS).arg(SIGN_UPS));
        counts.into_values().min().unwrap_or_default()
    }

    /// How many entries a stream has.
    pub fn length(&mut self, key: &str) -> u64 {
        self.run(cmd("XLEN").arg(key))
    }

    /// The messages on an exchange's stream, oldest first.
    pub fn messages(&mut self, exchange: &str) -> Vec<String> {
        let entries: Entries = self.run(cmd("XRANGE").arg(exchange).arg("-").arg("+"));
        entries.into_iter().filter_map(|(_, mut fields)| fields.remove("event")).collect()
    }

    /// The deliveries of a queue that are not acknowledged yet. A queue that is not there has none.
    pub fn pending(&mut self, exchange: &str, queue: &str) -> Vec<Pending> {
        let command =
            cmd("XPENDING").arg(exchange).arg(queue).arg("-").arg("+").arg(10_000).query(&mut self.connection);
        let entries: Vec<(String, String, u64, u64)> = match command {
            Err(error) if error.to_string().contains("NOGROUP") => Vec::new(),
            other => other.expect("Redis does what it is asked"),
        };
        entries.into_iter().map(|(entry, consumer, _, deliveries)| Pending { entry, consumer, deliveries }).collect()
    }

    /// How often a consumer has begun to send the message of an event.
    pub fn begun(&mut self, queue: &str, event_id: &str) -> u64 {
        let held: Option<String> = self.run(cmd("GET").arg(format!("concierge:handled:{queue}:{event_id}")));
        held.and_then(|held| held.split(' ').nth(1)?.parse().ok()).unwrap_or_default()
    }

    /// The dead letters of a queue, oldest first.
    pub fn dead_letters(&mut self, queue: &str) -> Vec<DeadLetter> {
        let entries: Entries = self.run(cmd("XRANGE").arg(format!("{queue}.dead")).arg("-").arg("+"));
        entries
            .into_iter()
            .map(|(_, mut fields)| DeadLetter {
                event: fields.remove("event").unwrap_or_default(),
                deliveries: fields.remove("deliveries").and_then(|text| text.parse().ok()).unwrap_or_default(),
                reason: fields.remove("reason").unwrap_or_default(),
            })
            .collect()
    }
}

/// A login event as auth publishes it, of the user 7.
#[must_use]
pub fn login_event(id: &str, email: &str) -> String {
    login_event_of(id, 7, email)
}

/// A login event as auth publishes it.
#[must_use]
pub fn login_event_of(id: &str, user_id: i64, email: &str) -> String {
    serde_json::json!({
        "specversion": "1.0",
        "id": id,
        "source": "/auth-ms",
        "type": LOGINS,
        "subject": user_id.to_string(),
        "time": "2024-05-06T07:08:09Z",
        "datacontenttype": "application/json",
        "data": {"user_id": user_id, "email": email, "phone": "+39021234567"},
    })
    .to_string()
}
