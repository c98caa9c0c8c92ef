//! Preconditions: which version of a user a request applies to (RFC 9110, 13.1).

use identity::UserId;
use problem::{Kind, Problem};

/// The most entity tags that a header may list.
const MAX_TAGS: usize = 20;

/// The strong entity tag of a user's version.
#[must_use]
pub fn etag(id: UserId, version: i64) -> String {
    format!("\"{id}.{version}\"")
}

/// What `if-match` or `if-none-match` demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing: the header is absent.
    None,
    /// `*`: the user exists.
    Any,
    /// One of these versions. Tags of other users are left out, so the list may be empty: then nothing matches.
    Versions(Vec<i64>),
}

impl Precondition {
    /// Reads the header's value for the user `id`. `weak` says whether weak tags count (they do for `if-none-match`,
    /// they never do for `if-match`).
    ///
    /// # Errors
    /// `invalid-header`.
    pub fn parse(header: Option<&str>, id: UserId, weak: bool) -> Result<Self, Problem> {
        let Some(header) = header else {
            return Ok(Precondition::None);
        };
        if header == "*" {
            return Ok(Precondition::Any);
        }
        let unreadable = || {
            let name = if weak { "if-none-match" } else { "if-match" };
            Problem::field(Kind::InvalidHeader, name, Kind::InvalidHeader.detail())
        };
        let mut versions = Vec::new();
        let mut rest = without_empty_elements(header);
        for _ in 0..MAX_TAGS {
            let (is_weak, quoted) = match rest.strip_prefix("W/") {
                Some(quoted) => (true, quoted),
                None => (false, rest),
            };
            // A tag may have commas in it, so the list is read tag by tag.
            let (opaque, after) =
                quoted.strip_prefix('"').and_then(|tag| tag.split_once('"')).ok_or_else(unreadable)?;
            let version = opaque.strip_prefix(&format!("{id}.")).and_then(|version| version.parse().ok());
            if let Some(version) = version.filter(|_| weak || !is_weak) {
                versions.push(version);
            }
            let after = after.trim_start();
            if !after.is_empty() && !after.starts_with(',') {
                return Err(unreadable());
            }
            rest = without_empty_elements(after);
            if rest.is_empty() {
                return Ok(Precondition::Versions(versions));
            }
        }
        Err(unreadable())
    }

    /// Whether an existing user at this version meets it.
    #[must_use]
    pub fn admits(&self, version: i64) -> bool {
        match self {
            Precondition::None | Precondition::Any => true,
            Precondition::Versions(versions) => versions.contains(&version),
        }
    }
}

/// What is left of a list without the commas that it begins with: empty elements are ignored (RFC 9110, 5.6.1.2).
fn without_empty_elements(list: &str) -> &str {
    list.trim_start_matches([',', ' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_elements_of_a_list_are_ignored() {
        for header in ["\"7.3\",", ", \"7.3\"", "\"x\", , \"7.3\" ,, "] {
            assert_eq!(parse(header).unwrap(), Precondition::Versions(vec![3]), "{header}");
        }
    }

    fn parse(header: &str) -> Result<Precondition, Problem> {
        Precondition::parse(Some(header), UserId::try_from(7).unwrap(), false)
    }

    #[test]
    fn a_tag_reads_back() {
        let tag = etag(UserId::try_from(7).unwrap(), 3);
        assert_eq!(parse(&tag).unwrap(), Precondition::Versions(vec![3]));
        assert_eq!(parse(&format!("\"x,y\", {tag} ,\"7.4\"")).unwrap(), Precondition::Versions(vec![3, 4]));
    }

    #[test]
    fn no_header_admits_everything_and_a_star_whatever_exists() {
        let none = Precondition::parse(None, UserId::try_from(7).unwrap(), false).unwrap();
        assert!(none.admits(1));
        assert!(parse("*").unwrap().admits(1));
    }

    #[test]
    fn tags_of_other_users_and_weak_ones_do_not_match() {
        assert!(!parse("\"8.3\"").unwrap().admits(3));
        assert!(!parse("W/\"7.3\"").unwrap().admits(3));
        let weak = Precondition::parse(Some("W/\"7.3\""), UserId::try_from(7).unwrap(), true).unwrap();
        assert!(weak.admits(3));
    }

    #[test]
    fn a_malformed_tag_is_refused() {
        for header in ["", "7.3", "\"7.3", ",", "\"7.3\" \"7.4\"", &vec!["\"a\""; 21].join(",")] {
            assert_eq!(parse(header).unwrap_err().kind(), Kind::InvalidHeader, "{header}");
        }
    }
}
