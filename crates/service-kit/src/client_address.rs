//! The client: its address, and what it calls itself.
//!
//! The runtime reports the peer in `spin-client-addr`. Spin keeps a value that the caller sent and appends its own, so only
//! the last one is trusted. Behind a proxy the peer is the proxy, and its client is the last entry of `x-forwarded-for`.
//! Any client can forge that header, so it is read only from trusted proxies, entry by entry from the right. Another component of
//! the app is one of them: it says in the same header for whom it calls.

use crate::{Request, config};
use ipnet::IpNet;
use problem::Problem;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The longest user agent that is stored, in characters.
const MAX_USER_AGENT: usize = 200;

/// The peer of a request from another component of the app, as Spin says it. No connection comes from this address, and only a
/// component that the manifest lets reach this one has it.
const CHAINED: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The header by which a caller in between says for whom it calls.
pub const FORWARDED_FOR: &str = "x-forwarded-for";
/// A header in which one service tells another from which network its client comes, as [`client_network`] has it.
pub const CLIENT_NETWORK: &str = "x-client-network";
/// A header in which one service tells another what its client calls itself, as [`client_user_agent`] has it.
pub const CLIENT_USER_AGENT: &str = "x-client-user-agent";
/// A header in which one service tells another who has signed in and acts.
pub const ACTING_USER: &str = "x-acting-user";

/// The client's address as far as it is known, by which rate limits identify the client. Of an IPv6 address, the first 64
/// bits count: a client can choose the rest.
///
/// # Errors
/// `internal-error` if the component variable `trusted_proxies` cannot be read.
pub fn client_address(request: &Request) -> Result<String, Problem> {
    Ok(client(request)?.map_or_else(|| "unknown".to_owned(), rate_limited))
}

/// The network that the client's address is in: 24 bits of IPv4, 48 of IPv6. It shows users where a session began, and
/// identifies nobody as an address does.
///
/// # Errors
/// `internal-error` if the component variable `trusted_proxies` cannot be read.
pub fn client_network(request: &Request) -> Result<Option<String>, Problem> {
    Ok(client(request)?.map(network))
}

/// The client's whole address, for the [`FORWARDED_FOR`] of a call on its behalf.
///
/// # Errors
/// `internal-error` if the component variable `trusted_proxies` cannot be read.
pub fn forwarded_for(request: &Request) -> Result<Option<String>, Problem> {
    Ok(client(request)?.map(|address| address.to_string()))
}

/// What the client calls itself: visible ASCII characters, and not too many.
#[must_use]
pub fn client_user_agent(request: &Request) -> Option<String> {
    request.header("user-agent").and_then(user_agent)
}

fn user_agent(header: &str) -> Option<String> {
    let text: String = header.chars().filter(|c| (' '..='~').contains(c)).take(MAX_USER_AGENT).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn client(request: &Request) -> Result<Option<IpAddr>, Problem> {
    let trusted = trusted_proxies()?;
    Ok(find(request.header("spin-client-addr").map(last), request.header(FORWARDED_FOR), &trusted))
}

/// The component variable `trusted_proxies`.
pub(crate) fn trusted_proxies() -> Result<Vec<IpNet>, Problem> {
    networks(&config::text("trusted_proxies")?)
        .ok_or_else(|| config::fault("trusted_proxies", "must be networks such as 10.0.0.0/8, separated by commas"))
}

fn networks(text: &str) -> Option<Vec<IpNet>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().ok().or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from))).collect()
}

/// The last value of a header whose lines were merged into one list.
fn last(values: &str) -> &str {
    values.rsplit(',').next().unwrap_or_default()
}

/// The first address from the right that is not a trusted proxy.
fn find(peer: Option<&str>, forwarded: Option<&str>, trusted: &[IpNet]) -> Option<IpAddr> {
    let mut address = parse(peer?)?;
    for hop in forwarded.unwrap_or_default().rsplit(',') {
        if address != CHAINED && !trusted.iter().any(|network| network.contains(&address)) {
            break;
        }
        // If the proxy wrote no address, the proxy itself is the last that is known.
        let Some(before) = parse(hop) else { break };
        address = before;
    }
    Some(address)
}

/// An address, with or without a port. An IPv4-mapped IPv6 address becomes IPv4.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text.parse::<SocketAddr>().map(|socket| socket.ip()).ok();
    let address = address.or_else(|| text.trim_matches(['[', ']']).parse().ok())?;
    Some(address.to_canonical())
}

/// The address, or the network, that rate limits apply to.
fn rate_limited(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: &str, forwarded: Option<&str>, trusted: &str) -> String {
        rate_limited(find(Some(last(peer)), forwarded, &networks(trusted).unwrap()).unwrap())
    }

    #[test]
    fn a_network_is_part_of_an_address() {
        let of = |text: &str| network(parse(text).unwrap());
        assert_eq!(of("203.0.113.77"), "203.0.113.0/24");
        assert_eq!(of("::ffff:203.0.113.77"), "203.0.113.0/24");
        assert_eq!(of("2001:db8:1:2:3::4"), "2001:db8:1::/48");
        assert_eq!(of("::1"), "0:0:0::/48");
    }

    #[test]
    fn of_a_user_agent_two_hundred_visible_characters_are_kept() {
        assert_eq!(user_agent(" curl/8.14.1 ").as_deref(), Some("curl/8.14.1"));
        assert_eq!(user_agent("a\u{202e}b\u{7}\r\nc").as_deref(), Some("abc"));
        assert_eq!(user_agent(&"x".repeat(1000)).map(|text| text.len()), Some(200));
        assert_eq!((user_agent("\u{200b} "), user_agent("")), (None, None));
    }

    #[test]
    fn without_trusted_proxies_the_peer_is_the_client() {
        assert_eq!(found("10.0.0.7:4711", Some("203.0.113.9"), ""), "10.0.0.7");
        assert_eq!(found("203.0.113.5:1", Some("198.51.100.1"), "10.0.0.0/8"), "203.0.113.5");
    }

    #[test]
    fn another_component_says_for_whom_it_calls() {
        assert_eq!(found("0.0.0.0:0", Some("203.0.113.9"), ""), "203.0.113.9");
        assert_eq!(found("0.0.0.0:0", Some("6.6.6.6, 203.0.113.9"), ""), "203.0.113.9");
        assert_eq!(found("0.0.0.0:0", None, ""), "0.0.0.0");
        assert_eq!(found("0.0.0.0:1, 203.0.113.5:1", Some("6.6.6.6"), ""), "203.0.113.5");
    }

    #[test]
    fn a_value_that_the_caller_sent_is_ignored() {
        assert_eq!(found("203.0.113.9:1, 10.0.0.7:4711", None, ""), "10.0.0.7");
        assert_eq!(found("203.0.113.9:1,6.6.6.6, [2001:db8:1:2::3]:99", None, ""), "2001:db8:1:2::/64");
        assert_eq!(found("nonsense, , 10.0.0.7:1", Some("203.0.113.9"), "10.0.0.0/8"), "203.0.113.9");
    }

    #[test]
    fn behind_trusted_proxies_the_last_other_address_is_the_client() {
        assert_eq!(found("10.0.0.7:1", Some("203.0.113.9"), "10.0.0.0/8"), "203.0.113.9");
        assert_eq!(found("10.0.0.7:1", Some("6.6.6.6, 203.0.113.9, 10.0.0.8"), "10.0.0.0/8"), "203.0.113.9");
        assert_eq!(found("10.0.0.7:1", Some("203.0.113.9:555"), "10.0.0.7"), "203.0.113.9");
        assert_eq!(found("10.0.0.7:1", None, "10.0.0.0/8"), "10.0.0.7");
        assert_eq!(found("10.0.0.7:1", Some("nonsense"), "10.0.0.0/8"), "10.0.0.7");
    }

    #[test]
    fn ipv6_is_grouped_by_network_and_mapped_ipv4_is_ipv4() {
        assert_eq!(found("[2001:db8:1:2:3:4:5:6]:99", None, ""), "2001:db8:1:2::/64");
        assert_eq!(found("[::ffff:10.0.0.7]:99", Some("203.0.113.9"), "10.0.0.0/8"), "203.0.113.9");
    }

    #[test]
    fn an_invalid_network_is_refused() {
        assert!(networks("10.0.0.0/8, 192.168.0.1 ,").is_some());
        assert!(networks("everybody").is_none());
    }
}
