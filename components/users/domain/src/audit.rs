//! The audit log: who did what to whose access, from where, in which request, and what came of it.

use crate::sign_in::Origin;
use identity::UserId;
use serde::Serialize;

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The user whom it is about.
    Owner,
    /// An administrator, to somebody else.
    Administrator(UserId),
    /// A service, or whoever runs one.
    Service,
    /// Nobody who is known.
    Nobody,
}

/// What a row of the audit log says beside what happened.
#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    actor_kind: &'static str,
    actor_id: Option<UserId>,
    network: Option<String>,
    user_agent: Option<String>,
    request_id: String,
}

impl Trace {
    /// What this actor does, from there, in this request.
    #[must_use]
    pub fn new(actor: Actor, origin: Origin, request_id: &str) -> Self {
        let (actor_kind, actor_id) = match actor {
            // Who that is, the row says already.
            Actor::Owner => ("self", None),
            Actor::Administrator(id) => ("administrator", Some(id)),
            Actor::Service => ("service", None),
            Actor::Nobody => ("nobody", None),
        };
        let Origin { user_agent, network } = origin;
        Self { actor_kind, actor_id, network, user_agent, request_id: request_id.to_owned() }
    }

    /// The same without what may say who the actor is.
    #[must_use]
    pub fn of_nowhere(actor: Actor, request_id: &str) -> Self {
        Self::new(actor, Origin { user_agent: None, network: None }, request_id)
    }

    /// As the database reads it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A row that is written when a hashing permit is released.
#[derive(Clone, Debug, Serialize)]
pub struct AuditEntry {
    /// What was tried.
    pub action: &'static str,
    /// What came of it, unless it succeeded.
    pub result: String,
    /// Whom it is about, if anybody.
    pub user_id: Option<UserId>,
    /// Whether only a success shows who it was.
    pub proves: bool,
    /// By whom, and from where.
    pub trace: Trace,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_trace_says_who_from_where_and_in_which_request() {
        let origin = || Origin::from_texts(Some("curl/8.14.1"), Some("203.0.113.0/24"));
        let read = |actor| serde_json::from_str::<Value>(&Trace::new(actor, origin(), "r1").to_json()).unwrap();
        let all = json!({"actor_kind": "administrator", "actor_id": 7, "network": "203.0.113.0/24",
            "user_agent": "curl/8.14.1", "request_id": "r1"});
        assert_eq!(read(Actor::Administrator(UserId::try_from(7).unwrap())), all);
        for (actor, kind) in [(Actor::Owner, "self"), (Actor::Service, "service"), (Actor::Nobody, "nobody")] {
            assert_eq!((&read(actor)["actor_kind"], &read(actor)["actor_id"]), (&json!(kind), &Value::Null));
        }
    }

    #[test]
    fn what_is_no_origin_is_left_out() {
        for (user_agent, network) in [("a\nb", "203.0.113.7/24"), ("", "somewhere"), (&"x".repeat(201), "")] {
            let origin = Origin::from_texts(Some(user_agent), Some(network));
            assert_eq!((origin.user_agent, origin.network), (None, None));
        }
    }
}
