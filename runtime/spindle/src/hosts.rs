//! `allowed_outbound_hosts`: where a component may connect to.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use ipnet::IpNet;
use thiserror::Error;

/// An entry that could not be read.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("allowed_outbound_hosts: `{entry}` {problem}")]
pub(crate) struct HostError {
    entry: String,
    problem: String,
}

/// The entries of one component.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AllowedHosts {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// `None` for any.
    scheme: Option<String>,
    host: Host,
    /// `None` for any.
    port: Option<Range<u32>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Any,
    /// The app itself, which is called as `self.alt`.
    Own,
    /// `*.suffix`, kept with its dot.
    Below(String),
    Exact(String),
    Address(IpAddr),
    Network(IpNet),
}

/// A destination, as a scheme, a host and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Destination<'a> {
    /// The scheme of the capability that asks: `postgres`, `redis`, `http`, `tcp`, ...
    pub(crate) scheme: &'a str,
    /// A name or an address; an IPv6 address without brackets.
    pub(crate) host: &'a str,
    /// The port.
    pub(crate) port: u16,
}

impl AllowedHosts {
    /// Reads the entries of a component, in which variables are already filled in.
    ///
    /// # Errors
    /// The first entry that could not be read.
    pub(crate) fn parse<S: AsRef<str>>(entries: impl IntoIterator<Item = S>) -> Result<Self, HostError> {
        let entries = entries.into_iter().map(|entry| parse_entry(entry.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// Whether a destination is allowed.
    #[must_use]
    pub(crate) fn allows(&self, destination: Destination<'_>) -> bool {
        self.entries.iter().any(|entry| entry.allows(destination))
    }

    /// Whether a socket may connect to an address, by `tcp` or `udp`.
    #[must_use]
    pub(crate) fn allows_socket(&self, scheme: &str, address: SocketAddr) -> bool {
        let host = address.ip().to_string();
        self.allows(Destination { scheme, host: &host, port: address.port() })
    }

    /// Whether requests to the app itself are allowed.
    #[must_use]
    pub(crate) fn allows_own(&self, scheme: &str) -> bool {
        self.entries.iter().any(|entry| {
            matches!(entry.host, Host::Own | Host::Any) && entry.scheme.as_deref().is_none_or(|s| s == scheme)
        })
    }
}

impl Entry {
    fn allows(&self, destination: Destination<'_>) -> bool {
        self.scheme.as_deref().is_none_or(|scheme| scheme == destination.scheme)
            && self.port.as_ref().is_none_or(|ports| ports.contains(&u32::from(destination.port)))
            && self.host.matches(destination.host)
    }
}

impl Host {
    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Own => false,
            Self::Exact(name) => name.eq_ignore_ascii_case(host),
            Self::Address(address) => parse_address(host) == Some(*address),
            Self::Below(suffix) => host
                .len()
                .checked_sub(suffix.len())
                .is_some_and(|at| at > 0 && host.as_bytes()[at..].eq_ignore_ascii_case(suffix.as_bytes())),
            Self::Network(network) => parse_address(host).is_some_and(|address| network.contains(&address)),
        }
    }
}

/// The port that a scheme implies.
#[must_use]
pub(crate) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "redis" => Some(6379),
        "mqtt" => Some(1883),
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn parse_entry(entry: &str) -> Result<Entry, HostError> {
    let fail = |problem: &str| HostError { entry: entry.to_owned(), problem: problem.to_owned() };
    let text = entry.trim();
    let (scheme, rest) =
        text.split_once("://").ok_or_else(|| fail("has no scheme; write scheme://host[:port], for all *://*:*"))?;
    if scheme.is_empty()
        || (scheme != "*" && !scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '-'))
    {
        return Err(fail("has a scheme that is not valid; for any scheme write *"));
    }
    let (host, port) = split_host(rest).map_err(fail)?;
    let (host, port, path) = match port {
        Some(port) => {
            let (port, path) = port.split_once('/').map_or((port, ""), |(port, path)| (port, path));
            (parse_host(host), Some(port), path)
        }
        // A network such as 10.0.0.0/8 holds a slash of its own.
        None => match (parse_host(host), host.split_once('/')) {
            (Ok(host), _) => (Ok(host), None, ""),
            (Err(_), Some((host, path))) => (parse_host(host), None, path),
            (Err(error), None) => (Err(error), None, ""),
        },
    };
    if !path.is_empty() {
        return Err(fail("has a path; a scheme, a host and a port are all it can have"));
    }
    let host = host.map_err(fail)?;
    let port = match port {
        Some("*") => None,
        Some(port) if !port.is_empty() => Some(parse_ports(port).ok_or_else(|| fail("has a port that is not valid"))?),
        _ if host == Host::Own => None,
        _ => {
            let port = default_port(scheme)
                .ok_or_else(|| fail("needs a port, since its scheme has no usual one; for any port write *"))?;
            Some(u32::from(port)..u32::from(port) + 1)
        }
    };
    Ok(Entry { scheme: (scheme != "*").then(|| scheme.to_owned()), host, port })
}

/// Splits `host[:port]`, the host of which may be an IPv6 address or network in brackets.
fn split_host(rest: &str) -> Result<(&str, Option<&str>), &'static str> {
    if !rest.starts_with('[') {
        return Ok(rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port))));
    }
    let end = rest.find(']').ok_or("has a `[` without its `]`")?;
    // `[2001:db8::]/32` is a network as well; its length belongs to the host.
    let length = rest[end + 1..].strip_prefix('/').map_or(0, |after| {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 { 0 } else { digits + 1 }
    });
    let (host, after) = rest.split_at(end + 1 + length);
    match after.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if after.is_empty() || after == "/" => Ok((host, None)),
        None => Err("has something after its `]` that is neither a port nor the length of a network"),
    }
}

/// An address, which has brackets or not.
fn parse_address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

fn parse_host(host: &str) -> Result<Host, &'static str> {
    if host == "*" {
        return Ok(Host::Any);
    }
    if host == "self" || host == "self.alt" {
        return Ok(Host::Own);
    }
    if host.starts_with('[') {
        let invalid = "has an IPv6 address or network that is not valid";
        if let Some(address) = parse_address(host) {
            return Ok(Host::Address(address));
        }
        // The length is inside of the brackets or after them.
        let network: String = host.chars().filter(|c| !matches!(c, '[' | ']')).collect();
        let is_well_formed = host.ends_with(']') || host.contains("]/");
        return match network.parse() {
            Ok(network @ IpNet::V6(_)) if is_well_formed => Ok(Host::Network(network)),
            _ => Err(invalid),
        };
    }
    if host.contains('/') {
        return host.parse().map(Host::Network).map_err(|_| "has a path, or a network that is not valid");
    }
    if let Some(suffix) = host.strip_prefix('*') {
        return match suffix.strip_prefix('.') {
            Some(name) if is_name(name) => Ok(Host::Below(suffix.to_owned())),
            _ => Err("has a `*` that stands for more than whole labels at the start of a name"),
        };
    }
    match host.parse() {
        Ok(IpAddr::V4(address)) => Ok(Host::Address(address.into())),
        Ok(IpAddr::V6(_)) => Err("has an IPv6 address without its brackets"),
        Err(_) if is_name(host) => Ok(Host::Exact(host.to_owned())),
        Err(_) => Err("has a host that is not valid"),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

fn parse_ports(text: &str) -> Option<Range<u32>> {
    if let Some((from, to)) = text.split_once("..") {
        let (from, to): (u16, u16) = (from.parse().ok()?, to.parse().ok()?);
        (from < to).then(|| u32::from(from)..u32::from(to))
    } else {
        let port: u16 = text.parse().ok()?;
        Some(u32::from(port)..u32::from(port) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entry: &str, scheme: &str, host: &str, port: u16) -> bool {
        AllowedHosts::parse([entry]).unwrap().allows(Destination { scheme, host, port })
    }

    #[test]
    fn usual_ports_are_implied() {
        assert!(allows("postgres://db", "postgres", "db", 5432));
        assert!(!allows("postgres://db", "postgres", "db", 5433));
        assert!(allows("redis://db", "redis", "db", 6379));
        assert!(allows("http://x.org", "http", "x.org", 80));
        assert!(allows("https://x.org", "https", "x.org", 443));
        assert!(allows("http://x.org/", "http", "x.org", 80));
    }

    #[test]
    fn scheme_host_and_port_must_all_fit() {
        assert!(allows("http://x.org:8080", "http", "X.org", 8080));
        assert!(!allows("http://x.org:8080", "https", "x.org", 8080));
        assert!(!allows("http://x.org:8080", "http", "y.org", 8080));
        assert!(!allows("http://x.org:8080", "http", "x.org", 80));
    }

    #[test]
    fn wildcards_fit() {
        assert!(allows("*://*:*", "tcp", "1.2.3.4", 1));
        assert!(allows("http://*", "http", "any", 80));
        assert!(!allows("http://*", "http", "any", 81));
        assert!(allows("http://*:*", "http", "any", 81));
        assert!(allows("*://x:1", "redis", "x", 1));
        assert!(allows("http://*.x.org", "http", "a.b.x.org", 80));
        assert!(!allows("http://*.x.org", "http", "x.org", 80));
        assert!(!allows("http://*.x.org", "http", ".x.org", 80));
        assert!(!allows("http://*.x.org", "http", "evilx.org", 80));
        assert!(allows("http://*.spin.internal", "http", "users.spin.internal", 80));
    }

    #[test]
    fn a_range_of_ports_leaves_out_its_end() {
        assert!(allows("tcp://x:10..12", "tcp", "x", 11));
        assert!(!allows("tcp://x:10..12", "tcp", "x", 12));
    }

    #[test]
    fn addresses_and_networks_fit() {
        assert!(allows("tcp://127.0.0.1:6379", "tcp", "127.0.0.1", 6379));
        assert!(allows("tcp://10.0.0.0/8:*", "tcp", "10.2.3.4", 99));
        assert!(!allows("tcp://10.0.0.0/8:*", "tcp", "11.2.3.4", 99));
        assert!(!allows("tcp://10.0.0.0/8:*", "tcp", "name", 99));
        assert!(allows("http://[::1]:80", "http", "::1", 80));
        assert!(allows("http://[::1]", "http", "0:0:0:0:0:0:0:1", 80));
        assert!(allows("http://[0:0::1]/", "http", "[::1]", 80));
        assert!(!allows("http://[::1]", "http", "::2", 80));
        for network in ["tcp://[2001:db8::/32]:443", "tcp://[2001:db8::]/32:443"] {
            assert!(allows(network, "tcp", "2001:db8:1::7", 443), "{network}");
            assert!(!allows(network, "tcp", "2001:db9::7", 443), "{network}");
            assert!(!allows(network, "tcp", "2001:db8:1::7", 80), "{network}");
        }
        assert!(allows("tcp://0.0.0.0/0:*", "tcp", "9.9.9.9", 1));
    }

    #[test]
    fn own_requests_need_self() {
        assert!(AllowedHosts::parse(["self"]).is_err());
        assert!(AllowedHosts::parse(["http://self"]).unwrap().allows_own("http"));
        assert!(!AllowedHosts::parse(["http://x"]).unwrap().allows_own("http"));
        assert!(!allows("http://self", "http", "anything", 80));
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for entry in [
            "",
            "*",
            "x.org",
            "http://",
            "http://a*b",
            "http://x:0..0",
            "http://x:99999",
            "http://x/path",
            "ftp://x",
            "*://x",
            "{{ x }}",
            "http://x:80/a",
            "://x",
            "http://[::1]8080",
            "http://[::1]/path",
            "http://[::1",
            "http://[1.2.3.4]",
            "http://::1",
            "tcp://[2001:db8::]/32",
            "tcp://[2001:db8::]/129:1",
            "tcp://[10.0.0.0/8]:1",
        ] {
            assert!(AllowedHosts::parse([entry]).is_err(), "{entry}");
        }
    }

    #[test]
    fn an_entry_allows_nothing_that_it_does_not_name() {
        use crate::fuzz::{fuzz, text};
        const PIECES: [&str; 20] = [
            "http",
            "redis",
            "*",
            "://",
            ":",
            "80",
            "6379",
            "1..9",
            "/",
            "a.example",
            "b.a.example",
            ".",
            "*.",
            "[",
            "]",
            "::1",
            "10.0.0.0",
            "/8",
            "self",
            "@",
        ];
        const SCHEMES: [&str; 2] = ["http", "redis"];
        const HOSTS: [&str; 7] = ["a.example", "b.a.example", "example", "10.0.0.0", "10.1.2.3", "::1", "self"];
        const PORTS: [u16; 4] = [5, 80, 6379, 65535];
        fuzz(|random| {
            let entry = match random.arbitrary::<bool>()? {
                true => text(random, &PIECES, 8)?,
                false => format!("{}://{}", random.choose(&["http", "*"])?, text(random, &PIECES[4..], 4)?),
            };
            let Ok(allowed) = AllowedHosts::parse([&entry]) else { return Ok(()) };
            let (scheme, host, port) = (random.choose(&SCHEMES)?, random.choose(&HOSTS)?, *random.choose(&PORTS)?);
            if allowed.allows(Destination { scheme, host, port }) {
                let (of_scheme, rest) = entry.trim().split_once("://").unwrap();
                assert!(of_scheme == "*" || of_scheme == *scheme, "{entry:?} allows {scheme}");
                let names = rest.to_ascii_lowercase().contains(*host) || rest.contains('*') || rest.contains('/');
                assert!(names, "{entry:?} allows {host}");
                let has_port = rest.contains(&port.to_string()) || rest.contains(":*") || rest.contains("..");
                assert!(has_port || default_port(of_scheme) == Some(port), "{entry:?} allows {port}");
            }
            Ok(())
        });
    }
}
