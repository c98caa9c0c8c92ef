//! The endpoints, as the variables name them.

use super::signature::{SigningSecret, signatures};
use events::Exchange;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// The most endpoints.
const MAX_ENDPOINTS: usize = 8;
/// The most secrets of an endpoint: two, while one replaces the other.
const MAX_SECRETS: usize = 2;
/// The longest name of an endpoint, in letters.
const MAX_NAME: usize = 32;

/// Somebody's endpoint for events.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Its name, in the log and among the secrets. It never changes: by it is known which events it has.
    pub name: String,
    /// Where events are posted.
    pub url: String,
    /// The exchanges that it gets events of; all that are offered if there is none.
    exchanges: Vec<Exchange>,
    secrets: Vec<SigningSecret>,
}

/// What is wrong with the variables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// With the list of endpoints.
    #[error("{0}")]
    Endpoints(String),
    /// With the list of secrets.
    #[error("{0}")]
    Secrets(String),
    /// With the list of hosts.
    #[error("must be origins such as https://crm.example")]
    Hosts,
}

impl Endpoint {
    /// Whether it gets the events of this exchange.
    #[must_use]
    pub fn wants(&self, exchange: Exchange) -> bool {
        exchange.webhook_data().is_some() && (self.exchanges.is_empty() || self.exchanges.contains(&exchange))
    }

    /// The headers of an event that is posted at this time, in seconds since 1970.
    #[must_use]
    pub fn headers(&self, event_id: &str, timestamp: i64, body: &str) -> [(&'static str, String); 5] {
        [
            ("content-type", "application/json".to_owned()),
            ("user-agent", "concierge-webhooks".to_owned()),
            ("webhook-id", event_id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signatures(&self.secrets, event_id, timestamp, body)),
        ]
    }
}

/// Reads the endpoints: `name=url`, followed by the types of the events that are wanted, if not all, and so on, with spaces
/// between them. `secrets` has `name=whsec_...`, twice with a comma between them. `allowed` are the origins that may be reached.
///
/// # Errors
/// If something of it cannot be used. The text names no secret.
pub fn endpoints(endpoints: &str, secrets: &str, allowed: &str) -> Result<Vec<Endpoint>, EndpointError> {
    if !allowed.split_whitespace().all(is_origin) {
        return Err(EndpointError::Hosts);
    }
    let mut found: Vec<Endpoint> = Vec::new();
    for word in endpoints.split_whitespace() {
        match word.split_once('=').filter(|(_, url)| url.contains("://")) {
            Some((name, url)) => {
                if !is_name(name) || found.iter().any(|known| known.name == name) {
                    return fault(format!("must have names of their own, such as crm: {name}"));
                }
                let url = checked_url(name, url, allowed)?;
                found.push(Endpoint { name: name.to_owned(), url, exchanges: Vec::new(), secrets: Vec::new() });
            }
            None => match (found.last_mut(), offered(word)) {
                (Some(endpoint), Some(exchange)) => endpoint.exchanges.push(exchange),
                (None, Some(_)) => return fault("must begin with name=url".to_owned()),
                (_, None) => return fault(format!("must have name=url and types of events that are offered: {word}")),
            },
        }
    }
    if found.len() > MAX_ENDPOINTS {
        return fault(format!("must have at most {MAX_ENDPOINTS} endpoints"));
    }
    add_secrets(&mut found, secrets).map_err(EndpointError::Secrets)?;
    Ok(found)
}

/// Whether it is `https://host:port`, and not a pattern for several hosts.
fn is_origin(host: &str) -> bool {
    let is_plain = |url: &Url| matches!(url.scheme(), "https" | "http") && url.path() == "/" && !host.contains('*');
    Url::parse(host).is_ok_and(|url| is_plain(&url))
}

fn fault<T>(what: String) -> Result<T, EndpointError> {
    Err(EndpointError::Endpoints(what))
}

fn offered(name: &str) -> Option<Exchange> {
    Exchange::from_name(name).filter(|exchange| exchange.webhook_data().is_some())
}

fn is_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_letter)
}

fn add_secrets(endpoints: &mut [Endpoint], secrets: &str) -> Result<(), String> {
    for word in secrets.split_whitespace() {
        let (name, secrets) = word.split_once('=').ok_or("must be name=whsec_...")?;
        let endpoint = endpoints.iter_mut().find(|endpoint| endpoint.name == name);
        let endpoint = endpoint.ok_or_else(|| format!("must name endpoints that there are: not {name}"))?;
        let secrets: Option<Vec<_>> = secrets.split(',').map(SigningSecret::parse).collect();
        endpoint.secrets = secrets
            .filter(|secrets| secrets.len() <= MAX_SECRETS && endpoint.secrets.is_empty())
            .ok_or_else(|| format!("must have one or two secrets for {name}: whsec_ and 24 to 64 bytes in base64"))?;
    }
    match endpoints.iter().find(|endpoint| endpoint.secrets.is_empty()) {
        Some(endpoint) => Err(format!("has no secret for {}", endpoint.name)),
        None => Ok(()),
    }
}

/// The URL, if it is one that events may go to.
fn checked_url(name: &str, url: &str, allowed: &str) -> Result<String, EndpointError> {
    let url = Url::parse(url).ok().filter(|url| url.username().is_empty() && url.password().is_none());
    let Some(url) = url.filter(|url| url.host().is_some() && url.fragment().is_none()) else {
        return fault(format!("must have a URL without user and fragment for {name}"));
    };
    let (is_loopback, is_private) = match url.host() {
        Some(Host::Domain(domain)) => (is_localhost(domain), false),
        Some(Host::Ipv4(address)) => (address.is_loopback(), is_private_v4(address)),
        Some(Host::Ipv6(address)) => (address.is_loopback(), is_private_v6(address)),
        None => (false, true),
    };
    if is_private {
        return fault(format!("must have no private address for {name}"));
    }
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
        return fault(format!("must be https, except on this machine: {name}"));
    }
    let origin = url.origin();
    let is_allowed = |allowed: &str| Url::parse(allowed).is_ok_and(|allowed| allowed.origin() == origin);
    if !allowed.split_whitespace().any(is_allowed) {
        return fault(format!("must be at one of webhook_host_a to webhook_host_d: {name}"));
    }
    Ok(url.into())
}

fn is_localhost(domain: &str) -> bool {
    domain == "localhost" || domain.ends_with(".localhost")
}

/// Whether an address belongs to a network of one's own (RFC 6890), other than loopback.
fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || is_shared
        || a == 0
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    // An IPv4 address in the form of an IPv6 one leads to the same host.
    if let IpAddr::V4(mapped) = IpAddr::V6(address).to_canonical() {
        return is_private_v4(mapped) || mapped.is_loopback();
    }
    address.is_unique_local() || address.is_unicast_link_local() || address.is_unspecified() || address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const HOSTS: &str = "https://crm.example http://127.0.0.1:9000 http://none.invalid";

    fn parse(list: &str) -> Result<Vec<Endpoint>, EndpointError> {
        let names = list.split_whitespace().filter_map(|word| word.split_once('=').map(|(name, _)| name));
        let secrets: Vec<_> = names.map(|name| format!("{name}={SECRET}")).collect();
        endpoints(list, &secrets.join(" "), HOSTS)
    }

    #[test]
    fn an_endpoint_gets_what_is_offered_or_what_it_names() {
        assert_eq!(endpoints(" ", "", HOSTS), Ok(Vec::new()));
        let list = "crm=https://crm.example/in?x=1 new_user_event email_changed_event\n dev=http://127.0.0.1:9000/hook";
        let [crm, dev] = &parse(list).unwrap()[..] else { panic!("there are two") };
        assert_eq!((crm.name.as_str(), crm.url.as_str()), ("crm", "https://crm.example/in?x=1"));
        let wanted =
            |endpoint: &Endpoint| Exchange::ALL.into_iter().filter(|exchange| endpoint.wants(*exchange)).count();
        assert_eq!((wanted(crm), wanted(dev) > 2), (2, true));
        assert!(crm.wants(Exchange::NewUser) && !crm.wants(Exchange::UserLogin));
        assert!(dev.wants(Exchange::UserLogin) && !dev.wants(Exchange::RecoveryRequested));
    }

    #[test]
    fn what_is_posted_has_the_headers_of_standard_webhooks() {
        let endpoint = parse("crm=https://crm.example/in").unwrap().remove(0);
        let headers = endpoint.headers("e1", 7, "{}");
        assert_eq!(headers[2..4], [("webhook-id", "e1".to_owned()), ("webhook-timestamp", "7".to_owned())]);
        assert!(headers[4].0 == "webhook-signature" && headers[4].1.starts_with("v1,"));
    }

    #[test]
    fn a_url_that_events_may_not_go_to_is_refused() {
        for url in [
            "http://crm.example/in",
            "https://other.example/in",
            "https://crm.example:8443/in",
            "https://user:pass@crm.example/in",
            "https://crm.example/in#x",
            "ftp://crm.example/in",
            "http://127.0.0.1:9001/hook",
            "https://",
        ] {
            assert!(matches!(parse(&format!("crm={url}")), Err(EndpointError::Endpoints(_))), "{url}");
        }
        for host in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "[fd00::1]",
            "[fe80::1]",
            "[::]",
            "[::ffff:10.0.0.1]",
            "[::ffff:127.0.0.1]",
        ] {
            let url = format!("https://{host}/in");
            let refused = endpoints(&format!("crm={url}"), &format!("crm={SECRET}"), HOSTS);
            assert_eq!(refused, fault("must have no private address for crm".to_owned()), "{url}");
        }
    }

    #[test]
    fn a_host_is_an_origin() {
        for hosts in ["https://crm.example/in", "crm.example", "ftp://crm.example", "https://*", "https://a.example x"]
        {
            assert_eq!(endpoints("", "", hosts), Err(EndpointError::Hosts), "{hosts}");
        }
    }

    #[test]
    fn a_list_that_cannot_be_meant_is_refused() {
        for list in [
            "https://crm.example/in",
            "CRM=https://crm.example/in",
            "=https://crm.example/in",
            "crm=https://crm.example/in crm=https://crm.example/other",
            "new_user_event crm=https://crm.example/in",
            "crm=https://crm.example/in recovery_requested_event",
            "crm=https://crm.example/in user_logged_in",
        ] {
            assert!(matches!(parse(list), Err(EndpointError::Endpoints(_))), "{list}");
        }
        let many: Vec<_> = (0..9).map(|number| format!("e{number}=https://crm.example/in")).collect();
        assert!(parse(&many[..8].join(" ")).is_ok());
        assert_eq!(parse(&many.join(" ")), fault("must have at most 8 endpoints".to_owned()));
    }

    #[test]
    fn each_endpoint_has_one_secret_or_two() {
        let with = |secrets: &str| endpoints("crm=https://crm.example/in", secrets, HOSTS);
        assert!(with(&format!("crm={SECRET}")).is_ok() && with(&format!("crm={SECRET},{SECRET}")).is_ok());
        for secrets in [
            String::new(),
            SECRET.to_owned(),
            format!("siem={SECRET}"),
            "crm=whsec_short".to_owned(),
            format!("crm={SECRET},{SECRET},{SECRET}"),
            format!("crm={SECRET} crm={SECRET}"),
            format!("crm={SECRET},"),
        ] {
            let Err(EndpointError::Secrets(what)) = with(&secrets) else { panic!("{secrets} is refused") };
            assert!(!what.contains("MfKQ"), "{what}");
        }
    }
}
