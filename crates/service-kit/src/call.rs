//! A request as the operation that it is for: found, admitted, with its path and query read.
//!
//! A handler gets a [`Call`] of its operation, and there is no other way to make one than [`Call::admit`]. So what the operation
//! says about access, path and query holds in every handler, and an internal operation cannot be served without its
//! caller's credential.

use crate::credential::Credential;
use crate::response::{empty, json};
use crate::serve::{method_not_allowed, no_such_route};
use crate::{Request, Response};
use api::{
    AccessToken, Body, ByAuth, ByOperator, ByOperatorOrAccessToken, ByScheduler, ByScraper, Found, Internal, Operation,
    PathParameters, Public, Route, Service,
};
use http::StatusCode;
use problem::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// How a service authenticates whoever sends an access token.
pub trait Authenticate {
    /// Who it is.
    type Caller;

    /// Reads and verifies the access token.
    ///
    /// # Errors
    /// `invalid-token`; `internal-error` if no token can be verified.
    fn authenticate(request: &Request) -> Result<Self::Caller, Problem>;
}

/// A rule about who may call an operation, as the service `S` enforces it.
pub trait Admit<S> {
    /// What only an admitted request has.
    type Proof;

    /// Admits a request, or refuses it.
    ///
    /// # Errors
    /// `invalid-token`, `invalid-service-token` or `internal-error`.
    fn admit(request: &Request) -> Result<Self::Proof, Problem>;
}

/// Proof that a request has the credential of the service that an internal operation is for.
#[derive(Debug)]
pub struct Credentialed<A>(PhantomData<A>);

/// Whoever is an operator or has an access token.
#[derive(Debug)]
pub enum OperatorOr<C> {
    /// An operator.
    Operator,
    /// Somebody with an access token.
    Caller(C),
}

impl<S> Admit<S> for Public {
    type Proof = ();

    fn admit(_: &Request) -> Result<(), Problem> {
        Ok(())
    }
}

impl<S: Authenticate> Admit<S> for AccessToken {
    type Proof = S::Caller;

    fn admit(request: &Request) -> Result<S::Caller, Problem> {
        S::authenticate(request)
    }
}

impl<S: Authenticate> Admit<S> for ByOperatorOrAccessToken {
    type Proof = OperatorOr<S::Caller>;

    fn admit(request: &Request) -> Result<Self::Proof, Problem> {
        if Credential::of(Service::Operator)?.is_shown_by(request) {
            return Ok(OperatorOr::Operator);
        }
        S::authenticate(request).map(OperatorOr::Caller)
    }
}

macro_rules! admit_with_credential {
    ($($access:ty),*) => { $(
        impl<S> Admit<S> for $access {
            type Proof = Credentialed<Self>;

            fn admit(request: &Request) -> Result<Self::Proof, Problem> {
                Credential::require(<Self as Internal>::CALLER, request).map(|()| Credentialed(PhantomData))
            }
        }
    )* };
}

admit_with_credential!(ByAuth, ByScheduler, ByOperator, ByScraper);

/// A request that was admitted to the operation `O` of the service `S`. Only [`Call::admit`] makes one.
#[non_exhaustive]
pub struct Call<'r, S, O: Operation<Access: Admit<S>>> {
    /// The request.
    pub request: &'r Request,
    /// Who calls.
    pub caller: <O::Access as Admit<S>>::Proof,
    /// What its path says.
    pub path: O::Path,
    /// Its query parameters, each of them known and there once.
    pub query: BTreeMap<String, String>,
}

impl<'r, S, O: Operation<Access: Admit<S>>> Call<'r, S, O> {
    /// Admits a request to the operation: who calls is checked first, then the path, then the query.
    ///
    /// # Errors
    /// As [`Admit::admit`]; what the path's parameters can be; `invalid-query`.
    pub fn admit(request: &'r Request) -> Result<Self, Problem> {
        let caller = O::Access::admit(request)?;
        let path = O::Path::parse(&O::ROUTE.parameters(&request.path()))?;
        let query = match O::ROUTE.query {
            Some(parameters) => {
                let names: Vec<_> = parameters.iter().map(|parameter| parameter.name).collect();
                request.query(&names)?
            }
            None => BTreeMap::new(),
        };
        Ok(Self { request, caller, path, query })
    }

    /// Decodes the JSON body.
    ///
    /// # Errors
    /// `unsupported-media-type`, else as [`problem::decode`].
    pub fn body(&self) -> Result<O::Body, Problem>
    where
        O::Body: DeserializeOwned,
    {
        self.request.json(O::Body::MEDIA_TYPES)
    }

    /// The body as it was sent, if it has the media type of the operation.
    ///
    /// # Errors
    /// `unsupported-media-type`, `body-too-large`, or `malformed-json` if it is incomplete.
    pub fn raw_body(&self) -> Result<&[u8], Problem> {
        self.request.body_of(O::Body::MEDIA_TYPES)
    }

    /// Decodes a form, of which only the fields in `known` may be there, each once.
    ///
    /// # Errors
    /// As [`Request::form`].
    pub fn form(&self, known: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
        self.request.form(O::Body::MEDIA_TYPES, known)
    }

    /// The response with this body.
    #[must_use]
    pub fn reply(&self, status: StatusCode, body: &O::Reply) -> Response
    where
        O::Reply: Serialize,
    {
        json(status, body)
    }

    /// The response 200 with this body.
    #[must_use]
    pub fn ok(&self, body: &O::Reply) -> Response
    where
        O::Reply: Serialize,
    {
        self.reply(StatusCode::OK, body)
    }
}

impl<S, O: Operation<Access: Admit<S>, Reply = ()>> Call<'_, S, O> {
    /// The response without a body.
    #[must_use]
    pub fn empty(&self, status: StatusCode) -> Response {
        empty(status)
    }
}

/// Finds the operation that a request is for.
///
/// # Errors
/// `no-such-route` or `method-not-allowed`.
pub fn find<T: Copy>(routes: &[(Route, T)], request: &Request) -> Result<T, Problem> {
    match api::find(routes, &request.method, &request.path()) {
        Found::Operation(operation) => Ok(operation),
        Found::OtherMethods(methods) => Err(method_not_allowed(&methods)),
        Found::Nothing => Err(no_such_route()),
    }
}

/// Dispatches a request to the handler of its operation, once it is admitted. Every operation of the service has to be there.
///
/// ```ignore
/// dispatch!(Users, api::users, request, {
///     ListUsers(call) => list_users(call),
///     CreateUser(call) => create_user(call).await,
/// })
/// ```
#[macro_export]
macro_rules! dispatch {
    ($service:ty, $api:path, $request:expr, { $( $operation:ident($call:ident) => $handle:expr, )* }) => {{
        use $api as described;
        let request = &$request;
        match $crate::find(described::ROUTES, request)? {
            $( described::OperationId::$operation => {
                let $call = $crate::Call::<$service, described::operation::$operation>::admit(request)?;
                $handle
            } )*
        }
    }};
}
