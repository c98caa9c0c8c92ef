//! Addresses that ask for TLS where Spindle has no TLS client: `rediss://` and `mqtts://`.

/// What to do without it.
pub(crate) const NO_TLS: &str = "Spindle has no TLS client for Redis and MQTT: use redis:// or mqtt:// in a network that you \
                                 trust, put a TLS tunnel such as stunnel beside Spindle, or run the app on Spin";

/// Whether an address asks for it.
pub(crate) fn is_missing(address: &str) -> bool {
    let scheme = address.trim_start().split_once("://").map_or("", |(scheme, _)| scheme);
    ["rediss", "valkeys", "mqtts"].iter().any(|missing| scheme.eq_ignore_ascii_case(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_tells() {
        assert!(is_missing("rediss://cache:6380") && is_missing(" MQTTS://broker?client_id=a"));
        assert!(!is_missing("redis://cache") && !is_missing("amqps://broker") && !is_missing("rediss"));
    }
}
