//! Operations: what a service can be asked to do.

use crate::access::Access;
use crate::route::Route;
use crate::segments::PathParameters;

/// An operation: a method of a path, who may call it, what it is sent and what it answers.
pub trait Operation {
    /// Where it is.
    const ROUTE: Route;
    /// Who may call it.
    type Access: Access;
    /// What its path says.
    type Path: PathParameters;
    /// Its request body; `()` for none.
    type Body: Body;
    /// The body of its success; `()` for none.
    type Reply;

    /// Everything that only a reader of the API needs to know.
    #[cfg(feature = "openapi")]
    fn describe() -> crate::description::Description;
}

/// A request body.
pub trait Body {
    /// The media types that it may have.
    const MEDIA_TYPES: &'static [&'static str] = &["application/json"];
}

impl Body for () {
    const MEDIA_TYPES: &'static [&'static str] = &[];
}

/// Defines the operations of a service: for each a type that is an [`Operation`], in an enum [`OperationId`] of all, and in
/// the table that requests are looked up in. The first line of an operation's docs is its summary, the rest its description.
macro_rules! operations {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident: $method:ident $path:literal $segments:ty, $query:expr, $access:ty, $body:ty => $reply:ty,
        $describe:expr;
    )*) => {
        /// The operations of this service.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum OperationId {
            $( $(#[doc = $doc])* $name, )*
        }

        /// All operations, with their routes.
        pub static ROUTES: &[($crate::Route, OperationId)] =
            &[$( (<operation::$name as $crate::Operation>::ROUTE, OperationId::$name), )*];

        /// A type for each operation.
        pub mod operation {
            $( $(#[doc = $doc])* #[derive(Debug)] pub struct $name; )*
        }

        $(
            impl $crate::Operation for operation::$name {
                const ROUTE: $crate::Route = $crate::Route::new(http::Method::$method, $path, $query);
                type Access = $access;
                type Path = $segments;
                type Body = $body;
                type Reply = $reply;

                #[cfg(feature = "openapi")]
                fn describe() -> $crate::description::Description {
                    let describe: fn($crate::description::Description) -> $crate::description::Description = $describe;
                    let facts = $crate::description::Facts {
                        route: Self::ROUTE,
                        schemes: <$access as $crate::Access>::SCHEMES,
                        path_parameters: <$segments as $crate::PathParameters>::describe,
                        media_types: <$body as $crate::Body>::MEDIA_TYPES,
                        body: |generator| generator.subschema_for::<$body>(),
                        reply: |generator| generator.subschema_for::<$reply>(),
                    };
                    describe($crate::description::Description::new(stringify!($name), &[$( $doc ),*], facts))
                }
            }
        )*

        /// The descriptions of all operations.
        #[cfg(feature = "openapi")]
        pub fn descriptions() -> Vec<$crate::description::Description> {
            vec![$( <operation::$name as $crate::Operation>::describe(), )*]
        }
    };
}

pub(crate) use operations;
