//! What the browser keeps for us, sealed: the tokens of a session, and what a sign-in continues with.

use crate::cookies::MAX_VALUE;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sealing::{NONCE_BYTES, SealingKeys};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How long before its end an access token is replaced, in seconds: longer than any request takes.
const REFRESH_BEFORE: i64 = 60;
/// How long a sign-in or a sign-up that was begun can continue, in seconds.
pub const FLOW_SECONDS: i64 = 30 * 60;

/// Something that is kept in a sealed cookie.
pub trait Sealed: Serialize + DeserializeOwned {
    /// What it is, which the seal covers with the name of the component: one kind of cookie is of no use as another, nor is one
    /// of another component.
    const WHAT: &'static str;

    /// The value of the cookie, for the component of this name.
    #[must_use]
    fn seal(&self, keys: &SealingKeys, component: &str, nonce: [u8; NONCE_BYTES]) -> String {
        keys.seal(&serde_json::to_vec(self).unwrap_or_default(), &associated_data(component, Self::WHAT), nonce)
    }

    /// Reads the value of a cookie; `None` if it is not ours, or was sealed by a key that is gone.
    #[must_use]
    fn open(keys: &SealingKeys, component: &str, value: &str) -> Option<Self> {
        serde_json::from_slice(&keys.open(value, &associated_data(component, Self::WHAT))?).ok()
    }
}

fn associated_data(component: &str, what: &str) -> Vec<u8> {
    format!("concierge {component} {what}").into_bytes()
}

/// A session: the tokens, which never leave the server but sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    /// The refresh token.
    #[serde(rename = "r")]
    pub refresh: String,
    /// The access token; empty if it would make the cookie too long.
    #[serde(rename = "a")]
    pub access: String,
    /// When the access token expires, in seconds since 1970.
    #[serde(rename = "e")]
    pub expires_at: i64,
    /// The id of the user.
    #[serde(rename = "u")]
    pub user_id: String,
    /// The id of the session, to which forms are bound.
    #[serde(rename = "s")]
    pub session_id: String,
    /// The language that the user has chosen.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

/// What a token says of itself.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    sid: String,
}

impl Session {
    /// A session with these tokens, as auth has just returned them: it is read, not verified. `None` if it is no token.
    #[must_use]
    pub fn of(access: String, refresh: String, expires_at: i64, locale: Option<String>) -> Option<Self> {
        let payload = URL_SAFE_NO_PAD.decode(access.split('.').nth(1)?).ok()?;
        let Claims { sub, sid } = serde_json::from_slice(&payload).ok()?;
        Some(Self { refresh, access, expires_at, user_id: sub, session_id: sid, locale })
    }

    /// What its access token says, as auth has returned it: it is read, not verified. `None` if it does not say that.
    #[must_use]
    pub fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        let payload = URL_SAFE_NO_PAD.decode(self.access.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&payload).ok()
    }

    /// Whether a new access token is to be fetched before the next call.
    #[must_use]
    pub fn needs_refresh(&self, now: i64) -> bool {
        self.access.is_empty() || now >= self.expires_at - REFRESH_BEFORE
    }

    /// The value of its cookie. A browser drops a cookie that is too long; without the access token, one is fetched at each
    /// request.
    #[must_use]
    pub fn cookie(
        &self,
        keys: &SealingKeys,
        component: &str,
        nonce: [u8; NONCE_BYTES],
        second: [u8; NONCE_BYTES],
    ) -> String {
        let value = self.seal(keys, component, nonce);
        if value.len() <= MAX_VALUE {
            return value;
        }
        Self { access: String::new(), ..self.clone() }.seal(keys, component, second)
    }
}

impl Sealed for Session {
    const WHAT: &'static str = "session";
}

/// What a sign-in or a sign-up continues with.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Flow {
    /// Until when, in seconds since 1970.
    pub until: i64,
    /// The address that was typed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What auth wants to be shown with the second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
    /// What a code of a mail that signs in is good together with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Where the browser goes at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The secret of an authenticator app that is being added, to be shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl Sealed for Flow {
    const WHAT: &'static str = "flow";
}

/// That somebody has signed in on this device.
#[derive(Serialize, Deserialize)]
pub struct Device {
    /// The device token of the last sign-in.
    pub token: String,
}

impl Sealed for Device {
    const WHAT: &'static str = "device";
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(..)")
    }
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flow(..)")
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Device(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> SealingKeys {
        SealingKeys::parse(&format!("k:{}", "a".repeat(64))).unwrap().unwrap()
    }

    fn access(padding: usize) -> String {
        let claims = format!("{{\"sub\":\"7\",\"sid\":\"s-1\",\"x\":\"{}\"}}", "x".repeat(padding));
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_session_is_read_from_its_cookie_and_no_token_is_in_that() {
        let session = Session::of(access(0), "refresh-token".to_owned(), 900, None).unwrap();
        assert_eq!((session.user_id.as_str(), session.session_id.as_str()), ("7", "s-1"));
        let cookie = session.cookie(&keys(), "account", [1; 24], [2; 24]);
        assert!(!cookie.contains("refresh") && !cookie.contains(&session.access));
        let opened = Session::open(&keys(), "account", &cookie).unwrap();
        assert_eq!((opened.refresh, opened.access), ("refresh-token".to_owned(), session.access));
    }

    #[test]
    fn one_kind_of_cookie_is_of_no_use_as_another() {
        let flow = Flow { until: 1, ..Flow::default() }.seal(&keys(), "account", [1; 24]);
        assert!(
            Session::open(&keys(), "account", &flow).is_none() && Device::open(&keys(), "account", &flow).is_none()
        );
        assert!(Flow::open(&keys(), "account", &flow).is_some() && Flow::open(&keys(), "console", &flow).is_none());
    }

    #[test]
    fn an_access_token_that_is_too_long_is_left_out() {
        let session = Session::of(access(5000), "r".to_owned(), 900, None).unwrap();
        let cookie = session.cookie(&keys(), "account", [1; 24], [2; 24]);
        assert!(cookie.len() < MAX_VALUE);
        assert!(Session::open(&keys(), "account", &cookie).unwrap().needs_refresh(0));
    }

    #[test]
    fn a_token_is_replaced_a_minute_before_its_end() {
        let session = Session::of(access(0), "r".to_owned(), 900, None).unwrap();
        assert!(!session.needs_refresh(839) && session.needs_refresh(840));
        assert!(Session::of("no token".to_owned(), "r".to_owned(), 900, None).is_none());
    }
}
