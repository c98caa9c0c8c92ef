//! /users-ms/oauth-clients: the applications that sign people in through the OpenID Connect provider, and
//! /users-ms/users/{id}/connected-applications: what people have allowed them.

use super::{Call, Guard, Users};
use crate::settings;
use crate::store::{Store, oauth_clients};
use api::users::operation::{
    ChangeOauthClient, DisconnectApplication, GetOauthClient, ListConnectedApplications, ListOauthClients,
    RegisterOauthClient, RemoveOauthClient, ReplaceOauthClientSecret,
};
use api::users::{NewOauthClient, OauthClientId, OauthClientSecret};
use api::{AccessToken, List, Operation};
use problem::{Kind, Problem};
use service_kit::{Admit, HandlerResult, StatusCode, log, random, set_header};
use users_domain::{Actor, Caller, ClientFields, Trace, client_not_found, client_secret, no_provider, user_not_found};
use uuid::Uuid;

/// GET: lists clients.
pub(super) fn list_oauth_clients(call: &Call<'_, ListOauthClients>) -> HandlerResult {
    let store = read(call)?;
    Ok(call.ok(&List::new(oauth_clients::list(&store)?)))
}

/// POST: registers a client.
pub(super) fn register_oauth_client(call: &Call<'_, RegisterOauthClient>) -> HandlerResult {
    require_administrator(call)?;
    let body = call.body()?;
    let fields = ClientFields::of_new(&body)?;
    let (store, trace) = authorize(call)?;
    let secret = body.confidential.then(|| client_secret(random::bytes()));
    let digest = secret.as_ref().map(|(_, digest)| digest.as_str());
    let client = oauth_clients::register(&store, Uuid::new_v4(), &fields, digest, &trace)?
        .ok_or_else(|| Problem::of(Kind::TooManyClients))?;
    logged(call, "oauth-client-registered", client.id);
    let client_secret = secret.map(|(secret, _)| secret);
    let location = format!("/users-ms/oauth-clients/{}", client.id);
    let mut response = call.reply(StatusCode::CREATED, &NewOauthClient { client, client_secret });
    set_header(&mut response, "location", &location);
    Ok(response)
}

/// GET `/{client_id}`: a client.
pub(super) fn get_oauth_client(call: &Call<'_, GetOauthClient>) -> HandlerResult {
    let (store, OauthClientId(id)) = (read(call)?, call.path);
    Ok(call.ok(&oauth_clients::find(&store, id)?.ok_or_else(client_not_found)?))
}

/// PATCH `/{client_id}`: changes a client.
pub(super) fn change_oauth_client(call: &Call<'_, ChangeOauthClient>) -> HandlerResult {
    require_administrator(call)?;
    let change = call.body()?;
    // As far as that does not depend on the client.
    ClientFields::of_change(&change, true)?;
    let ((store, trace), OauthClientId(id)) = (authorize(call)?, call.path);
    let client = oauth_clients::find(&store, id)?.ok_or_else(client_not_found)?;
    let fields = ClientFields::of_change(&change, client.confidential)?;
    let client = oauth_clients::change(&store, id, &fields, &trace)?.ok_or_else(client_not_found)?;
    logged(call, "oauth-client-changed", id);
    Ok(call.ok(&client))
}

/// DELETE `/{client_id}`: removes a client.
pub(super) fn remove_oauth_client(call: &Call<'_, RemoveOauthClient>) -> HandlerResult {
    require_administrator(call)?;
    let ((store, trace), OauthClientId(id)) = (authorize(call)?, call.path);
    if !oauth_clients::remove(&store, id, &trace)? {
        return Err(client_not_found());
    }
    logged(call, "oauth-client-removed", id);
    Ok(call.empty(StatusCode::NO_CONTENT))
}

/// POST `/{client_id}/secret`: another secret.
pub(super) fn replace_oauth_client_secret(call: &Call<'_, ReplaceOauthClientSecret>) -> HandlerResult {
    require_administrator(call)?;
    let ((store, trace), OauthClientId(id)) = (authorize(call)?, call.path);
    let client = oauth_clients::find(&store, id)?.ok_or_else(client_not_found)?;
    if !client.confidential {
        return Err(Problem::of(Kind::PublicClient));
    }
    let (client_secret, digest) = client_secret(random::bytes());
    if !oauth_clients::replace_secret(&store, id, &digest, &trace)? {
        return Err(client_not_found());
    }
    logged(call, "oauth-client-secret-replaced", id);
    Ok(call.ok(&OauthClientSecret { client_secret }))
}

/// GET: the applications that a user has connected.
pub(super) fn list_connected_applications(call: &Call<'_, ListConnectedApplications>) -> HandlerResult {
    require_provider()?;
    call.caller.authorize_access(call.request, call.path)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    Ok(call.ok(&List::new(oauth_clients::connected(&store, call.path)?.ok_or_else(user_not_found)?)))
}

/// DELETE `/{client_id}`: disconnects an application.
pub(super) fn disconnect_application(call: &Call<'_, DisconnectApplication>) -> HandlerResult {
    require_provider()?;
    let (user, client) = call.path;
    call.caller.authorize_access(call.request, user)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    if !oauth_clients::disconnect(&store, user, client, &call.caller.trace(call.request, user)?)? {
        return Err(user_not_found());
    }
    let (user, client, by) = (user.to_string(), client.to_string(), call.caller.by());
    let fields = [("user_id", user.as_str()), ("client_id", &client), ("by", &by)];
    log::audit("application-disconnected", "success", &call.request.id, &fields);
    Ok(call.empty(StatusCode::NO_CONTENT))
}

fn require_provider() -> Result<(), Problem> {
    if settings::oauth_provider()? { Ok(()) } else { Err(no_provider()) }
}

/// Admits only administrators, and only while there is a provider.
fn require_administrator<O: Operation<Access = AccessToken>>(call: &Call<'_, O>) -> Result<(), Problem>
where
    AccessToken: Admit<Users, Proof = Guard>,
{
    require_provider()?;
    call.caller.authorize_administration(call.request)
}

/// Admits administrators whose session is alive.
fn read<O: Operation<Access = AccessToken>>(call: &Call<'_, O>) -> Result<Store, Problem>
where
    AccessToken: Admit<Users, Proof = Guard>,
{
    require_administrator(call)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    Ok(store)
}

/// Admits administrators after a recent sign-in, whose session is alive.
fn authorize<O: Operation<Access = AccessToken>>(call: &Call<'_, O>) -> Result<(Store, Trace), Problem>
where
    AccessToken: Admit<Users, Proof = Guard>,
{
    let store = Store::open()?;
    call.caller.require_live_session(&store)?.require_recent(call.request)?;
    let actor = match call.caller.caller() {
        Caller::Admin(id) => Actor::Administrator(id),
        Caller::User(_) | Caller::Anyone => Actor::Nobody,
    };
    let trace = super::trace::of_client(call.request, actor)?;
    Ok((store, trace))
}

fn logged<O: Operation<Access = AccessToken>>(call: &Call<'_, O>, action: &str, client: Uuid)
where
    AccessToken: Admit<Users, Proof = Guard>,
{
    let (client, by) = (client.to_string(), call.caller.by());
    log::audit(action, "success", &call.request.id, &[("client_id", &client), ("by", &by)]);
}
