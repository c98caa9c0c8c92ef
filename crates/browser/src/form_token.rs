//! That a form which is sent is one of ours, shown to this browser and in this session: a token in each form, sealed and bound to a
//! cookie and to the session. With it, and with what the browser says of where a request comes from, no page of another site can
//! have a form sent (cross-site request forgery).

use sealing::{NONCE_BYTES, SealingKeys};

/// How long a form can be sent, in seconds: as long as somebody leaves a tab open on a working day.
const MAX_AGE: i64 = 12 * 60 * 60;

/// What a form is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The name of the component.
    pub component: &'a str,
    /// The value of the cookie that each browser has.
    pub browser: &'a str,
    /// The session, if somebody is signed in.
    pub session: Option<&'a str>,
}

impl Binding<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let Self { component, browser, session } = self;
        format!("concierge {component} form\0{browser}\0{}", session.unwrap_or_default()).into_bytes()
    }
}

/// The token for a form.
#[must_use]
pub fn form_token(keys: &SealingKeys, binding: Binding<'_>, now: i64, nonce: [u8; NONCE_BYTES]) -> String {
    keys.seal(&now.to_be_bytes(), &binding.associated_data(), nonce)
}

/// Whether a form with this token may be sent.
#[must_use]
pub fn is_valid_form_token(keys: &SealingKeys, binding: Binding<'_>, now: i64, token: &str) -> bool {
    let issued =
        keys.open(token, &binding.associated_data()).and_then(|bytes| Some(i64::from_be_bytes(bytes.try_into().ok()?)));
    issued.is_some_and(|issued| (0..=MAX_AGE).contains(&(now - issued)))
}

/// What a browser says about where a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origins<'a> {
    /// The header `origin`.
    pub origin: Option<&'a str>,
    /// The header `sec-fetch-site`.
    pub site: Option<&'a str>,
    /// The host that was asked.
    pub host: Option<&'a str>,
    /// Where people reach the app.
    pub public_url: &'a str,
}

impl Origins<'_> {
    /// Whether a page of ours has sent the request. Browsers send one of the two headers with each form at least, so a request
    /// without both is none.
    #[must_use]
    pub fn are_ours(&self) -> bool {
        if self.site.is_some_and(|site| site != "same-origin") {
            return false;
        }
        match self.origin {
            Some(origin) => self.is_ours(origin),
            None => self.site.is_some(),
        }
    }

    /// The origin is that of `public_url`, or has the very host that was asked. A browser that is lured to another name of
    /// this host has none of our cookies there.
    fn is_ours(&self, origin: &str) -> bool {
        let Some((_, authority)) = origin.split_once("://") else { return false };
        origin == self.public_url.trim_end_matches('/')
            || self.host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> SealingKeys {
        SealingKeys::parse(&format!("k:{}", "a".repeat(64))).unwrap().unwrap()
    }

    #[test]
    fn a_token_is_good_for_its_browser_and_session_and_half_a_day() {
        let binding = Binding { component: "account", browser: "b", session: Some("s") };
        let token = form_token(&keys(), binding, 1000, [1; 24]);
        let is_valid = |binding, now| is_valid_form_token(&keys(), binding, now, &token);
        assert!(is_valid(binding, 1000) && is_valid(binding, 1000 + MAX_AGE));
        assert!(!is_valid(binding, 1001 + MAX_AGE) && !is_valid(binding, 999));
        assert!(!is_valid(Binding { browser: "c", ..binding }, 1000));
        assert!(!is_valid(Binding { component: "console", ..binding }, 1000));
        assert!(!is_valid(Binding { session: None, ..binding }, 1000));
        assert!(!is_valid(Binding { session: Some("t"), ..binding }, 1000));
        assert!(
            !is_valid_form_token(&keys(), binding, 1000, "") && !is_valid_form_token(&keys(), binding, 1000, "k:AAAA")
        );
    }

    #[test]
    fn only_our_own_pages_send_forms() {
        let from = |origin, site| {
            let host = Some("127.0.0.1:4000");
            Origins { origin, site, host, public_url: "https://id.example/" }.are_ours()
        };
        assert!(from(Some("https://id.example"), Some("same-origin")) && from(Some("https://id.example"), None));
        assert!(from(Some("http://127.0.0.1:4000"), Some("same-origin")) && from(None, Some("same-origin")));
        for origin in
            ["https://evil.example", "http://id.example", "https://id.example.evil", "null", "", "http://127.0.0.1"]
        {
            assert!(!from(Some(origin), None) && !from(Some(origin), Some("same-origin")), "{origin}");
        }
        assert!(!from(Some("https://id.example"), Some("same-site")) && !from(None, Some("cross-site")));
        assert!(!from(None, Some("none")) && !from(None, None));
    }
}
