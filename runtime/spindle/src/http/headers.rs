//! The request headers that tell a component how it was reached. What a caller sends under their names stays, and comes
//! first, as with Spin: a component that trusts one of them takes its last value.

use std::net::SocketAddr;

use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::route::{HeaderValues, Match};

const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// The beginning of headers that say what the names in a route stand for.
const PATH_MATCH: &str = "spin-path-match-";

/// Who calls, as Spin says it, when it is another component of the app.
const INTERNAL_CLIENT: HeaderValue = HeaderValue::from_static("0.0.0.0:0");

/// Who calls when that cannot be said in a header, which does not happen: nobody, as far as a component can tell.
const UNKNOWN_CLIENT: HeaderValue = HeaderValue::from_static("");

/// The route that a request to `<id>.spin.internal` counts as.
const INTERNAL_ROUTE: HeaderValue = HeaderValue::from_static("/...");

/// How many headers [`set`] adds.
const OWN_HEADERS: usize = 7;

/// Takes out what is between two hops only.
pub(super) fn strip(headers: &mut HeaderMap) {
    headers.remove(CONNECTION);
}

/// Says how a request came to a component by a route.
pub(super) fn by_route<T>(headers: &mut HeaderMap, uri: &Uri, found: &Match<'_, T>, client: &HeaderValue) {
    set(headers, uri, &found.path_info, found.route.header_values(), client.clone());
    for (name, value) in &found.named {
        if let (Ok(name), Ok(value)) = (
            HeaderName::try_from(format!("{PATH_MATCH}{}", name.to_ascii_lowercase().replace('_', "-"))),
            HeaderValue::from_str(value),
        ) {
            headers.append(name, value);
        }
    }
}

/// Says that a request came from another component of the app.
pub(super) fn internal(headers: &mut HeaderMap, uri: &Uri) {
    let path = uri.path().to_owned();
    let route = HeaderValues { raw: INTERNAL_ROUTE, prefix: HeaderValue::from_static("") };
    set(headers, uri, &path, &route, INTERNAL_CLIENT);
}

/// An address as `spin-client-addr` has it: the same for all requests of a connection.
pub(super) fn client(address: SocketAddr) -> HeaderValue {
    HeaderValue::try_from(address.to_string()).unwrap_or(UNKNOWN_CLIENT)
}

fn set(headers: &mut HeaderMap, uri: &Uri, path_info: &str, route: &HeaderValues, client: HeaderValue) {
    let scheme = uri.scheme_str().unwrap_or("http");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let full = {
        let host = match uri.authority() {
            Some(authority) => authority.as_str(),
            None => headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
        };
        format!("{scheme}://{host}{path}")
    };
    headers.reserve(OWN_HEADERS);
    // Both are parts of a URI, which holds nothing that a header cannot.
    if let Ok(value) = HeaderValue::from_str(path_info) {
        headers.append(PATH_INFO, value);
    }
    if let Ok(value) = HeaderValue::try_from(full) {
        headers.append(FULL_URL, value);
    }
    headers.append(MATCHED_ROUTE, route.raw.clone());
    headers.append(BASE_PATH, HeaderValue::from_static("/"));
    headers.append(RAW_COMPONENT_ROUTE, route.raw.clone());
    headers.append(COMPONENT_ROUTE, route.prefix.clone());
    headers.append(CLIENT_ADDR, client);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::route::{Route, Table};

    #[test]
    fn the_last_value_is_the_runtime_s_own() {
        let mut headers = HeaderMap::new();
        for name in ["connection", "spin-client-addr", "spin-path-match-id"] {
            headers.insert(name, HeaderValue::from_static("forged"));
        }
        strip(&mut headers);
        let mut table = Table::default();
        table.add(Route::parse("/users/:Id").unwrap(), ()).unwrap();
        let uri: Uri = "/users/7".parse().unwrap();
        by_route(&mut headers, &uri, &table.find(uri.path()).unwrap(), &client(([10, 0, 0, 1], 99).into()));
        let all = |name: &str| headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(all("spin-client-addr"), ["forged", "10.0.0.1:99"]);
        assert_eq!(all("spin-path-match-id"), ["forged", "7"]);
        assert!(all("connection").is_empty());
    }

    #[test]
    fn a_route_is_told_in_full() {
        let mut table = Table::default();
        table.add(Route::parse("/users/:User_Id/...").unwrap(), ()).unwrap();
        let uri: Uri = "/users/7/a?b=c".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("example.org:4000"));
        by_route(&mut headers, &uri, &table.find(uri.path()).unwrap(), &client(([10, 0, 0, 1], 99).into()));
        let get = |name: &str| headers[name].to_str().unwrap();
        assert_eq!(get("spin-path-info"), "/a");
        assert_eq!(get("spin-full-url"), "http://example.org:4000/users/7/a?b=c");
        assert_eq!(get("spin-matched-route"), "/users/:User_Id/...");
        assert_eq!(get("spin-base-path"), "/");
        assert_eq!(get("spin-raw-component-route"), "/users/:User_Id/...");
        assert_eq!(get("spin-component-route"), "/users/:User_Id");
        assert_eq!(get("spin-client-addr"), "10.0.0.1:99");
        assert_eq!(get("spin-path-match-user-id"), "7");
    }
}
