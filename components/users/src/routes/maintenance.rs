//! POST /users-ms/internal/outbox/sweep: what a schedule runs. Publishes events that are left in the outbox, erases what is
//! left of users who were removed, and deletes what has expired.

use super::Call;
use crate::settings;
use crate::store::{
    Store, audit, challenges, exports, idempotency, invitations, mail_sign_ins, not_me, oauth_sessions,
    passkey_sign_ins, phones, rate_limits, sessions, tickets,
};
use crate::{erasure, outbox};
use api::users::SweepResult;
use api::users::operation::Sweep;
use problem::Problem;
use service_kit::HandlerResult;
use std::time::{Duration, Instant};

/// How long one run deletes what has expired; the next continues.
const CLEAN_UP: Duration = Duration::from_secs(6);

/// Runs all of it.
pub(super) fn run_maintenance(call: &Call<'_, Sweep>) -> HandlerResult {
    let store = Store::open()?;
    outbox::purge_published(&store)?;
    let swept = outbox::sweep(&store)?;
    erasure::sweep(&store)?;
    clean_up(&store, settings::audit_retention()?)?;
    Ok(call.ok(&SweepResult { published: swept.published as u64, left: swept.left as u64 }))
}

/// Deletes what has expired, in steps that lock little. Tables take turns, so that none waits for a long one to be done.
fn clean_up(store: &Store, audit_days: u32) -> Result<(), Problem> {
    let steps: [&dyn Fn() -> Result<bool, Problem>; 15] = [
        &|| rate_limits::delete_expired(store),
        &|| sessions::delete_ended(store),
        &|| idempotency::delete_expired(store),
        &|| exports::delete_expired(store),
        &|| tickets::delete_expired(store),
        &|| tickets::delete_used(store),
        &|| invitations::delete_expired(store),
        &|| challenges::delete_expired(store),
        &|| passkey_sign_ins::delete_expired(store),
        &|| phones::delete_expired(store),
        &|| phones::delete_past_counts(store),
        &|| mail_sign_ins::delete_expired(store),
        &|| not_me::delete_expired(store),
        &|| oauth_sessions::delete_expired(store),
        &|| audit::delete_expired(store, audit_days),
    ];
    let start = Instant::now();
    let mut left = steps.to_vec();
    while !left.is_empty() {
        let mut further = Vec::new();
        for step in left {
            if step()? && start.elapsed() < CLEAN_UP {
                further.push(step);
            }
        }
        left = further;
    }
    Ok(())
}
