//! Where people are sent back to.

/// The addresses of this machine, at which any port will do (RFC 8252, 7.3).
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

/// Whether a client may have people sent to `uri`: the whole of it is registered, but for the port of an application on the person's own
/// machine, which takes one that is free.
pub(super) fn is_registered(registered: &[String], uri: &str) -> bool {
    let asked = without_port(uri);
    registered.iter().any(|known| match (&asked, without_port(known)) {
        (Some(asked), Some(known)) => *asked == known,
        _ => known == uri,
    })
}

/// The address of this machine in a URI, and what follows the port.
fn without_port(uri: &str) -> Option<(&'static str, &str)> {
    let (host, rest) = LOOPBACK.iter().find_map(|host| Some((*host, uri.strip_prefix(host)?)))?;
    match rest.strip_prefix(':') {
        None => (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest)),
        Some(rest) => {
            let (port, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            let is_port =
                port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
            is_port.then_some((host, rest))
        }
    }
}

/// A redirect URI with parameters, after those that it has.
#[must_use]
pub fn with_parameters(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    let query = query.finish();
    match (uri.contains('?'), query.is_empty()) {
        (_, true) => uri.to_owned(),
        (true, _) => format!("{uri}&{query}"),
        (false, _) => format!("{uri}?{query}"),
    }
}

/// The scheme, host and port of a URI.
#[must_use]
pub fn origin_of(uri: &str) -> &str {
    let Some(start) = uri.find("://").map(|place| place + 3) else { return uri };
    let end = uri[start..].find(['/', '?', '#']).map_or(uri.len(), |place| start + place);
    &uri[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_uri_counts() {
        let registered = ["https://app.example/cb".to_owned(), "https://app.example/other?tenant=1".to_owned()];
        assert!(registered.iter().all(|uri| is_registered(&registered, uri)));
        for other in [
            "",
            "https://app.example",
            "https://app.example/cb/",
            "https://app.example/cb/../cb",
            "https://app.example/CB",
            "https://APP.example/cb",
            "https://app.example:443/cb",
            "https://app.example/cb?x=1",
            "https://app.example/cb#x",
            "https://app.example/other",
            "https://app.example.evil.example/cb",
            "https://app.example@evil.example/cb",
            "http://app.example/cb",
            "https://app.example/cb\n",
        ] {
            assert!(!is_registered(&registered, other), "{other}");
        }
    }

    #[test]
    fn on_the_persons_own_machine_any_port_will_do() {
        let registered =
            ["http://127.0.0.1/cb".to_owned(), "http://[::1]:1/cb".to_owned(), "http://localhost:3000/cb".to_owned()];
        for uri in
            ["http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", "http://[::1]:49152/cb", "http://localhost:3000/cb"]
        {
            assert!(is_registered(&registered, uri), "{uri}");
        }
        for other in [
            "http://127.0.0.1:49152/other",
            "http://127.0.0.1:49152/cb?x",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:80@evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1evil.example/cb",
            "https://127.0.0.1:49152/cb",
            "http://127.0.0.2/cb",
            "http://localhost:3001/cb",
        ] {
            assert!(!is_registered(&registered, other), "{other}");
        }
    }

    #[test]
    fn parameters_follow_those_that_are_there_and_break_out_of_nothing() {
        assert_eq!(
            with_parameters("https://a.example/cb", &[("state", "a&b=c#d\r\n")]),
            "https://a.example/cb?state=a%26b%3Dc%23d%0D%0A"
        );
        assert_eq!(with_parameters("https://a.example/cb?x=1", &[("code", "c")]), "https://a.example/cb?x=1&code=c");
        assert_eq!(with_parameters("https://a.example/cb", &[]), "https://a.example/cb");
        assert_eq!(origin_of("https://a.example:1/cb?x"), "https://a.example:1");
        assert_eq!(origin_of("https://a.example"), "https://a.example");
    }
}
