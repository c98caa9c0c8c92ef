//! Conditional requests (RFC 9110, section 13) for what Spindle serves by itself.
//!
//! Such a resource has no time of change, so conditions about one are ignored, and an entity tag only where the manifest gives one. Ranges
//! are ignored too, as they may be (section 14.2): the whole is sent, and no `accept-ranges` promises more.

use http::header::{CONTENT_LOCATION, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, Method, Response, StatusCode};

use super::body::Outgoing;
use super::problem;

/// What is answered in place of a success, if the conditions of the request say so.
pub(super) fn evaluate(method: &Method, headers: &HeaderMap, response: Response<Outgoing>) -> Response<Outgoing> {
    if !response.status().is_success() {
        return response;
    }
    let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
    if headers.contains_key(IF_MATCH) && !matches(headers, &IF_MATCH, tag, true) {
        return problem::problem(StatusCode::PRECONDITION_FAILED, "The resource is not as If-Match says.");
    }
    if !headers.contains_key(IF_NONE_MATCH) || !matches(headers, &IF_NONE_MATCH, tag, false) {
        return response;
    }
    if ![Method::GET, Method::HEAD].contains(method) {
        return problem::problem(StatusCode::PRECONDITION_FAILED, "The resource is as If-None-Match says.");
    }
    let mut unchanged = Response::new(Outgoing::fixed(""));
    *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
    *unchanged.headers_mut() = response.headers().clone();
    // These are about the body that is not sent.
    for name in [CONTENT_TYPE, CONTENT_LOCATION] {
        unchanged.headers_mut().remove(name);
    }
    unchanged
}

/// Whether one of the tags in a header is that of the resource, which exists. Weak ones match in a weak comparison alone (section
/// 8.8.3.2).
fn matches(headers: &HeaderMap, name: &HeaderName, tag: Option<&str>, is_strong: bool) -> bool {
    let weak = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(
        |given| {
            let given = given.trim();
            match tag {
                _ if given == "*" => true,
                None => false,
                Some(tag) if is_strong => given == tag && !tag.starts_with("W/"),
                Some(tag) => weak(given) == weak(tag),
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &Method, given: &[(HeaderName, &'static str)], tag: Option<&'static str>) -> u16 {
        let headers = given.iter().map(|(name, value)| (name.clone(), http::HeaderValue::from_static(value))).collect();
        let mut response = Response::new(Outgoing::fixed("whole"));
        if let Some(tag) = tag {
            response.headers_mut().insert(ETAG, http::HeaderValue::from_static(tag));
        }
        evaluate(method, &headers, response).status().as_u16()
    }

    #[test]
    fn conditions_are_compared_as_rfc_9110_says() {
        let (get, post) = (Method::GET, Method::POST);
        let cases = [
            (&get, IF_NONE_MATCH, "*", None, 304),
            (&post, IF_NONE_MATCH, "*", None, 412),
            (&get, IF_NONE_MATCH, "\"a\"", None, 200),
            (&get, IF_NONE_MATCH, "\"b\", W/\"a\"", Some("\"a\""), 304),
            (&Method::HEAD, IF_NONE_MATCH, "\"a\"", Some("W/\"a\""), 304),
            (&get, IF_MATCH, "*", None, 200),
            (&get, IF_MATCH, "\"a\"", None, 412),
            (&get, IF_MATCH, "\"a\"", Some("\"a\""), 200),
            (&get, IF_MATCH, "W/\"a\"", Some("W/\"a\""), 412),
        ];
        for (method, name, value, tag, expected) in cases {
            assert_eq!(status(method, &[(name.clone(), value)], tag), expected, "{method} {name}: {value}, {tag:?}");
        }
        // The first that fails decides; what is no success is left alone.
        assert_eq!(status(&get, &[(IF_MATCH, "\"b\""), (IF_NONE_MATCH, "*")], Some("\"a\"")), 412);
        let headers = HeaderMap::from_iter([(IF_MATCH, http::HeaderValue::from_static("\"a\""))]);
        assert_eq!(evaluate(&get, &headers, problem::not_found()).status(), 404);
    }
}
