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

/// How many ended sessions one statement deletes, and how many statements one run executes.
const SESSIONS_PER_STEP: i64 = 1_000;
const STEPS: usize = 10;

/// Runs all of it.
pub(super) fn run_maintenance(call: &Call<'_, Sweep>) -> HandlerResult {
    let store = Store::open()?;
    outbox::purge_published(&store)?;
    let swept = outbox::sweep(&store)?;
    erasure::sweep(&store)?;
    rate_limits::delete_expired(&store)?;
    delete_ended_sessions(&store)?;
    idempotency::delete_expired(&store)?;
    exports::delete_expired(&store)?;
    tickets::delete_expired(&store)?;
    tickets::delete_used(&store)?;
    invitations::delete_expired(&store)?;
    challenges::delete_expired(&store)?;
    passkey_sign_ins::delete_expired(&store)?;
    phones::delete_expired(&store)?;
    mail_sign_ins::delete_expired(&store)?;
    not_me::delete_expired(&store)?;
    oauth_sessions::delete_expired(&store)?;
    audit::delete_expired(&store, settings::audit_retention()?)?;
    Ok(call.ok(&SweepResult { published: swept.published as u64, left: swept.left as u64 }))
}

/// Deletes sessions that have ended, in steps that lock little; the next run continues.
fn delete_ended_sessions(store: &Store) -> Result<(), Problem> {
    for _ in 0..STEPS {
        if sessions::delete_ended(store, SESSIONS_PER_STEP)? < SESSIONS_PER_STEP {
            break;
        }
    }
    Ok(())
}
