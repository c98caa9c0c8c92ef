//! The keys of rate limits.

use crate::{Email, Peppers};
use serde::{Deserialize, Serialize};

/// The length of a digest: 256 bits in hexadecimal digits.
pub const DIGEST_LENGTH: usize = 64;

/// The keys that failed attempts are counted under: digests, from which neither names nor addresses can be recovered
/// without the digest key. An account that does not exist has them like any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptKeys {
    /// The account, from any client.
    pub account: String,
    /// The client, at any account.
    pub client: String,
    /// This account from this client.
    pub pair: String,
    /// A device that has signed in to this account before, if it proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

impl AttemptKeys {
    /// The keys of an attempt by the client at `client` for the username `name`, which may be nobody's.
    #[must_use]
    pub fn new(peppers: &Peppers, name: &str, client: &str) -> Self {
        // An account is the same however its address is typed.
        let name = Email::parse(name).map_or_else(|_| name.trim().to_lowercase(), |email| email.key().to_owned());
        Self {
            account: peppers.digest("attempt by account", &name),
            client: peppers.digest("attempt by client", client),
            pair: peppers.digest("attempt by pair", format!("{client}\0{name}")),
            device: None,
        }
    }

    /// Whether all of them are digests.
    #[must_use]
    pub fn are_digests(&self) -> bool {
        [&self.account, &self.client, &self.pair]
            .into_iter()
            .chain(&self.device)
            .all(|key| key.len() == DIGEST_LENGTH && key.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(name: &str, client: &str) -> AttemptKeys {
        AttemptKeys::new(&Peppers::new("a pepper that is long enough for tests").unwrap(), name, client)
    }

    #[test]
    fn an_account_has_one_key_whatever_the_case_and_the_client() {
        let (one, other) = (keys("Ada@example.org", "10.0.0.1"), keys(" ada@EXAMPLE.org", "10.0.0.2"));
        assert_eq!(one.account, other.account);
        assert_ne!(one.client, other.client);
        assert_ne!(one.pair, other.pair);
        assert!(one.are_digests());
        assert_eq!(keys("t@bücher.example", "x"), keys("T@xn--bcher-kva.example", "x"));
    }

    #[test]
    fn names_and_addresses_are_not_visible() {
        let shown = format!("{:?}", keys("ada@example.org", "10.0.0.1"));
        assert!(!shown.contains("ada") && !shown.contains("10.0.0.1"));
        assert!(!AttemptKeys { pair: "x".into(), ..keys("a", "b") }.are_digests());
    }
}
