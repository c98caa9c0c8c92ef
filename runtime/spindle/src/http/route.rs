//! Which component answers a path.
//!
//! A route is made of segments: exact ones, `:name` for any one segment, and `...` at the end for any number. Of the routes
//! that fit a path the most specific one wins: segment by segment, exact before `:name` before `...`.

use std::cmp::Ordering;

use http::HeaderValue;
use thiserror::Error;

/// A route that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// Malformed.
    #[error("route {0:?}: {1}")]
    Invalid(String, &'static str),
    /// Two routes fit the same paths.
    #[error("routes {0:?} and {1:?} are the same")]
    Duplicate(String, String),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Exact(String),
    Named(String),
}

/// A route, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    raw: String,
    segments: Vec<Segment>,
    wildcard: bool,
    header_values: HeaderValues,
}

/// What requests by a route say of it, made once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeaderValues {
    /// The route as it was written.
    pub(crate) raw: HeaderValue,
    /// The route without `/...` at its end.
    pub(crate) prefix: HeaderValue,
}

/// What a path has filled in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Match<'a, T> {
    /// What the route leads to.
    pub(crate) target: &'a T,
    /// The route.
    pub(crate) route: &'a Route,
    /// The part of the path that `...` stands for, with its slash.
    pub(crate) path_info: String,
    /// What the names stand for.
    pub(crate) named: Vec<(&'a str, &'a str)>,
}

/// A route without `/...` at its end.
fn prefix(raw: &str) -> &str {
    raw.strip_suffix("/...").unwrap_or(raw)
}

impl Route {
    /// Takes a route apart.
    ///
    /// # Errors
    /// When it does not begin with `/`, has `...` in the middle, or an invalid name.
    pub(crate) fn parse(raw: &str) -> Result<Self, RouteError> {
        let invalid = |problem| RouteError::Invalid(raw.to_owned(), problem);
        let path = raw.strip_prefix('/').ok_or_else(|| invalid("it must begin with `/`"))?;
        let mut wildcard = false;
        let mut segments = Vec::new();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if wildcard {
                return Err(invalid("`...` can only stand at the end"));
            }
            match segment.strip_prefix(':') {
                _ if segment == "..." => wildcard = true,
                Some(name)
                    if name.is_empty()
                        || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) =>
                {
                    return Err(invalid("a name is made of letters, digits, `-` and `_`"));
                }
                Some(name) => segments.push(Segment::Named(name.to_owned())),
                None => segments.push(Segment::Exact(segment.to_owned())),
            }
        }
        let value =
            |text: &str| HeaderValue::from_bytes(text.as_bytes()).map_err(|_| invalid("it has a control character"));
        let header_values = HeaderValues { raw: value(raw)?, prefix: value(prefix(raw))? };
        Ok(Self { raw: raw.to_owned(), segments, wildcard, header_values })
    }

    /// What requests by this route say of it.
    #[must_use]
    pub(crate) fn header_values(&self) -> &HeaderValues {
        &self.header_values
    }

    /// The route as it was written.
    #[must_use]
    pub(crate) fn raw(&self) -> &str {
        &self.raw
    }

    /// The route without `/...` at its end.
    #[must_use]
    pub(crate) fn prefix(&self) -> &str {
        prefix(&self.raw)
    }

    /// Whether it ends with `...`.
    #[must_use]
    pub(crate) fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// The more specific route comes first.
    fn specificity(&self, other: &Self) -> Ordering {
        let rank = |route: &Self, index: usize| match route.segments.get(index) {
            Some(Segment::Exact(_)) => 0,
            Some(Segment::Named(_)) => 1,
            None if route.wildcard => 3,
            None => 2,
        };
        (0..=self.segments.len().max(other.segments.len()))
            .map(|index| rank(self, index).cmp(&rank(other, index)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// Whether the same paths fit both.
    fn same_as(&self, other: &Self) -> bool {
        self.wildcard == other.wildcard
            && self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(|(a, b)| match (a, b) {
                (Segment::Exact(a), Segment::Exact(b)) => a == b,
                (Segment::Named(_), Segment::Named(_)) => true,
                _ => false,
            })
    }

    fn fit<'a>(&'a self, path: &'a str) -> Option<(String, Vec<(&'a str, &'a str)>)> {
        let mut rest = path.split('/').filter(|segment| !segment.is_empty());
        let mut named = Vec::new();
        for segment in &self.segments {
            let actual = rest.next()?;
            match segment {
                Segment::Exact(exact) if exact == actual => {}
                Segment::Exact(_) => return None,
                Segment::Named(name) => named.push((name.as_str(), actual)),
            }
        }
        let mut path_info = String::new();
        for segment in rest {
            if !self.wildcard {
                return None;
            }
            path_info.push('/');
            path_info.push_str(segment);
        }
        if path.ends_with('/') {
            path_info.push('/');
        }
        Some((path_info, named))
    }
}

/// All routes of an app.
#[derive(Debug)]
pub(crate) struct Table<T> {
    /// From the most to the least specific.
    entries: Vec<(Route, T)>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<T> Table<T> {
    /// Adds a route.
    ///
    /// # Errors
    /// When it fits the same paths as another.
    pub(crate) fn add(&mut self, route: Route, target: T) -> Result<(), RouteError> {
        if let Some((other, _)) = self.entries.iter().find(|(other, _)| other.same_as(&route)) {
            return Err(RouteError::Duplicate(other.raw.clone(), route.raw));
        }
        let at = self.entries.partition_point(|(other, _)| other.specificity(&route).is_le());
        self.entries.insert(at, (route, target));
        Ok(())
    }

    /// The most specific route for a path.
    #[must_use]
    pub(crate) fn find<'a>(&'a self, path: &'a str) -> Option<Match<'a, T>> {
        self.entries.iter().find_map(|(route, target)| {
            let (path_info, named) = route.fit(path)?;
            Some(Match { target, route, path_info, named })
        })
    }

    /// All routes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Route, &T)> {
        self.entries.iter().map(|(route, target)| (route, target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(routes: &[&str]) -> Table<String> {
        let mut table = Table::default();
        for route in routes {
            table.add(Route::parse(route).unwrap(), (*route).to_owned()).unwrap();
        }
        table
    }

    fn find(routes: &[&str], path: &str) -> Option<String> {
        let forwards = table(routes).find(path).map(|found| found.target.clone());
        let backwards: Vec<_> = routes.iter().rev().copied().collect();
        assert_eq!(
            table(&backwards).find(path).map(|found| found.target.clone()),
            forwards,
            "order matters for {path}"
        );
        forwards
    }

    #[test]
    fn the_most_specific_route_wins() {
        let routes = ["/...", "/a", "/a/...", "/a/b", "/a/:x", "/:y/b", "/a/:x/c", "/a/b/..."];
        for (path, route) in [
            ("/", "/..."),
            ("/z", "/..."),
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/a/b", "/a/b"),
            ("/a/z", "/a/:x"),
            ("/z/b", "/:y/b"),
            ("/a/b/c", "/a/b/..."),
            ("/a/z/c", "/a/:x/c"),
            ("/a/z/d", "/a/..."),
            ("/ab", "/..."),
        ] {
            assert_eq!(find(&routes, path).as_deref(), Some(route), "{path}");
        }
        assert_eq!(find(&["/a"], "/a/b"), None);
        assert_eq!(find(&["/a"], "/"), None);
        assert_eq!(find(&["/"], "/").as_deref(), Some("/"));
    }

    #[test]
    fn the_rest_of_the_path_is_kept() {
        let table = table(&["/users/...", "/x/:id"]);
        for (path, info) in [("/users", ""), ("/users/", "/"), ("/users/1/2", "/1/2"), ("/users/1/", "/1/")] {
            assert_eq!(table.find(path).unwrap().path_info, info, "{path}");
        }
        let found = table.find("/x/7").unwrap();
        assert_eq!((found.path_info.as_str(), found.named), ("", vec![("id", "7")]));
        assert_eq!(table.find("/users/1").unwrap().route.prefix(), "/users");
    }

    #[test]
    fn two_routes_for_the_same_paths_are_an_error() {
        let mut table = table(&["/a/:x"]);
        let error = table.add(Route::parse("/a/:y").unwrap(), String::new()).unwrap_err();
        assert_eq!(error, RouteError::Duplicate("/a/:x".to_owned(), "/a/:y".to_owned()));
        assert!(table.add(Route::parse("/a/...").unwrap(), String::new()).is_ok());
    }

    #[test]
    fn what_is_no_route_is_refused() {
        for route in ["", "a", "/.../a", "/:", "/:a b"] {
            assert!(Route::parse(route).is_err(), "{route}");
        }
    }

    #[test]
    fn a_path_made_of_a_route_fits_it_and_what_is_found_fits() {
        use crate::fuzz::{fuzz, text};
        const ROUTE: [&str; 9] = ["/", "/", "a", "b", ":x", ":y-1", "...", "/...", "%41"];
        const PATH: [&str; 7] = ["/", "/", "a", "b", "c", "%41", ":x"];
        fuzz(|random| {
            let mut table = Table::default();
            for _ in 0..random.int_in_range(1..=6)? {
                let raw = format!("/{}", text(random, &ROUTE, 6)?);
                let Ok(route) = Route::parse(&raw) else { continue };
                let filled = raw.split('/').map(|segment| match segment {
                    "..." => "c/d",
                    segment => segment.strip_prefix(':').unwrap_or(segment),
                });
                let path = filled.collect::<Vec<_>>().join("/");
                assert!(route.fit(&path).is_some(), "{raw:?} and {path:?}");
                let _ = table.add(route, ());
            }
            let path = format!("/{}", text(random, &PATH, 8)?);
            let found = table.find(&path);
            let fitting: Vec<_> =
                table.iter().map(|(route, ())| route).filter(|route| route.fit(&path).is_some()).collect();
            assert_eq!(found.is_some(), !fitting.is_empty(), "{path:?}");
            if let Some(found) = found {
                let more_specific = fitting.iter().find(|route| route.specificity(found.route).is_lt());
                assert_eq!(more_specific, None, "{path:?} went to {:?}", found.route);
                assert!(found.path_info.is_empty() || path.ends_with('/') || found.route.is_wildcard(), "{path:?}");
            }
            Ok(())
        });
    }
}
