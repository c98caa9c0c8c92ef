//! Where a browser goes after a sign-in: to a page of the console and nowhere else, so that no link to the sign-in leads astray.

use crate::ROOT;

/// The longest path.
const MAX_PATH: usize = 100;
/// What nobody comes back to: what a sign-in consists of.
const NOT_TO: &[&str] = &["sign-in", "sign-out", "confirm", "live", "assets", "healthcheck", "readiness"];

/// Whether this is the path of a page of ours that people come back to. What could make a browser read another host from it is
/// none, and it has no query.
#[must_use]
pub fn is_own_page(path: &str) -> bool {
    let Some(rest) = path.strip_prefix(ROOT) else { return false };
    let is_plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    match rest.strip_prefix('/') {
        None => rest.is_empty(),
        Some(rest) => {
            let first = rest.split('/').next().unwrap_or_default();
            path.len() <= MAX_PATH && rest.split('/').all(is_plain) && !NOT_TO.contains(&first)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_pages_are_returned_to() {
        for path in ["/console", "/console/people", "/console/people/7", "/console/people/7/suspend", "/console/audit"]
        {
            assert!(is_own_page(path), "{path}");
        }
        for path in [
            "",
            "/",
            "/console/",
            "/consoles",
            "/console//evil.example",
            "/console/../evil",
            "/console/people?x",
            "/console/people#x",
            "/console\\evil.example",
            "/console/people/\r\nx: y",
            "/console/sign-in",
            "/console/sign-in/code",
            "/console/confirm",
            "/account",
            "//evil.example/console",
            "https://evil.example/console",
            "/console/People",
        ] {
            assert!(!is_own_page(path), "{path}");
        }
        assert!(!is_own_page(&format!("/console/{}", "x".repeat(100))));
    }
}
