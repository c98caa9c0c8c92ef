//! The statements about clients of the OpenID Connect provider, and about what people have allowed them.

use super::{Store, audit};
use api::users::{ConnectedApplication, OauthClient};
use identity::UserId;
use problem::Problem;
use serde::Deserialize;
use serde_json::json;
use spin_sdk::pg4::ParameterValue;
use users_domain::{Attempt, ClientFields, MAX_OAUTH_CLIENTS, RESET_SECONDS, Trace};
use uuid::Uuid;

/// All clients, in the order of their names.
pub(crate) fn list(store: &Store) -> Result<Vec<OauthClient>, Problem> {
    const STATEMENT: &str = "
        SELECT coalesce(jsonb_agg(oauth_client_json(c) ORDER BY c.name, c.id), '[]') FROM oauth_clients c";
    Ok(store.one(STATEMENT, &[])?)
}

/// The client with this id.
pub(crate) fn find(store: &Store, id: Uuid) -> Result<Option<OauthClient>, Problem> {
    const STATEMENT: &str = "SELECT (SELECT oauth_client_json(c) FROM oauth_clients c WHERE id = $1::text::uuid)";
    Ok(store.one(STATEMENT, &[text(&id.to_string())])?)
}

/// Registers a client; `None` if there are as many as there may be. Those who register at once do so one after the other.
pub(crate) fn register(
    store: &Store,
    id: Uuid,
    fields: &ClientFields,
    secret_digest: Option<&str>,
    trace: &Trace,
) -> Result<Option<OauthClient>, Problem> {
    let statement = format!(
        "WITH registered AS (
            INSERT INTO oauth_clients AS c (id, name, secret_digest, redirect_uris, post_logout_redirect_uris, scopes, grants)
            SELECT $1::text::uuid, r.name, $3, r.redirect_uris, r.post_logout_redirect_uris, r.scopes, r.grants
            FROM jsonb_to_record($2::text::jsonb) AS r(
                name text, redirect_uris text[], post_logout_redirect_uris text[], scopes text[], grants text[])
            WHERE (SELECT count(*) FROM oauth_clients) < {MAX_OAUTH_CLIENTS}
            RETURNING oauth_client_json(c) AS shown
         ), audited AS ({})
         SELECT (SELECT shown FROM registered)",
        audit::row("oauth-client-registered", "success", "NULL::int8", 4, "registered")
    );
    let secret = secret_digest.map_or(ParameterValue::DbNull, text);
    Ok(store.one(&statement, &[text(&id.to_string()), parameter(fields), secret, audit::parameter(trace)])?)
}

/// Changes a client; `None` if there is none.
pub(crate) fn change(
    store: &Store,
    id: Uuid,
    fields: &ClientFields,
    trace: &Trace,
) -> Result<Option<OauthClient>, Problem> {
    let statement = format!(
        "WITH changed AS (
            UPDATE oauth_clients c SET name = coalesce(r.name, c.name),
                redirect_uris = coalesce(r.redirect_uris, c.redirect_uris),
                post_logout_redirect_uris = coalesce(r.post_logout_redirect_uris, c.post_logout_redirect_uris),
                scopes = coalesce(r.scopes, c.scopes), grants = coalesce(r.grants, c.grants), updated_at = now()
            FROM jsonb_to_record($2::text::jsonb) AS r(
                name text, redirect_uris text[], post_logout_redirect_uris text[], scopes text[], grants text[])
            WHERE c.id = $1::text::uuid
            RETURNING oauth_client_json(c) AS shown
         ), audited AS ({})
         SELECT (SELECT shown FROM changed)",
        audit::row("oauth-client-changed", "success", "NULL::int8", 3, "changed")
    );
    Ok(store.one(&statement, &[text(&id.to_string()), parameter(fields), audit::parameter(trace)])?)
}

/// Gives a confidential client another secret; false if there is none.
pub(crate) fn replace_secret(store: &Store, id: Uuid, digest: &str, trace: &Trace) -> Result<bool, Problem> {
    let statement = format!(
        "WITH changed AS (
            UPDATE oauth_clients SET secret_digest = $2, updated_at = now()
            WHERE id = $1::text::uuid AND secret_digest IS NOT NULL RETURNING id
         ), audited AS ({})
         SELECT to_jsonb(EXISTS (SELECT FROM changed))",
        audit::row("oauth-client-secret-replaced", "success", "NULL::int8", 3, "changed")
    );
    Ok(store.one(&statement, &[text(&id.to_string()), text(digest), audit::parameter(trace)])?)
}

/// Removes a client with its sessions, its codes and what people have allowed it; false if there is none.
pub(crate) fn remove(store: &Store, id: Uuid, trace: &Trace) -> Result<bool, Problem> {
    let statement = format!(
        "WITH removed AS (
            DELETE FROM oauth_clients WHERE id = $1::text::uuid RETURNING id
         ), audited AS ({})
         SELECT to_jsonb(EXISTS (SELECT FROM removed))",
        audit::row("oauth-client-removed", "success", "NULL::int8", 2, "removed")
    );
    Ok(store.one(&statement, &[text(&id.to_string()), audit::parameter(trace)])?)
}

/// What is known before a client is authenticated.
#[derive(Deserialize)]
pub(crate) struct Known {
    /// After how many seconds another try is accepted, if too many have failed.
    pub(crate) retry_after: Option<u32>,
    pub(crate) client: Option<OauthClient>,
    pub(crate) secret_digest: Option<String>,
}

/// The client that one says it is, and whether it may try.
pub(crate) fn find_to_authenticate(store: &Store, id: Uuid, attempt: &Attempt) -> Result<Known, Problem> {
    let statement = format!(
        "SELECT jsonb_build_object(
            'retry_after', (SELECT s.wait FROM rate_limit_state($2::text::jsonb, {RESET_SECONDS}) AS s WHERE s.wait > 0),
            'client', (SELECT oauth_client_json(c) FROM oauth_clients c WHERE id = $1::text::uuid),
            'secret_digest', (SELECT secret_digest FROM oauth_clients c WHERE id = $1::text::uuid))"
    );
    Ok(store.one(&statement, &[text(&id.to_string()), text(&attempt.rate_limits_as_json())])?)
}

/// Counts a wrong secret.
pub(crate) fn count_failure(store: &Store, attempt: &Attempt) -> Result<(), Problem> {
    let statement = format!("SELECT to_jsonb(count_failures($1::text::jsonb, {RESET_SECONDS}))");
    store.one::<Vec<String>>(&statement, &[text(&attempt.rate_limits_as_json())])?;
    Ok(())
}

/// Whether a client that shows no secret may be logged now.
pub(crate) fn may_report(store: &Store) -> Result<bool, Problem> {
    Ok(store.one("SELECT to_jsonb(may_log('client-without-secret'))", &[])?)
}

/// The applications that a user has connected, in the order of their names: an expression over the parameter 1.
pub(super) const CONNECTED: &str = "(
    SELECT coalesce(jsonb_agg(jsonb_build_object('client_id', c.id, 'name', c.name, 'scopes', to_jsonb(o.scopes),
        'created_at', to_char(o.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
        'updated_at', to_char(o.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))
        ORDER BY c.name, c.id), '[]')
    FROM oauth_consents o JOIN oauth_clients c ON c.id = o.client_id WHERE o.user_id = $1)";

/// What a user has connected; `None` if there is no such user.
pub(crate) fn connected(store: &Store, user: UserId) -> Result<Option<Vec<ConnectedApplication>>, Problem> {
    let statement = format!("SELECT CASE WHEN EXISTS (SELECT FROM users WHERE id = $1) THEN {CONNECTED} END");
    Ok(store.one(&statement, &[ParameterValue::Int64(user.get())])?)
}

/// Forgets what a user has allowed a client, and ends its sessions; false if there is no such user.
pub(crate) fn disconnect(store: &Store, user: UserId, client: Uuid, trace: &Trace) -> Result<bool, Problem> {
    let statement = format!(
        "WITH outcome AS MATERIALIZED (
            SELECT $1::int8 AS user_id, disconnect_application($1, $2::text::uuid) AS was_allowed
         ), audited AS ({})
         SELECT to_jsonb(was_allowed IS NOT NULL) FROM outcome",
        audit::row("application-disconnected", "success", "user_id", 3, "outcome WHERE was_allowed")
    );
    let parameters = [ParameterValue::Int64(user.get()), text(&client.to_string()), audit::parameter(trace)];
    Ok(store.one(&statement, &parameters)?)
}

fn parameter(fields: &ClientFields) -> ParameterValue {
    let ClientFields { name, redirect_uris, post_logout_redirect_uris, scopes, grants } = fields;
    text(
        &json!({"name": name, "redirect_uris": redirect_uris, "post_logout_redirect_uris": post_logout_redirect_uris,
            "scopes": scopes, "grants": grants})
        .to_string(),
    )
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
