//! Responses to browsers.

use browser::ContentPolicy;
use problem::Problem;
use service_kit::{Response, StatusCode, empty, set_header};

/// What ends a request before its handler does.
pub enum Stop {
    /// A response: a redirection, or a page that says what is wrong.
    With(Box<Response>),
    /// A problem, which becomes a page.
    Problem(Problem),
}

impl Stop {
    /// This response.
    pub fn with(response: Response) -> Self {
        Self::With(Box::new(response))
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// What a handler returns.
pub type Outcome = Result<Response, Stop>;

pub use service_kit::set_header as set;

/// What a page may ask the browser for: passkeys, and nothing else.
const PERMISSIONS: &str = "publickey-credentials-create=(self), publickey-credentials-get=(self), accelerometer=(), camera=(), \
                           display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), usb=()";

/// A page.
pub fn html(status: StatusCode, html: String) -> Response {
    let mut response = Response::new(html.into_bytes());
    *response.status_mut() = status;
    set_header(&mut response, "content-type", "text/html; charset=utf-8");
    response
}

/// A redirection after a form (303, RFC 9110, 15.4.4).
pub fn see_other(location: &str) -> Response {
    let mut response = empty(StatusCode::SEE_OTHER);
    set_header(&mut response, "location", location);
    response
}

/// The headers that tell a browser to be careful, as the OWASP Secure Headers Project lists them.
pub fn protect(response: &mut Response, applications: &[String], is_tls: bool) {
    // What is no page has a stricter one already.
    if !response.headers().contains_key("content-security-policy") {
        set_header(response, "content-security-policy", &ContentPolicy { applications }.header());
    }
    // Links of mails have a secret in their address, which nobody else is told. With `no-referrer` forms would come from the
    // origin `null`.
    set_header(response, "referrer-policy", "same-origin");
    set_header(response, "permissions-policy", PERMISSIONS);
    set_header(response, "x-frame-options", "DENY");
    set_header(response, "cross-origin-opener-policy", "same-origin");
    set_header(response, "cross-origin-resource-policy", "same-origin");
    if is_tls {
        set_header(response, "strict-transport-security", "max-age=31536000");
    }
}
