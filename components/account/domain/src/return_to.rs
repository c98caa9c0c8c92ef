//! Where a browser goes after a sign-in: to a page of ours, or to an application that the operator has listed. Nowhere else, so
//! that no link to the sign-in leads people astray.

use crate::authorization::Authorization;
use url::form_urlencoded;

/// The pages of ours that people come back to, below `/account`.
const PAGES: &[&str] = &[
    "",
    "/profile",
    "/email",
    "/password",
    "/second-factor",
    "/passkeys",
    "/sessions",
    "/applications",
    "/activity",
    "/data",
];

/// The origins of applications, from the variable `account_return_to`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Applications(Vec<String>);

impl Applications {
    /// Parses origins such as `https://app.example`, separated by commas. `None` if one of them is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| is_origin(part).then(|| part.to_owned())).collect::<Option<_>>().map(Self)
    }

    /// The origins.
    #[must_use]
    pub fn origins(&self) -> &[String] {
        &self.0
    }

    /// Whether this is an address of one of them. What could make a browser read another host from it is refused.
    #[must_use]
    pub fn has(&self, url: &str) -> bool {
        let is_plain = url.len() <= 2000 && url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let starts = |origin: &String| {
            url.strip_prefix(origin.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
        };
        is_plain && self.0.iter().any(starts)
    }

    /// Where to go after a sign-in: `asked`, if that is a page of ours or an address of one of them.
    #[must_use]
    pub fn destination(&self, asked: Option<&str>) -> Option<String> {
        let asked = asked?;
        (is_own_page(asked) || self.has(asked)).then(|| asked.to_owned())
    }
}

/// Whether this is a page of ours that people come back to.
#[must_use]
pub fn is_own_page(path: &str) -> bool {
    path.strip_prefix(crate::ROOT).is_some_and(|rest| PAGES.contains(&rest)) || Authorization::at(path).is_some()
}

/// The address of a page, with where to go at the end, if that is anywhere.
#[must_use]
pub fn with_next(path: &str, next: Option<&str>) -> String {
    // People are led to their account anyway.
    let Some(next) = next.filter(|next| *next != crate::ROOT) else { return path.to_owned() };
    with_parameter(path, "next", next)
}

/// The address of a page with one more parameter.
#[must_use]
pub fn with_parameter(path: &str, name: &str, value: &str) -> String {
    let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    format!("{path}{}{name}={value}", if path.contains('?') { '&' } else { '?' })
}

/// Whether what was begun in a browser for an address is for whoever has signed in, by theirs. Letters of another case are the same.
#[must_use]
pub fn is_begun_for(begun: Option<&str>, signed_in: Option<&str>) -> bool {
    let folded = |email: &str| email.trim().to_lowercase();
    begun.zip(signed_in).is_some_and(|(begun, signed_in)| folded(begun) == folded(signed_in))
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
    matches!(scheme, "http" | "https") && !authority.is_empty() && authority.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_applications_and_own_pages_are_returned_to() {
        let applications = Applications::parse("https://app.example, http://localhost:5173").unwrap();
        for url in [
            "https://app.example",
            "https://app.example/x?y#z",
            "http://localhost:5173/",
            "/account",
            "/account/sessions",
        ] {
            assert_eq!(applications.destination(Some(url)).as_deref(), Some(url));
        }
        for url in [
            "https://app.example.evil/",
            "https://app.example@evil.example/",
            "https://app.example:444/",
            "http://app.example/",
            "//evil.example",
            "https://app.example\\@evil.example",
            "https://app.example/\r\nx: y",
            "javascript:alert(1)",
            "/account/../evil",
            "/account/sign-out",
            "/elsewhere",
            "",
        ] {
            assert_eq!(applications.destination(Some(url)), None, "{url}");
        }
        assert_eq!(applications.destination(None), None);
        assert_eq!(Applications::default().destination(Some("https://app.example")), None);
    }

    #[test]
    fn where_to_go_at_the_end_is_one_parameter() {
        assert_eq!(with_next("/account/verify", None), "/account/verify");
        assert_eq!(with_next("/account/verify", Some("/account")), "/account/verify");
        assert_eq!(with_next("/account/verify", Some("/account/data")), "/account/verify?next=%2Faccount%2Fdata");
        let next = Some("https://app.example/?a=b&c#d");
        assert_eq!(with_next("/x?done=y", next), "/x?done=y&next=https%3A%2F%2Fapp.example%2F%3Fa%3Db%26c%23d");
    }

    #[test]
    fn what_was_begun_is_for_the_address_that_was_typed_in() {
        assert!(is_begun_for(Some(" Ada@Example.org"), Some("ada@example.org")));
        for (begun, signed_in) in
            [(Some("ada@example.org"), Some("eve@example.org")), (None, Some("a@b.c")), (None, None)]
        {
            assert!(!is_begun_for(begun, signed_in) && !is_begun_for(signed_in, begun));
        }
    }

    #[test]
    fn an_application_is_an_origin() {
        assert_eq!(Applications::parse("").unwrap().origins().len(), 0);
        for wrong in
            ["app.example", "https://", "https://App.example", "https://app.example/", "ftp://app.example", "*"]
        {
            assert_eq!(Applications::parse(wrong), None, "{wrong}");
        }
    }
}
