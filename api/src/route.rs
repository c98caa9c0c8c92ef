//! Where operations are: methods, paths and queries, and how a request finds one.

use http::Method;

/// Where an operation is, and which query it takes.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method. What answers to GET answers to HEAD.
    pub method: Method,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// The query parameters; `None` if the query is ignored.
    pub query: Option<&'static [Parameter]>,
}

/// A query parameter or a header.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    #[cfg(feature = "openapi")]
    pub description: &'static str,
    /// What it may be.
    #[cfg(feature = "openapi")]
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
    /// One that it may be.
    #[cfg(feature = "openapi")]
    pub example: &'static str,
}

/// A query without parameters.
pub const NO_QUERY: Option<&'static [Parameter]> = Some(&[]);
/// A query that nobody reads: whoever probes a service is not to be told about spelling.
pub const ANY_QUERY: Option<&'static [Parameter]> = None;

/// Defines parameters: name, description, the type that has the schema, an example.
macro_rules! parameters {
    ($( $constant:ident = $name:literal, $description:literal, $schema:ty, $example:literal; )*) => { $(
        pub(super) const $constant: $crate::Parameter = $crate::Parameter {
            name: $name,
            #[cfg(feature = "openapi")]
            description: $description,
            #[cfg(feature = "openapi")]
            schema: |generator| generator.subschema_for::<$schema>(),
            #[cfg(feature = "openapi")]
            example: $example,
        };
    )* };
}

/// What a request's method and path lead to.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// An operation.
    Operation(T),
    /// A path that has these methods, and not the one of the request.
    OtherMethods(Vec<Method>),
    /// Nothing.
    Nothing,
}

/// Finds the operation of a request among those of a service. `path` has the decoded segments of the request's path. Of two
/// templates that fit, the one with fewer parameters counts.
///
/// The table is searched as it stands: a service has about twenty paths, and an instance serves one request, so building
/// a search tree would take longer than the search.
pub fn find<T: Copy>(table: &[(Route, T)], method: &Method, path: &[&str]) -> Found<T> {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let fitting = || table.iter().filter_map(|(route, id)| Some((count_parameters(route.path, path)?, route, *id)));
    let Some(fewest) = fitting().map(|(parameters, ..)| parameters).min() else { return Found::Nothing };
    let closest = || fitting().filter(|(parameters, ..)| *parameters == fewest);
    match closest().find(|(_, route, _)| route.method == *method) {
        Some((_, _, id)) => Found::Operation(id),
        None => Found::OtherMethods(closest().map(|(_, route, _)| route.method.clone()).collect()),
    }
}

/// How many parameters of a template the segments fill; `None` if they do not fit it.
fn count_parameters(template: &str, path: &[&str]) -> Option<usize> {
    let mut parts = template.split('/').skip(1);
    let mut parameters = 0;
    for segment in path {
        match parts.next()? {
            part if part.starts_with('{') => parameters += 1,
            part if part == *segment => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(parameters)
}

impl Route {
    /// Whether a path fits this route, whatever its parameters are.
    #[must_use]
    pub fn fits(&self, path: &[&str]) -> bool {
        count_parameters(self.path, path).is_some()
    }

    /// The segments of a path that stand where this route has parameters.
    #[must_use]
    pub fn parameters<'p>(&self, path: &[&'p str]) -> Vec<&'p str> {
        let parts = self.path.split('/').skip(1).zip(path);
        parts.filter(|(part, _)| part.starts_with('{')).map(|(_, segment)| *segment).collect()
    }
}

pub(crate) use parameters;

#[cfg(test)]
mod tests {
    use super::*;

    const fn route(method: Method, path: &'static str) -> Route {
        Route { method, path, query: NO_QUERY }
    }

    #[test]
    fn the_closest_path_counts_whatever_its_methods_are() {
        let table = [
            (route(Method::GET, "/a/{id}"), 1),
            (route(Method::DELETE, "/a/{id}"), 2),
            (route(Method::POST, "/a/all"), 3),
            (route(Method::GET, "/a"), 4),
        ];
        let found = |method, path: &[&str]| find(&table, &method, path);
        assert_eq!(found(Method::HEAD, &["a", "7"]), Found::Operation(1));
        assert_eq!(found(Method::DELETE, &["a", "7"]), Found::Operation(2));
        assert_eq!(found(Method::DELETE, &["a", "all"]), Found::OtherMethods(vec![Method::POST]));
        assert_eq!(found(Method::PUT, &["a", ""]), Found::OtherMethods(vec![Method::GET, Method::DELETE]));
        assert_eq!(found(Method::GET, &["a", "7", "b"]), Found::Nothing);
        assert_eq!(found(Method::GET, &[]), Found::Nothing);
        assert_eq!(table[0].0.parameters(&["a", "7"]), ["7"]);
    }
}
