//! The request headers that tell a component how it was reached.

use std::net::SocketAddr;

use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::route::Match;

const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// The beginning of headers that say what the names in a route stand for.
const PATH_MATCH: &str = "spin-path-match-";

/// The route that a request to `<id>.spin.internal` counts as.
const INTERNAL_ROUTE: &str = "/...";

/// Takes out what only Spindle may say, and what is between two hops only.
pub(super) fn strip(headers: &mut HeaderMap) {
    headers.remove(CONNECTION);
    for name in [PATH_INFO, FULL_URL, MATCHED_ROUTE, BASE_PATH, RAW_COMPONENT_ROUTE, COMPONENT_ROUTE, CLIENT_ADDR] {
        headers.remove(name);
    }
    let matches: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with(PATH_MATCH)).cloned().collect();
    for name in matches {
        headers.remove(name);
    }
}

/// Says how a request came to a component by a route.
pub(super) fn by_route<T>(headers: &mut HeaderMap, uri: &Uri, found: &Match<'_, T>, client: SocketAddr) {
    set(headers, uri, &found.path_info, found.route.raw(), found.route.prefix(), client);
    for (name, value) in &found.named {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(format!("{PATH_MATCH}{}", name.to_ascii_lowercase())), HeaderValue::from_str(value))
        {
            headers.insert(name, value);
        }
    }
}

/// Says that a request came from another component of the app.
pub(super) fn internal(headers: &mut HeaderMap, uri: &Uri) {
    let path = uri.path().to_owned();
    set(headers, uri, &path, INTERNAL_ROUTE, "", SocketAddr::from(([127, 0, 0, 1], 0)));
}

fn set(headers: &mut HeaderMap, uri: &Uri, path_info: &str, route: &str, prefix: &str, client: SocketAddr) {
    let scheme = uri.scheme_str().unwrap_or("http");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let full = {
        let host = match uri.authority() {
            Some(authority) => authority.as_str(),
            None => headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
        };
        format!("{scheme}://{host}{path}")
    };
    let mut put = |name: HeaderName, value: &str| {
        // All of these are made of a URI or a route, which hold nothing that a header cannot.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(PATH_INFO, path_info);
    put(FULL_URL, &full);
    put(MATCHED_ROUTE, route);
    put(BASE_PATH, "/");
    put(RAW_COMPONENT_ROUTE, route);
    put(COMPONENT_ROUTE, prefix);
    put(CLIENT_ADDR, &client.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::route::{Route, Table};

    #[test]
    fn a_caller_cannot_say_what_only_spindle_may() {
        let mut headers = HeaderMap::new();
        for name in ["connection", "spin-path-info", "spin-client-addr", "spin-path-match-id", "x-kept"] {
            headers.insert(name, HeaderValue::from_static("forged"));
        }
        strip(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-kept"]);
    }

    #[test]
    fn a_route_is_told_in_full() {
        let mut table = Table::default();
        table.add(Route::parse("/users/:Id/...").unwrap(), ()).unwrap();
        let uri: Uri = "/users/7/a?b=c".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("example.org:4000"));
        by_route(&mut headers, &uri, &table.find(uri.path()).unwrap(), ([10, 0, 0, 1], 99).into());
        let get = |name: &str| headers[name].to_str().unwrap();
        assert_eq!(get("spin-path-info"), "/a");
        assert_eq!(get("spin-full-url"), "http://example.org:4000/users/7/a?b=c");
        assert_eq!(get("spin-matched-route"), "/users/:Id/...");
        assert_eq!(get("spin-base-path"), "/");
        assert_eq!(get("spin-raw-component-route"), "/users/:Id/...");
        assert_eq!(get("spin-component-route"), "/users/:Id");
        assert_eq!(get("spin-client-addr"), "10.0.0.1:99");
        assert_eq!(get("spin-path-match-id"), "7");
    }
}
