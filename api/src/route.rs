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
    /// How many segments the path has.
    segments: usize,
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
/// The table is searched as it stands, once: an instance serves one request, so building a search tree would take longer than
/// the search.
pub fn find<T: Copy>(table: &[(Route, T)], method: &Method, path: &[&str]) -> Found<T> {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let mut closest: Option<(usize, Option<T>)> = None;
    for (route, id) in table {
        let Some(parameters) = route.count_parameters(path) else { continue };
        let operation = || (route.method == *method).then_some(*id);
        match &mut closest {
            Some((fewest, _)) if parameters > *fewest => {}
            Some((fewest, found)) if parameters == *fewest => *found = found.or_else(operation),
            other => *other = Some((parameters, operation())),
        }
    }
    match closest {
        None => Found::Nothing,
        Some((_, Some(id))) => Found::Operation(id),
        Some((fewest, None)) => {
            let closest = table.iter().filter(|(route, _)| route.count_parameters(path) == Some(fewest));
            Found::OtherMethods(closest.map(|(route, _)| route.method.clone()).collect())
        }
    }
}

impl Route {
    /// Where an operation is; see the fields.
    #[must_use]
    pub const fn new(method: Method, path: &'static str, query: Option<&'static [Parameter]>) -> Self {
        let (mut segments, mut at) = (0, 0);
        while at < path.len() {
            segments += (path.as_bytes()[at] == b'/') as usize;
            at += 1;
        }
        Self { method, path, query, segments }
    }

    /// How many parameters the segments of a path fill; `None` if they do not fit. Most routes have another number of segments,
    /// or differ in an early byte, which is why their paths are not taken apart first.
    fn count_parameters(&self, path: &[&str]) -> Option<usize> {
        // A slash that was encoded separates nothing.
        if path.len() != self.segments {
            return None;
        }
        let mut rest = self.path.as_bytes();
        let mut parameters = 0;
        for segment in path {
            let part = rest.strip_prefix(b"/")?;
            rest = if part.starts_with(b"{") {
                parameters += 1;
                let end = part.iter().position(|byte| *byte == b'/').unwrap_or(part.len());
                &part[end..]
            } else {
                part.strip_prefix(segment.as_bytes()).filter(|after| matches!(after, [] | [b'/', ..]))?
            };
        }
        rest.is_empty().then_some(parameters)
    }

    /// Whether a path fits this route, whatever its parameters are.
    #[must_use]
    pub fn fits(&self, path: &[&str]) -> bool {
        self.count_parameters(path).is_some()
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
        Route::new(method, path, NO_QUERY)
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
        assert_eq!(found(Method::POST, &["a", "al"]), Found::OtherMethods(vec![Method::GET, Method::DELETE]));
        assert_eq!(table[0].0.parameters(&["a", "7"]), ["7"]);
    }

    #[test]
    fn a_slash_that_was_encoded_separates_nothing() {
        let table =
            [(route(Method::POST, "/a/all"), 1), (route(Method::GET, "/{id}"), 2), (route(Method::GET, "/"), 3)];
        assert_eq!(find(&table, &Method::POST, &["a/all"]), Found::OtherMethods(vec![Method::GET]));
        assert_eq!(find(&table, &Method::GET, &["a/all"]), Found::Operation(2));
        assert_eq!(find(&table, &Method::GET, &[""]), Found::Operation(3));
        assert_eq!(find(&table, &Method::GET, &["a", ""]), Found::Nothing);
    }
}
