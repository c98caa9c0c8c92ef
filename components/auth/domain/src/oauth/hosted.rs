//! The pages of account, on which people decide where they are deployed. They get the authorization request in one piece.

use super::authorization::AuthorizationRequest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The path of the page.
const PAGE: &str = "/account/authorize";
/// With this parameter the pages of account send a request back of somebody who is not signed in there and must not be asked.
const SIGNED_OUT: &str = "signed_out=yes";
/// The longest request that goes there, in bytes: a browser has to keep it in a cookie while its user signs in.
pub const MAX_HOSTED_BYTES: usize = 1500;

/// Whether account has sent the request back.
#[must_use]
pub fn is_back_from_account(encoded: &[u8]) -> bool {
    encoded.split(|byte| *byte == b'&').any(|pair| pair == SIGNED_OUT.as_bytes())
}

impl AuthorizationRequest {
    /// The page of account that decides about this request. `None` for one that is too long.
    #[must_use]
    pub fn hosted_page(&self, public_url: &str) -> Option<String> {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(self.fields()).finish();
        (query.len() <= MAX_HOSTED_BYTES)
            .then(|| format!("{public_url}{PAGE}?request={}", URL_SAFE_NO_PAD.encode(query)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_gets_the_parameters_that_mean_something() {
        let query =
            "client_id=6f1e2d3c-4b5a-4697-8877-665544332211&redirect_uri=https%3A%2F%2Fa.example&x=y&state=a%26b+c";
        let request = AuthorizationRequest::read(query.as_bytes()).unwrap();
        let page = request.hosted_page("https://id.example").unwrap();
        let encoded = page.strip_prefix("https://id.example/account/authorize?request=").unwrap();
        let sent = String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap();
        assert_eq!(sent, query.replace("&x=y", ""));
        let long = format!("{query}{}", "x".repeat(MAX_HOSTED_BYTES));
        assert_eq!(AuthorizationRequest::read(long.as_bytes()).unwrap().hosted_page("https://id.example"), None);
    }

    #[test]
    fn a_request_that_account_has_sent_back_says_so() {
        assert!(is_back_from_account(b"a=b&signed_out=yes") && is_back_from_account(b"signed_out=yes&a=b"));
        assert!(!is_back_from_account(b"a=signed_out=yes&b") && !is_back_from_account(b""));
    }
}
