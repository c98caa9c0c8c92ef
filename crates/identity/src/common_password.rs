//! Passwords that many people have, and that are tried first.
//!
//! The list is the one that Django 5.2 ships (`common-passwords.txt.gz`: 20,000 passwords counted by Royce Williams in
//! published leaks, in lower case), less those that are too short to be accepted anyway.

/// One a line, in lower case, sorted by bytes.
const LIST: &str = include_str!("common-passwords.txt");

/// Whether this is one of the most common passwords, without regard to case.
pub(crate) fn is_common(password: &str) -> bool {
    let password = password.to_lowercase();
    // No line has a line break in it, so a text with one is none of them.
    let (mut low, mut high) = (0, LIST.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        let start = LIST.as_bytes()[..middle].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let end = LIST.as_bytes()[middle..].iter().position(|b| *b == b'\n').map_or(LIST.len(), |at| middle + at);
        match LIST[start..end].cmp(password.as_str()) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_every_line_is_found() {
        let lines: Vec<_> = LIST.lines().collect();
        assert!(lines.len() > 3000, "ASVS 6.2.4 asks for 3,000 at least");
        assert!(lines.is_sorted());
        for line in lines {
            assert!(is_common(line), "{line}");
            assert_eq!(line, line.to_lowercase());
        }
    }

    #[test]
    fn case_does_not_matter_and_other_passwords_are_not_common() {
        assert!(is_common("Password1") && is_common("iLoveYou1"));
        for password in
            ["", "correct horse battery", "a machine that weaves", "\n", "password1\npassword2", "zzzzzzzzz!"]
        {
            assert!(!is_common(password), "{password:?}");
        }
    }
}
