//! Preferences of a caller (RFC 7240): wishes, which may be left unfulfilled. What is not known or cannot be read is
//! ignored, as the standard asks.

use crate::Request;

impl Request {
    /// Whether the caller would rather not have the whole representation back: `prefer: return=minimal`.
    #[must_use]
    pub fn prefers_minimal(&self) -> bool {
        self.header("prefer").and_then(|header| preference(header, "return")).is_some_and(|value| value == "minimal")
    }
}

/// The value of the first preference of this name, which is the one that counts (RFC 7240, 2).
fn preference(header: &str, name: &str) -> Option<String> {
    split(header, ',').into_iter().find_map(|preference| {
        let token = split(preference, ';').first().copied().unwrap_or_default();
        let (known, value) = token.split_once('=').unwrap_or((token, ""));
        known.trim().eq_ignore_ascii_case(name).then(|| unquoted(value.trim()).to_ascii_lowercase())
    })
}

/// The parts of a text between separators that are not within quotation marks.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(|c: char| {
        let is_end = c == separator && !is_quoted;
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        is_end
    })
    .collect()
}

fn unquoted(word: &str) -> String {
    let Some(quoted) = word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return word.to_owned() };
    quoted.replace("\\", "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    fn is_minimal(header: &str) -> bool {
        let headers = [("prefer".to_owned(), header.to_owned())].into();
        Request::new(Method::POST, "/", headers, Ok(Vec::new())).prefers_minimal()
    }

    #[test]
    fn a_minimal_return_is_understood_however_it_is_written() {
        for header in [
            "return=minimal",
            "Return=Minimal",
            "return = \"minimal\"",
            "respond-async, return=minimal; foo=\"some; params\"",
            "handling=lenient,wait=10,return=minimal",
            "note=\"a \\\"b, c\", return=minimal",
        ] {
            assert!(is_minimal(header), "{header}");
        }
    }

    #[test]
    fn everything_else_is_ignored() {
        for header in [
            "",
            "return",
            "return=representation",
            "return=minimalist",
            "returns=minimal",
            "note=\"x, return=minimal\"",
            "foo; return=minimal",
            ",;=,\"",
        ] {
            assert!(!is_minimal(header), "{header}");
        }
        assert!(!Request::new(Method::POST, "/", [].into(), Ok(Vec::new())).prefers_minimal());
    }

    #[test]
    fn the_first_of_two_counts() {
        assert!(is_minimal("return=minimal, return=representation"));
        assert!(!is_minimal("return=representation, return=minimal"));
    }
}
