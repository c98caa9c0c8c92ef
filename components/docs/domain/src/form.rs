//! Which form of a file a browser gets: plain or compressed, or none because it has it already.

use std::hash::{DefaultHasher, Hasher};

/// Whether the value of `accept-encoding` has gzip in it (RFC 9110, 12.5.3).
#[must_use]
pub fn accepts_gzip(header: Option<&str>) -> bool {
    let is_taken = |wanted: &str| {
        header.unwrap_or_default().split(',').find_map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            let is_wanted = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case(wanted));
            // A weight of zero, in any number of digits, refuses the coding.
            let is_zero = |weight: &str| weight.starts_with('0') && weight.bytes().all(|b| matches!(b, b'0' | b'.'));
            is_wanted.then(|| !parts.filter_map(|part| part.strip_prefix("q=")).any(is_zero))
        })
    };
    is_taken("gzip").or_else(|| is_taken("*")).unwrap_or(false)
}

/// The entity tag of a file's content, in the form in which it is sent. It tells versions apart; nobody gains anything
/// by making two that collide, so a quick hash is enough.
#[must_use]
pub fn etag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    format!("\"{:016x}\"", hasher.finish())
}

/// Whether the value of `if-none-match` says that the caller has the content with this tag (RFC 9110, 13.1.2). A header
/// that cannot be read says nothing, and the caller gets the content.
#[must_use]
pub fn is_known(if_none_match: Option<&str>, etag: &str) -> bool {
    // Our tags have no comma in them.
    let mut known = if_none_match.unwrap_or_default().split(',').map(str::trim);
    known.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for header in ["gzip", "deflate, gzip;q=0.5", "GZIP", "br, *", "gzip; q=1.0, identity"] {
            assert!(accepts_gzip(Some(header)), "{header}");
        }
        for header in ["", "identity", "gzip;q=0", "*;q=0", "gzip; q=0.000, *", "xgzip"] {
            assert!(!accepts_gzip(Some(header)), "{header}");
        }
        assert!(!accepts_gzip(None));
    }

    #[test]
    fn a_tag_is_known_by_itself_in_a_list_and_by_a_star() {
        let tag = etag(b"content");
        for header in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            assert!(is_known(Some(&header), &tag), "{header}");
        }
        for header in [String::new(), etag(b"other"), tag.replace('"', "")] {
            assert!(!is_known(Some(&header), &tag), "{header}");
        }
        assert!(!is_known(None, &tag));
    }
}
