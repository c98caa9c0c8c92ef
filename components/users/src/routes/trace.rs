//! Who does what a request asks for, and from where: what the audit log says about it beside what happened.

use super::guard::Guard;
use identity::UserId;
use problem::Problem;
use service_kit::{ACTING_USER, CLIENT_NETWORK, CLIENT_USER_AGENT, Request, client_network, client_user_agent};
use users_domain::{Actor, Caller, Origin, Trace};

/// Of a request that comes from a client.
pub(super) fn of_client(request: &Request, actor: Actor) -> Result<Trace, Problem> {
    let origin = Origin { user_agent: client_user_agent(request), network: client_network(request)? };
    Ok(Trace::new(actor, origin, &request.id))
}

/// Of a request that another service makes for its client. Only operations of services may believe it.
pub(super) fn of_service(request: &Request, actor: Actor) -> Trace {
    let origin = Origin::from_texts(request.header(CLIENT_USER_AGENT), request.header(CLIENT_NETWORK));
    Trace::new(actor, origin, &request.id)
}

/// Who acts by the word of another service, and upon whom.
pub(super) fn acting_user(request: &Request, upon: UserId) -> Actor {
    match request.header(ACTING_USER).map(UserId::parse) {
        Some(Ok(id)) if id == upon => Actor::Owner,
        Some(Ok(id)) => Actor::Administrator(id),
        Some(Err(_)) | None => Actor::Service,
    }
}

impl Guard {
    /// Of what this caller does to the account of a user.
    pub(super) fn trace(&self, request: &Request, upon: UserId) -> Result<Trace, Problem> {
        of_client(
            request,
            match self.caller() {
                caller if caller.is(upon) => Actor::Owner,
                Caller::Admin(id) => Actor::Administrator(id),
                Caller::User(_) | Caller::Anyone => Actor::Nobody,
            },
        )
    }
}
