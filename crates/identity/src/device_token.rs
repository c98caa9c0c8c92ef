//! Device tokens: proof that a device has signed in to an account before.
//!
//! A device token grants no access. Beside the correct password it exempts its owner from rate limits that others have
//! run into (the OWASP "device cookie"), and its own failures count for it alone. It is
//! `dt1.<device>.<end>.<signature>`: a random id, a time in seconds since 1970, and an HMAC-SHA-256 over both and the
//! account that it is for. The server stores nothing about it.

use crate::{AttemptKeys, Peppers};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;

/// How long a device is known to an account after a sign-in: 90 days.
pub const DEVICE_SECONDS: i64 = 90 * 24 * 60 * 60;
/// The kind of token and its version.
const TYPE: &str = "dt1";
/// The purpose of the signature.
const PURPOSE: &str = "device token";
/// The longest text that is parsed, in bytes: a token has about 105.
const MAX_BYTES: usize = 256;

/// A device that is known to an account, until the token expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceToken {
    device: String,
    ends_at: i64,
}

impl DeviceToken {
    /// A token for a new device, whose id is these bytes. `now` is in seconds since 1970.
    #[must_use]
    pub fn new(id: [u8; 16], now: i64) -> Self {
        Self { device: URL_SAFE_NO_PAD.encode(id), ends_at: now + DEVICE_SECONDS }
    }

    /// The same device, with a new expiry.
    #[must_use]
    pub fn renewed(&self, now: i64) -> Self {
        Self { device: self.device.clone(), ends_at: now + DEVICE_SECONDS }
    }

    /// Verifies a token for the account of this attempt; `None` if it is invalid or expired.
    #[must_use]
    pub fn verify(text: &str, peppers: &Peppers, keys: &AttemptKeys, now: i64) -> Option<Self> {
        let text = Some(text).filter(|text| text.len() <= MAX_BYTES)?;
        let (payload, signature) = text.rsplit_once('.')?;
        let mut parts = payload.split('.');
        let (kind, device, ends_at) = (parts.next()?, parts.next()?, parts.next()?);
        if kind != TYPE || parts.next().is_some() {
            return None;
        }
        let token = Self { device: device.to_owned(), ends_at: ends_at.parse().ok()? };
        let expected = token.signature(peppers, keys);
        let is_ours = bool::from(expected.as_bytes().ct_eq(signature.as_bytes()));
        (is_ours && token.ends_at > now).then_some(token)
    }

    /// The token, as the device stores it.
    #[must_use]
    pub fn sign(&self, peppers: &Peppers, keys: &AttemptKeys) -> String {
        format!("{}.{}", self.payload(), self.signature(peppers, keys))
    }

    /// The device's id.
    pub(crate) fn id(&self) -> &str {
        &self.device
    }

    fn payload(&self) -> String {
        format!("{TYPE}.{}.{}", self.device, self.ends_at)
    }

    fn signature(&self, peppers: &Peppers, keys: &AttemptKeys) -> String {
        peppers.digest(PURPOSE, format!("{}\0{}", keys.account, self.payload()))
    }
}

impl AttemptKeys {
    /// The same attempt by a known device.
    #[must_use]
    pub fn by_device(self, peppers: &Peppers, device: &DeviceToken) -> Self {
        Self { device: Some(peppers.digest("attempt by device", device.id().as_bytes())), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn peppers() -> Peppers {
        Peppers::new("a pepper that is long enough for tests").unwrap()
    }

    fn keys(name: &str) -> AttemptKeys {
        AttemptKeys::new(&peppers(), name, "10.0.0.1")
    }

    fn token() -> String {
        DeviceToken::new([7; 16], NOW).sign(&peppers(), &keys("ada@example.org"))
    }

    fn is_good(text: &str, name: &str, now: i64) -> bool {
        DeviceToken::verify(text, &peppers(), &keys(name), now).is_some()
    }

    #[test]
    fn a_device_is_known_to_its_account_at_any_address() {
        assert!(is_good(&token(), "Ada@example.org", NOW));
        let elsewhere = AttemptKeys::new(&peppers(), "ada@example.org", "10.0.0.2");
        assert!(DeviceToken::verify(&token(), &peppers(), &elsewhere, NOW).is_some());
    }

    #[test]
    fn a_device_is_not_known_to_another_account() {
        assert!(!is_good(&token(), "bob@example.org", NOW));
    }

    #[test]
    fn a_device_token_expires_and_can_be_renewed() {
        assert!(is_good(&token(), "ada@example.org", NOW + DEVICE_SECONDS - 1));
        assert!(!is_good(&token(), "ada@example.org", NOW + DEVICE_SECONDS));
        let token = DeviceToken::new([7; 16], NOW).renewed(NOW + 10).sign(&peppers(), &keys("ada@example.org"));
        assert!(is_good(&token, "ada@example.org", NOW + DEVICE_SECONDS));
    }

    #[test]
    fn a_renewed_device_keeps_its_id() {
        let device = DeviceToken::new([7; 16], NOW);
        let counted = |device: &DeviceToken| keys("ada@example.org").by_device(&peppers(), device).device;
        assert_eq!(counted(&device), counted(&device.renewed(NOW + 10)));
        assert_ne!(counted(&device), counted(&DeviceToken::new([8; 16], NOW)));
        assert!(keys("ada@example.org").by_device(&peppers(), &device).are_digests());
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        let good = token();
        let parts: Vec<&str> = good.split('.').collect();
        let [_, device, end, signature] = parts[..] else { panic!("{good}") };
        for text in [
            String::new(),
            "...".to_owned(),
            good.replace("dt1", "dt2"),
            format!("dt1.{device}.{}.{signature}", NOW + 2 * DEVICE_SECONDS),
            format!("dt1.{}.{end}.{signature}", "A".repeat(22)),
            format!("dt1.{device}.{end}.x.{signature}"),
            format!("dt1.{device}.{end}."),
            format!("dt1.{device}.{end}"),
            format!("dt1.{device}.{end}.{}", signature.to_uppercase()),
            format!("{good} "),
            "x".repeat(10_000),
        ] {
            assert!(!is_good(&text, "ada@example.org", NOW), "{text}");
        }
        let other = DeviceToken::new([7; 16], NOW)
            .sign(&Peppers::new("another pepper that is long enough").unwrap(), &keys("ada@example.org"));
        assert!(!is_good(&other, "ada@example.org", NOW));
    }
}
