//! /users-ms/internal/attempts: whether somebody may try to sign in now. auth asks before it checks a password, and
//! says what came of it; users keeps the count, since it has the database.

use super::JSON;
use crate::hashing;
use crate::store::{Store, attempts};
use identity::AttemptKeys;
use serde_json::json;
use shell::{Outcome, Request, ServiceToken, StatusCode, empty};
use users_domain::{Counter, EndedForm, judge_keys};

/// POST: asks for a place to hash in.
pub(super) fn begin_attempt(request: &Request) -> Outcome {
    ServiceToken::require(request)?;
    request.query(&[])?;
    let keys = judge_keys(request.json::<AttemptKeys>(JSON)?)?;
    let begun = hashing::begin(&Store::open()?, &Counter::of_attempt(&keys))?;
    Ok(shell::json(StatusCode::OK, &json!({"place": begun.place, "retry_after": begun.retry_after})))
}

/// POST `/end`: gives the place back, and says whether the password was right.
pub(super) fn end_attempt(request: &Request) -> Outcome {
    ServiceToken::require(request)?;
    request.query(&[])?;
    let ended = request.json::<EndedForm>(JSON)?.validate()?;
    let counters = hashing::counted(Counter::of_attempt(&ended.counted));
    let known_as = Some(ended.counted.pair.as_str()).filter(|_| !counters.is_empty());
    attempts::end(&Store::open()?, &ended.place, &counters, known_as, ended.succeeded)?;
    Ok(empty(StatusCode::NO_CONTENT))
}
