//! What Amazon's APIs share: keys, regions, and signatures (AWS Signature Version 4).

use super::{Account, AccountError};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;
use url::Url;

const KEY: &str = "must be <access key id>:<secret access key>, with :<region> after it unless the address names one";

/// An endpoint of a service, and the key to sign requests to it.
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) from: String,
    pub(super) name: String,
    pub(super) reply_to: Option<String>,
    host: String,
    path: &'static str,
    id: String,
    secret: String,
    region: String,
    service: &'static str,
}

impl Endpoint {
    /// The region is the label after the service in the host (`email.eu-west-1.amazonaws.com`), else the third part of the
    /// key.
    pub(super) fn new(account: Account, service: &'static str, path: &'static str) -> Result<Self, AccountError> {
        let address = AccountError::Url("must be an address such as https://<service>.<region>.amazonaws.com");
        let url = Url::parse(account.url.trim()).map_err(|_| address)?;
        let name = url.host_str().ok_or(address)?;
        let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let mut parts = account.key.split(':').map(str::to_owned);
        let (Some(id), Some(secret), region, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(AccountError::Key(KEY));
        };
        let region = region.or_else(|| region_of(name)).ok_or(AccountError::Key(KEY))?;
        if [&id, &secret, &region].iter().any(|part| part.is_empty()) {
            return Err(AccountError::Key(KEY));
        }
        let url = format!("{}://{host}{path}", url.scheme());
        let Account { from, name, reply_to, .. } = account;
        Ok(Self { url, from, name, reply_to, host, path, id, secret, region, service })
    }

    /// The headers that sign a POST of `body`.
    pub(super) fn sign(&self, content_type: &str, body: &[u8], now: OffsetDateTime) -> Vec<(&'static str, String)> {
        let at = time_of(now);
        let headers = [("content-type", content_type), ("host", &self.host), ("x-amz-date", &at)];
        let authorization = self.authorization(&headers, body, &at);
        vec![("x-amz-date", at), ("authorization", authorization)]
    }

    /// `authorization` for a POST with these headers, which are sorted by their names.
    fn authorization(&self, headers: &[(&str, &str)], body: &[u8], at: &str) -> String {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let digest = hex::encode(Sha256::digest(body));
        let canonical = format!("POST\n{}\n\n{lines}\n{names}\n{digest}", self.path);
        let day = at.get(..8).unwrap_or(at);
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, &self.region, self.service, "aws4_request"] {
            key = mac(&key, part);
        }
        let signature = hex::encode(mac(&key, &to_sign));
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", self.id)
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// The time of a request, as signatures have it.
fn time_of(now: OffsetDateTime) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    now.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}

fn region_of(host: &str) -> Option<String> {
    let labels: Vec<_> = host.split('.').collect();
    match labels.as_slice() {
        [_, region, "amazonaws", ..] => Some((*region).to_owned()),
        _ => None,
    }
}

/// Whether an error is not the message's fault: throttling, and what an operator can correct.
pub(super) fn is_temporary(code: &str) -> bool {
    let code = code.strip_suffix("Exception").unwrap_or(code);
    const PASSING: [&str; 9] = [
        "Throttling",
        "Throttled",
        "KMSThrottling",
        "TooManyRequests",
        "LimitExceeded",
        "SendingPaused",
        "InternalFailure",
        "InternalError",
        "ServiceUnavailable",
    ];
    const OF_THE_ACCOUNT: [&str; 14] = [
        "AccessDenied",
        "AccountSuspended",
        "AuthorizationError",
        "EndpointDisabled",
        "ExpiredToken",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "MailFromDomainNotVerified",
        "MissingAuthenticationToken",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClient",
    ];
    PASSING.contains(&code) || OF_THE_ACCOUNT.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::super::testing::account;
    use super::*;
    use time::macros::datetime;

    const AT: OffsetDateTime = datetime!(2015-08-30 12:36:00 UTC);
    /// The key of AWS's published examples of signatures.
    const EXAMPLE: &str = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY:us-east-1";

    fn example() -> Endpoint {
        Endpoint::new(account("https://example.amazonaws.com", EXAMPLE, ""), "service", "/").ok().unwrap()
    }

    /// The published test vectors `post-vanilla` and `post-x-www-form-urlencoded`.
    #[test]
    fn signatures_are_those_of_the_published_test_vectors() {
        let vanilla = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        assert_eq!(
            example().authorization(&vanilla, b"", &time_of(AT)),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        let signed = example().sign("application/x-www-form-urlencoded", b"Param1=value1", AT);
        assert_eq!(signed[0], ("x-amz-date", "20150830T123600Z".to_owned()));
        assert_eq!(
            signed[1].1,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
    }

    #[test]
    fn the_region_is_in_the_host_or_in_the_key() {
        let region = |url, key| Endpoint::new(account(url, key, ""), "ses", "/").map(|endpoint| endpoint.region);
        assert_eq!(region("https://email.eu-west-1.amazonaws.com", "id:secret").as_deref(), Ok("eu-west-1"));
        assert_eq!(region("http://127.0.0.1:4566", "id:secret:eu-south-1").as_deref(), Ok("eu-south-1"));
        for key in ["", "id", "id:secret", "id::eu-south-1", ":secret:eu-south-1", "a:b:c:d"] {
            assert_eq!(region("http://127.0.0.1:4566", key), Err(AccountError::Key(KEY)), "{key}");
        }
        assert!(matches!(region("nowhere", "id:secret:eu-south-1"), Err(AccountError::Url(_))));
    }

    #[test]
    fn the_port_is_part_of_the_host_that_is_signed() {
        let endpoint = Endpoint::new(account("http://127.0.0.1:4566/", EXAMPLE, ""), "sns", "/").ok().unwrap();
        assert_eq!((endpoint.url.as_str(), endpoint.host.as_str()), ("http://127.0.0.1:4566/", "127.0.0.1:4566"));
    }
}
