//! The statement that removes a user.

use super::outbox::{ENQUEUED, OutboxEvent, enqueue};
use super::roles::KEEPS_AN_ADMIN;
use super::tickets::template;
use super::users::asks_for_versions;
use super::{Store, audit, erasures, preconditions};
use ::events::Exchange;
use identity::UserId;
use problem::Problem;
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::{Precondition, Trace};

/// The outcome of a removal.
pub(crate) enum Removed {
    /// The user is removed.
    Done {
        /// Whether the erasure is the caller's to start.
        is_mine: bool,
        /// For the caller to publish.
        events: Vec<OutboxEvent>,
    },
    /// There is none.
    NotFound,
    /// It has another version.
    OtherVersion,
    /// It is the last administrator.
    LastAdministrator,
}

/// Whether so many events and erasures wait that an erasure is left to the sweeps, as new events are: every further one
/// would only wait for the broker as well.
const BROKER_IS_BEHIND: &str = "(
    (SELECT count(*) FROM (SELECT FROM outbox WHERE published_at IS NULL LIMIT 64) AS events)
    + (SELECT count(*) FROM (SELECT FROM erasures WHERE passes = 0 LIMIT 64) AS erasures) >= 64)";

/// Deletes a user if the precondition admits its version, with everything in the database that belongs to it, and
/// records an erasure of the rest. The caller starts the erasure, unless so much waits for the broker that it is left
/// to the sweeps. What is left are two events: the id, for others who erase what they have, and the address, for the last mail
/// to it, which goes with the second pass of the erasure.
pub(crate) fn remove(store: &Store, id: UserId, condition: &Precondition, trace: &Trace) -> Result<Removed, Problem> {
    let (admits, versions) = (preconditions::admits(2), preconditions::parameter(condition));
    // Not who was removed: that is nobody's any more.
    let audited = audit::row("user-removed", "success", "NULL::int8", 4, "removed");
    let statement = format!(
        "WITH removed AS (
            DELETE FROM users WHERE id = $1 AND {admits} AND {KEEPS_AN_ADMIN} RETURNING id, email, locale, zoneinfo
         ), unpublished AS (
            DELETE FROM outbox WHERE id IN (
                SELECT id FROM outbox WHERE event #>> '{{data,user_id}}' IN (SELECT id::text FROM removed)
                ORDER BY id FOR UPDATE)
         ), erased AS (
            INSERT INTO erasures (user_id, due_at)
            SELECT id, now() + make_interval(secs => CASE WHEN {BROKER_IS_BEHIND} THEN 0 ELSE $3::int4 END) FROM removed
            RETURNING due_at > now() AS is_mine
         ), happened AS (
            SELECT 1 AS place, id, $5::text::jsonb AS event, jsonb_build_object('user_id', id) AS data FROM removed
            UNION ALL
            SELECT 2, id, $6::text::jsonb,
                jsonb_strip_nulls(jsonb_build_object('user_id', id, 'email', email, 'locale', locale, 'zoneinfo', zoneinfo)) FROM removed
         ), {}, audited AS ({audited})
         SELECT jsonb_build_object('exists', EXISTS (SELECT FROM users WHERE id = $1),
                                   'removed', EXISTS (SELECT FROM removed),
                                   'is_mine', coalesce((SELECT is_mine FROM erased), false),
                                   'events', {ENQUEUED},
                                   'is_admin', EXISTS (SELECT FROM users WHERE id = $1 AND role = 'admin' AND {admits}))",
        enqueue()
    );
    #[derive(Deserialize)]
    struct Row {
        exists: bool,
        removed: bool,
        is_mine: bool,
        events: Vec<OutboxEvent>,
        is_admin: bool,
    }
    let parameters = [
        ParameterValue::Int64(id.get()),
        versions,
        ParameterValue::Int32(erasures::OWN_LEASE_SECONDS),
        audit::parameter(trace),
        template(Exchange::UserRemoved),
        template(Exchange::RemovalNoticeRequested),
    ];
    let row: Row = store.one(&statement, &parameters)?;
    Ok(match row {
        Row { removed: true, is_mine, events, .. } => Removed::Done { is_mine, events },
        Row { is_admin: true, .. } => Removed::LastAdministrator,
        Row { exists: true, .. } if asks_for_versions(condition) => Removed::OtherVersion,
        Row { .. } => Removed::NotFound,
    })
}
