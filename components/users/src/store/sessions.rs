//! The statements about sessions.

use super::preconditions::{self, Acted, answer, precondition_failed};
use super::statements::{self, ALIVE};
use super::{Store, audit};
use api::users::{EndedSession, RotateTokenResponse, Session};
use identity::UserId;
use problem::{Kind, Problem};
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::{Precondition, REAUTHENTICATION_SECONDS, Rotation, ShownToken, Trace};
use uuid::Uuid;

/// The columns of a session as its owner sees it.
pub(super) const SHOWN: &str = "id,
    to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS created_at,
    to_char(used_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS used_at,
    to_char(ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS ends_at,
    user_agent, network, (SELECT c.name FROM oauth_clients c WHERE c.id = client_id) AS application";

/// Rotates a refresh token; see `rotate_refresh_token` in the migrations.
pub(crate) fn rotate(store: &Store, rotation: &Rotation, trace: &Trace) -> Result<RotateTokenResponse, Problem> {
    let parameters = [
        optional_id(rotation.token.session),
        ParameterValue::Int64(rotation.generation),
        text(&rotation.token.digest),
        text(&rotation.next),
        ParameterValue::Int32(rotation.idle_seconds),
        ParameterValue::Int32(rotation.leeway_seconds),
        audit::parameter(trace),
    ];
    Ok(store.one(statements::ROTATE, &parameters)?)
}

/// The sessions of a user that are alive, newest first.
pub(crate) fn list(store: &Store, user_id: UserId) -> Result<Vec<Session>, Problem> {
    let statement = format!(
        "SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY created_at DESC, id), '[]')
         FROM (SELECT {SHOWN} FROM sessions s WHERE user_id = $1 AND {ALIVE}) s"
    );
    Ok(store.one(&statement, &[ParameterValue::Int64(user_id.get())])?)
}

/// A session that is alive.
#[derive(Debug, Deserialize)]
pub(crate) struct Alive {
    /// Whether its user authenticated recently.
    pub(crate) is_recent: bool,
}

/// The session with this id, if it is alive.
pub(crate) fn find_alive(store: &Store, id: Uuid) -> Result<Option<Alive>, Problem> {
    let statement = format!(
        "SELECT (SELECT jsonb_build_object('is_recent', authenticated_at > now() - make_interval(secs => $2::int4))
                 FROM sessions s WHERE s.id = $1::text::uuid AND {ALIVE})"
    );
    Ok(store.one(&statement, &[text(&id.to_string()), ParameterValue::Int32(REAUTHENTICATION_SECONDS)])?)
}

/// Records that the user of a session has authenticated again; false if the session has ended.
pub(crate) fn record_authentication(store: &Store, id: Uuid, trace: &Trace) -> Result<bool, Problem> {
    let audited = audit::row("reauthentication", "success", "user_id", 2, "authenticated");
    let statement = format!(
        "WITH authenticated AS (
            UPDATE sessions s SET authenticated_at = now() WHERE s.id = $1::text::uuid AND {ALIVE} RETURNING user_id
         ), audited AS ({audited})
         SELECT to_jsonb(EXISTS (SELECT FROM authenticated))"
    );
    Ok(store.one(&statement, &[text(&id.to_string()), audit::parameter(trace)])?)
}

/// Which sessions of a user end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended {
    /// All.
    All,
    /// All but this one.
    AllBut(Uuid),
    /// This one.
    One(Uuid),
}

/// Ends sessions of a user at a version that is admitted; returns how many. Nobody has none.
pub(crate) fn end(
    store: &Store,
    user_id: UserId,
    which: Ended,
    condition: &Precondition,
    trace: &Trace,
) -> Result<u64, Problem> {
    let (which, id) = match which {
        Ended::All => ("$2::text IS NULL", None),
        Ended::AllBut(id) => ("s.id <> $2::text::uuid", Some(id)),
        Ended::One(id) => ("s.id = $2::text::uuid", Some(id)),
    };
    let audited = audit::row("sessions-ended", "success", "$1", 3, "(SELECT FROM ended LIMIT 1) e");
    // The user is locked only where a version is asked for.
    let account = match condition {
        Precondition::None | Precondition::Any => {
            "account AS (SELECT true AS is_admitted WHERE $4::text IS NULL)".to_owned()
        }
        Precondition::Versions(_) => preconditions::account(4),
    };
    let statement = format!(
        "WITH {account}, ended AS (
            DELETE FROM sessions s USING account a WHERE a.is_admitted AND s.user_id = $1 AND {which} RETURNING s.id
         ), audited AS ({audited})
         SELECT {}",
        answer("(SELECT count(*) FROM ended)")
    );
    let parameters = [
        ParameterValue::Int64(user_id.get()),
        optional_id(id),
        audit::parameter(trace),
        preconditions::parameter(condition),
    ];
    // Nobody has no version.
    let ended = store.one::<Acted<u64>>(&statement, &parameters)?.into_result();
    ended.map_err(|problem| if problem.kind() == Kind::UserNotFound { precondition_failed() } else { problem })
}

/// Ends the session that a refresh token belongs to, whichever generation it is; returns which.
pub(crate) fn end_by_token(store: &Store, token: &ShownToken, trace: &Trace) -> Result<Option<EndedSession>, Problem> {
    let audited = audit::row("logout", "success", "user_id", 3, "ended");
    let statement = format!(
        "WITH ended AS (
            DELETE FROM sessions WHERE id = coalesce(
                $1::text::uuid, (SELECT session_id FROM former_refresh_tokens WHERE digest = $2))
            RETURNING id AS session_id, user_id
         ), audited AS ({audited})
         SELECT (SELECT to_jsonb(ended) FROM ended)"
    );
    Ok(store.one(&statement, &[optional_id(token.session), text(&token.digest), audit::parameter(trace)])?)
}

/// Deletes sessions that ended more than a day ago, unused or at their absolute end.
pub(crate) fn delete_ended(store: &Store) -> Result<bool, Problem> {
    // `ends_on` is the day of the end, in UTC, and indexed; the times decide.
    const STATEMENT: &str = "
        WITH gone AS (
            DELETE FROM sessions WHERE id IN (
                SELECT id FROM sessions
                WHERE ends_on < (now() AT TIME ZONE 'UTC')::date
                  AND least(idle_until, ends_at) < now() - interval '1 day'
                ORDER BY ends_on LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING id
        )
        SELECT to_jsonb((SELECT count(*) FROM gone))";
    store.delete_step(STATEMENT)
}

fn optional_id(id: Option<Uuid>) -> ParameterValue {
    id.map_or(ParameterValue::DbNull, |id| text(&id.to_string()))
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
