//! The metrics of the service, out of what the database says.

use api::users::OutboxState;
use metrics::{Exposition, number, users};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What the database says (`read_metrics` in `migrations/0051_metrics.sql`).
#[derive(Clone, Debug, Deserialize)]
pub struct Measured {
    audit_events: Vec<AuditTotal>,
    hash_permits: Permits,
    outbox: OutboxState,
    tickets: BTreeMap<String, u64>,
    users: Option<u64>,
    sessions: Option<u64>,
    connections: u64,
    connections_limit: u64,
    database_bytes: u64,
}

/// How many rows of the audit log there were of a kind.
#[derive(Clone, Debug, Deserialize)]
struct AuditTotal {
    action: String,
    result: String,
    total: u64,
}

/// The hashing permits.
#[derive(Clone, Debug, Deserialize)]
struct Permits {
    in_use: u64,
    waiting: u64,
}

impl Measured {
    /// As metrics of this version of the service, with so many hashing permits.
    #[must_use]
    pub fn exposed(&self, version: &str, permits: u32) -> Exposition {
        let mut exposition = Exposition::new().with_facts(&users::BUILD, &[version]);
        for AuditTotal { action, result, total } in &self.audit_events {
            exposition = exposition.with(&users::AUDIT_EVENTS, &[action, result], number(*total));
        }
        exposition = exposition
            .with(&users::HASH_PERMITS, &[], permits.into())
            .with(&users::HASH_PERMITS_IN_USE, &[], number(self.hash_permits.in_use))
            .with(&users::HASH_PERMITS_WAITING, &[], number(self.hash_permits.waiting))
            .with(&users::OUTBOX_EVENTS, &[], number(self.outbox.waiting))
            .with(&users::OUTBOX_OLDEST, &[], number(self.outbox.oldest_seconds.unwrap_or(0)))
            .with(&users::OUTBOX_REFUSED, &[], number(self.outbox.refused));
        for (purpose, tickets) in &self.tickets {
            exposition = exposition.with(&users::TICKETS, &[purpose], number(*tickets));
        }
        exposition
            .with_known(&users::USERS, &[], self.users.map(number))
            .with_known(&users::SESSIONS, &[], self.sessions.map(number))
            .with(&users::DATABASE_CONNECTIONS, &[], number(self.connections))
            .with(&users::DATABASE_CONNECTIONS_LIMIT, &[], number(self.connections_limit))
            .with(&users::DATABASE_SIZE, &[], number(self.database_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_database_says_is_shown_and_what_it_does_not_know_is_left_out() {
        let measured: Measured = serde_json::from_value(json!({
            "audit_events": [{"action": "login", "result": "success", "total": 5}],
            "hash_permits": {"in_use": 1, "waiting": 2}, "outbox": {"waiting": 3, "oldest_seconds": 4, "refused": 0},
            "tickets": {"recovery": 6}, "users": 7, "sessions": null, "connections": 8, "connections_limit": 350,
            "database_bytes": 9000
        }))
        .unwrap();
        let text = measured.exposed("1.2.3", 16).into_text();
        for line in [
            "concierge_users_build_info{version=\"1.2.3\"} 1",
            "concierge_audit_events_total{action=\"login\",result=\"success\"} 5.0",
            "concierge_hash_permits 16.0",
            "concierge_tickets{purpose=\"recovery\"} 6.0",
            "concierge_users 7.0",
            "concierge_database_size_bytes 9000.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("concierge_sessions"), "{text}");
    }
}
