//! The statements about codes and sessions of clients; see `issue_oauth_code` and those after it in the migrations.

use super::statements::ALIVE;
use super::{Store, audit};
use api::users::{
    IssueOauthCodeRequest, IssueOauthCodeResponse, OauthGrantResponse, OauthUserinfo, RotateOauthTokenRequest,
    SpendOauthCodeRequest,
};
use problem::Problem;
use serde::Serialize;
use serde_json::{Value, json};
use spin_sdk::pg4::ParameterValue;
use users_domain::{OAUTH_CODE_SECONDS, Trace};
use uuid::Uuid;

/// Keeps a code.
pub(crate) fn issue_code(
    store: &Store,
    request: &IssueOauthCodeRequest,
    trace: &Trace,
) -> Result<IssueOauthCodeResponse, Problem> {
    const STATEMENT: &str = "SELECT jsonb_build_object('outcome', issue_oauth_code($1::text::jsonb))";
    let mut request = traced(request, trace);
    request["seconds"] = OAUTH_CODE_SECONDS.into();
    Ok(store.one(STATEMENT, &[text(&request.to_string())])?)
}

/// Spends a code, and begins a session.
pub(crate) fn spend_code(
    store: &Store,
    request: &SpendOauthCodeRequest,
    trace: &Trace,
) -> Result<OauthGrantResponse, Problem> {
    const STATEMENT: &str = "SELECT spend_oauth_code($1::text::jsonb)";
    Ok(store.one(STATEMENT, &[text(&traced(request, trace).to_string())])?)
}

/// Rotates a refresh token.
pub(crate) fn rotate(
    store: &Store,
    request: &RotateOauthTokenRequest,
    trace: &Trace,
) -> Result<OauthGrantResponse, Problem> {
    const STATEMENT: &str = "SELECT rotate_oauth_token($1::text::jsonb)";
    Ok(store.one(STATEMENT, &[text(&traced(request, trace).to_string())])?)
}

/// The user of a session of this client, if it is alive.
pub(crate) fn find_user(store: &Store, client: Uuid, session: Uuid) -> Result<OauthUserinfo, Problem> {
    let statement = format!(
        "SELECT jsonb_build_object('user', (
            SELECT user_json(u) FROM sessions s JOIN users u ON u.id = s.user_id
            WHERE s.id = $2::text::uuid AND s.client_id = $1::text::uuid AND u.suspended_at IS NULL AND {ALIVE}))"
    );
    Ok(store.one(&statement, &[text(&client.to_string()), text(&session.to_string())])?)
}

/// Ends a session of this client; returns how many.
pub(crate) fn end(store: &Store, client: Uuid, session: Uuid, trace: &Trace) -> Result<u64, Problem> {
    let statement = format!(
        "WITH ended AS (
            DELETE FROM sessions WHERE id = $2::text::uuid AND client_id = $1::text::uuid RETURNING user_id
         ), audited AS ({})
         SELECT to_jsonb((SELECT count(*) FROM ended))",
        audit::row("logout", "success", "user_id", 3, "ended")
    );
    Ok(store.one(&statement, &[text(&client.to_string()), text(&session.to_string()), audit::parameter(trace)])?)
}

/// Deletes codes that have expired.
pub(crate) fn delete_expired(store: &Store) -> Result<bool, Problem> {
    store.delete_step(
        "WITH gone AS (
            DELETE FROM oauth_codes WHERE digest IN (
                SELECT digest FROM oauth_codes WHERE expires_at < now()
                ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING digest)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}

/// What a function of the database is asked.
fn traced(request: &impl Serialize, trace: &Trace) -> Value {
    let mut request = json!(request);
    request["trace"] = json!(trace);
    request
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
