//! The authorization request of an application, in the piece in which auth hands it over. auth alone reads and decides it; here it is kept
//! while its user signs in, and tied to the page on which they decide.

use crate::ROOT;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use browser::Sealed;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

/// The page below the root that decides.
const PAGE: &str = "/authorize";
/// The longest request, as base64url: a cookie has to hold it while its user signs in.
const MAX_ENCODED: usize = 2000;
/// What the address of the page has once its user has signed in for this request.
const SIGNED_IN: &str = "&signed_in=yes";
/// How long somebody may think about it, in seconds: as long as a sign-in counts as recent.
pub const DECISION_SECONDS: i64 = 10 * 60;

/// An authorization request.
#[derive(Debug)]
pub struct Authorization {
    encoded: String,
    query: String,
    is_signed_in: bool,
}

/// What somebody is asked on a page, sealed into its form: nothing else is decided than what was shown, nor by anybody else.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asked {
    /// The request, as in the address of the page.
    pub request: String,
    /// The session in which it was shown.
    pub session: String,
    /// Until when it can be decided, in seconds since 1970.
    pub until: i64,
}

impl Sealed for Asked {
    const WHAT: &'static str = "authorization";
}

impl Authorization {
    /// Reads the parameters of the page's address. `None` if auth has not made them.
    #[must_use]
    pub fn read(encoded: &str, signed_in: Option<&str>) -> Option<Self> {
        let query = URL_SAFE_NO_PAD.decode(Some(encoded).filter(|text| text.len() <= MAX_ENCODED)?).ok()?;
        let query = String::from_utf8(query).ok().filter(|query| query.bytes().all(|byte| byte.is_ascii_graphic()))?;
        Some(Self { encoded: encoded.to_owned(), query, is_signed_in: signed_in.is_some() })
    }

    /// Reads the address of the page, below this host.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        let encoded = path.strip_prefix(ROOT)?.strip_prefix(PAGE)?.strip_prefix("?request=")?;
        match encoded.strip_suffix(SIGNED_IN) {
            Some(encoded) => Self::read(encoded, Some("")),
            None => Self::read(encoded, None),
        }
    }

    /// The request as auth has encoded it.
    #[must_use]
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// The request, as the application has sent it.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.query
    }

    /// The address of the page after a sign-in for this request.
    #[must_use]
    pub fn path_after_sign_in(&self) -> String {
        format!("{ROOT}{PAGE}?request={}{SIGNED_IN}", self.encoded)
    }

    /// The address of the page.
    #[must_use]
    pub fn path(&self) -> String {
        if self.is_signed_in { self.path_after_sign_in() } else { format!("{ROOT}{PAGE}?request={}", self.encoded) }
    }

    /// Whether the user is to sign in though they are signed in (`prompt=login`), and has not yet. auth compares the time besides.
    #[must_use]
    pub fn asks_for_sign_in(&self) -> bool {
        !self.is_signed_in && self.has_prompt("login")
    }

    /// Whether nobody may be asked anything (`prompt=none`).
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.has_prompt("none")
    }

    /// Where auth tells the application that nobody is signed in.
    #[must_use]
    pub fn way_back(&self) -> String {
        format!("/auth-ms/oauth/authorize?{}&signed_out=yes", self.query)
    }

    /// Whom the application expects.
    #[must_use]
    pub fn login_hint(&self) -> Option<String> {
        self.parameter("login_hint")
    }

    fn has_prompt(&self, word: &str) -> bool {
        self.parameter("prompt").is_some_and(|prompt| prompt.split(' ').any(|known| known == word))
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(query: &str) -> String {
        URL_SAFE_NO_PAD.encode(query)
    }

    #[test]
    fn a_request_is_found_in_the_address_of_its_page_and_nothing_else_is() {
        let text = encoded("client_id=1&prompt=login+consent&login_hint=ada%40a.example");
        let path = format!("/account/authorize?request={text}");
        let request = Authorization::at(&path).unwrap();
        assert_eq!((request.path(), request.encoded()), (path.clone(), text.as_str()));
        assert_eq!(request.login_hint().as_deref(), Some("ada@a.example"));
        assert!(request.asks_for_sign_in() && !request.is_silent());
        let after = Authorization::at(&request.path_after_sign_in()).unwrap();
        assert!(!after.asks_for_sign_in() && after.path() == request.path_after_sign_in());
        for odd in [
            format!("{path}&next=https://evil.example"),
            format!("{path}#x"),
            format!("https://evil.example{path}"),
            path.replace("authorize", "authorise"),
            format!("/account/authorize?request={}", encoded("a b")),
            format!("/account/authorize?request={}", encoded("a\r\nx: y")),
            format!("/account/authorize?request={}", "A".repeat(2001)),
        ] {
            assert!(Authorization::at(&odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn auth_is_told_that_nobody_is_signed_in_with_the_request_as_it_was() {
        let request = Authorization::read(&encoded("client_id=1&state=a%26b&prompt=none"), None).unwrap();
        assert!(request.is_silent() && !request.asks_for_sign_in());
        assert_eq!(request.way_back(), "/auth-ms/oauth/authorize?client_id=1&state=a%26b&prompt=none&signed_out=yes");
    }
}
