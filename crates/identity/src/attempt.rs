//! What an attempt to sign in is counted under.

use crate::{DeviceToken, Email, Peppers};
use serde::{Deserialize, Serialize};

/// The length of a digest: 256 bits in hexadecimal digits.
pub const DIGEST_LENGTH: usize = 64;

/// The digests under which failed attempts are counted. Names and addresses cannot be read out of them without
/// the key, and an account that does not exist has them like any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptKeys {
    /// The account, from wherever it is tried.
    pub account: String,
    /// The client, whatever it tries.
    pub client: String,
    /// This account from this client.
    pub pair: String,
    /// A device that has signed in to this account before, if it shows that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

impl AttemptKeys {
    /// The keys of an attempt by the client at `client` for the user name `name`, which need not be anybody's.
    #[must_use]
    pub fn new(peppers: &Peppers, name: &str, client: &str) -> Self {
        // One account is one, in whatever way its address is typed.
        let name = Email::parse(name).map_or_else(|_| name.trim().to_lowercase(), |email| email.key().to_owned());
        Self {
            account: peppers.digest("attempt by account", &name),
            client: peppers.digest("attempt by client", client),
            pair: peppers.digest("attempt by pair", format!("{client}\0{name}")),
            device: None,
        }
    }

    /// The same attempt by a device that is known to the account.
    #[must_use]
    pub fn by_device(self, peppers: &Peppers, device: &DeviceToken) -> Self {
        Self { device: Some(peppers.digest("attempt by device", device.id().as_bytes())), ..self }
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
    fn an_account_is_one_whatever_the_case_and_the_client() {
        let (one, other) = (keys("Ada@example.org", "10.0.0.1"), keys(" ada@EXAMPLE.org", "10.0.0.2"));
        assert_eq!(one.account, other.account);
        assert_ne!(one.client, other.client);
        assert_ne!(one.pair, other.pair);
        assert!(one.are_digests());
        assert_eq!(keys("t@bücher.example", "x"), keys("T@xn--bcher-kva.example", "x"));
    }

    #[test]
    fn names_and_addresses_do_not_show() {
        let shown = format!("{:?}", keys("ada@example.org", "10.0.0.1"));
        assert!(!shown.contains("ada") && !shown.contains("10.0.0.1"));
        assert!(!AttemptKeys { pair: "x".into(), ..keys("a", "b") }.are_digests());
    }
}
