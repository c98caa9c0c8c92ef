//! Liveness and readiness.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use events::redis::Command;
use serde_json::{Value, json};

use crate::answer::{Answer, finish, json as answer, request_id};
use crate::{Peer, statements};

pub(crate) async fn alive(headers: HeaderMap) -> Answer {
    finish(&request_id(&headers), Ok(answer(StatusCode::OK, &json!({"status": "ok"}))))
}

/// One statement.
pub(crate) async fn database(State(peer): State<Arc<Peer>>, headers: HeaderMap) -> Answer {
    let start = Instant::now();
    let is_alive = peer.database.one(statements::PING, &[]).await.unwrap_or(false);
    readiness(&headers, "database", is_alive, start)
}

/// One Redis command.
pub(crate) async fn broker(State(peer): State<Arc<Peer>>, headers: HeaderMap) -> Answer {
    let start = Instant::now();
    let is_alive = peer.broker.run(&Command { name: "PING", arguments: Vec::new() }).await.is_ok();
    readiness(&headers, "broker", is_alive, start)
}

fn readiness(headers: &HeaderMap, name: &str, is_alive: bool, start: Instant) -> Answer {
    let (status, word) =
        if is_alive { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    let latency = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let check = json!({"status": word, "latency_ms": latency});
    // The settings were judged at the start.
    let settings = json!({"status": "ok", "latency_ms": 0});
    let checks: Value = [("configuration".to_owned(), settings), (name.to_owned(), check)].into_iter().collect();
    finish(&request_id(headers), Ok(answer(status, &json!({"status": word, "checks": checks}))))
}
