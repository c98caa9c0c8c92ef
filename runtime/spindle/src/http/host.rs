//! What a request says of its host (RFC 9110, section 7.2; RFC 9112, section 3.2).

use std::net::Ipv6Addr;

use http::header::HOST;
use http::{HeaderMap, Uri};

/// The end of the names by which components of an app call each other.
const INTERNAL_HOST: &str = ".spin.internal";

/// What a request must not say of its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostFault {
    /// There are several.
    Several,
    /// It is no host with an optional port.
    Malformed,
    /// A name of a component of this app, by which only another component calls.
    Internal,
    /// Another host than the request's URI has.
    Differs,
}

impl HostFault {
    /// What to tell the client.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::Several => "There is more than one Host header.",
            Self::Malformed => "The host is malformed.",
            Self::Internal => "This host is reserved.",
            Self::Differs => "The Host header and the request target name different hosts.",
        }
    }
}

/// Whether a request names one host that somebody outside may name. Whether it has to name one is another question.
pub(super) fn check(headers: &HeaderMap, uri: &Uri) -> Result<(), HostFault> {
    let target = uri.authority().map(http::uri::Authority::as_str);
    let mut hosts = headers.get_all(HOST).iter();
    let host = match hosts.next() {
        None => None,
        Some(host) => Some(host.to_str().map_err(|_| HostFault::Malformed)?),
    };
    if hosts.next().is_some() {
        return Err(HostFault::Several);
    }
    for named in [target, host].into_iter().flatten() {
        let name = name(named).ok_or(HostFault::Malformed)?;
        let end = name.len().checked_sub(INTERNAL_HOST.len()).and_then(|start| name.get(start..));
        if end.is_some_and(|end| end.eq_ignore_ascii_case(INTERNAL_HOST)) {
            return Err(HostFault::Internal);
        }
    }
    match (target, host) {
        (Some(target), Some(host)) if !target.eq_ignore_ascii_case(host) => Err(HostFault::Differs),
        _ => Ok(()),
    }
}

/// The name in `uri-host [":" port]`, if it is that (RFC 3986, section 3.2.2). An empty one is none.
pub(super) fn name(host: &str) -> Option<&str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            (address, port)
        }
        None => {
            let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
            is_registered_name(name).then_some((name, port))?
        }
    };
    let is_port = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some(number) => {
            number.bytes().all(|byte| byte.is_ascii_digit()) && (number.is_empty() || number.parse::<u16>().is_ok())
        }
    };
    is_port.then_some(name)
}

/// `1*( unreserved / sub-delims )`: what is percent-encoded is no name that DNS has, and nothing that components could read.
fn is_registered_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    !name.is_empty() && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check_all(hosts: &[&'static str], uri: &str) -> Result<(), HostFault> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_static(host));
        }
        check(&headers, &uri.parse().unwrap())
    }

    #[test]
    fn nobody_outside_has_the_name_of_a_component_or_two_hosts() {
        assert_eq!(check_all(&["example.org"], "/"), Ok(()));
        assert_eq!(check_all(&["Example.org:80"], "http://example.org:80/"), Ok(()));
        assert_eq!(check_all(&["users.spin.internal"], "/"), Err(HostFault::Internal));
        assert_eq!(check_all(&["USERS.SPIN.INTERNAL:80"], "/"), Err(HostFault::Internal));
        assert_eq!(check_all(&[], "http://users.spin.internal/"), Err(HostFault::Internal));
        assert_eq!(check_all(&["b.example"], "http://a.example/"), Err(HostFault::Differs));
        assert_eq!(check_all(&["a.example", "a.example"], "/"), Err(HostFault::Several));
        assert_eq!(check_all(&["a@example.org"], "/"), Err(HostFault::Malformed));
        assert_eq!(check_all(&[], "http://a@example.org/"), Err(HostFault::Malformed));
        assert_eq!(check_all(&[""], "/"), Err(HostFault::Malformed));
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for (host, wanted) in [
            ("example.org", "example.org"),
            ("example.org:", "example.org"),
            ("example.org:65535", "example.org"),
            ("127.0.0.1:4000", "127.0.0.1"),
            ("[::1]:4000", "::1"),
            ("[::1]", "::1"),
        ] {
            assert_eq!(name(host), Some(wanted), "{host}");
        }
        for bad in [
            "", ":80", "a b", "a/b", "a:b", "a:65536", "a:1:2", "a:+1", "a%41", "[::1", "[::1]x", "[a]:1", "::1",
            "a@b", "a,b:1 ", "bücher",
        ] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_counts_as_a_host_is_one_for_others_too() {
        use crate::fuzz::{fuzz, text};
        const PIECES: [&str; 20] = [
            "a",
            "Z9",
            ".",
            "-",
            ":",
            "80",
            "65536",
            "[",
            "]",
            "::1",
            "%",
            "%41",
            "@",
            "/",
            " ",
            "users",
            ".spin.internal",
            "*",
            "!'()",
            "~&=;,$+_",
        ];
        fuzz(|random| {
            let host = text(random, &PIECES, 8)?;
            if let Some(name) = name(&host) {
                let authority: http::uri::Authority = host.parse().unwrap_or_else(|error| panic!("{host:?}: {error}"));
                assert_eq!(authority.host().trim_matches(['[', ']']), name, "{host:?}");
                let uri = Uri::builder().scheme("http").authority(authority).path_and_query("/").build().unwrap();
                let allowed = check(&HeaderMap::new(), &uri);
                assert_eq!(allowed.is_err(), name.to_ascii_lowercase().ends_with(".spin.internal"), "{host:?}");
            }
            Ok(())
        });
    }
}
