//! The names of queues in addresses: with hyphens, as other paths of ours.

/// A queue as a part of a path.
#[must_use]
pub fn queue_path(queue: &str) -> String {
    queue.replace('_', "-")
}

/// The queue that a part of a path stands for, if it can be one. Whether there is such a queue is for the service to say.
#[must_use]
pub fn queue_of_path(part: &str) -> Option<String> {
    let is_plain = (1..=64).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    is_plain.then(|| part.replace('-', "_"))
}

/// Whether this can be the id of a dead letter.
#[must_use]
pub fn is_letter_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back() {
        assert_eq!(queue_path("login_email_notification"), "login-email-notification");
        assert_eq!(queue_of_path("login-email-notification").as_deref(), Some("login_email_notification"));
        for wrong in ["", "a/b", "..", "login_email", "A", "a?b", &"a".repeat(65)] {
            assert_eq!(queue_of_path(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ids_are_digits_and_hyphens() {
        assert!(is_letter_id("1795405395602-0") && is_letter_id("0f5a"));
        assert!(!is_letter_id("") && !is_letter_id("../x") && !is_letter_id("a/b") && !is_letter_id("<b>"));
    }
}
