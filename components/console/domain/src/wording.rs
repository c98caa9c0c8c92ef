//! What services refuse, in words.

use browser::{Refusal, Wording};

/// The console is in English alone.
#[derive(Clone, Copy, Debug)]
pub struct English;

impl Wording for English {
    fn text(&self, refusal: &Refusal) -> String {
        refusal_text(refusal)
    }

    fn field_text(&self, field: &str, detail: &str, slug: &str) -> String {
        match (field, slug) {
            ("username" | "email", _) => "Enter an email address such as ada@example.org.".to_owned(),
            ("current_password", _) => "The current password is incorrect.".to_owned(),
            ("code", _) => "The code is not valid, or not any more.".to_owned(),
            // Services say it in English, and the rest concerns administrators alone.
            _ => detail.to_owned(),
        }
    }
}

/// What is said of a refusal as a whole.
#[must_use]
pub fn refusal_text(refusal: &Refusal) -> String {
    let text = match refusal.slug.as_str() {
        "invalid-credentials" => "Incorrect email address or password.",
        "wrong-current-password" => "The current password is incorrect.",
        "account-locked" => {
            "Too many sign-ins to this account have failed. Sign in on a device that has signed in before."
        }
        "account-suspended" => "This account is suspended. Ask another administrator.",
        "invalid-code" => "The code is not valid, or not any more.",
        "invalid-challenge" => "The sign-in cannot continue. Begin again with the password.",
        "invalid-passkey" => "The passkey is not accepted. Try again.",
        "last-administrator" => "This is the last administrator. Make somebody else one first.",
        "user-not-found" => "There is no such user, or not any more.",
        "precondition-failed" => CHANGED,
        "dead-letter-not-found" => {
            "There is no such dead letter any more: somebody has redriven or dropped it meanwhile."
        }
        "queue-not-found" => "There is no such queue.",
        "too-many-attempts" | "too-many-requests" => return waiting(refusal.retry_after),
        "not-configured" => "This is not available here.",
        "broker-unavailable" => "The message broker does not answer. Try again shortly.",
        _ if refusal.status == 0 || refusal.status >= 500 => "A service does not answer. Try again shortly.",
        _ => "Something in the form cannot be accepted.",
    };
    text.to_owned()
}

/// What is said when somebody has changed meanwhile.
pub(crate) const CHANGED: &str = "This user has changed since the page was shown, and nothing was done. Look at what it says now, and repeat if that is still right.";

fn waiting(seconds: Option<u32>) -> String {
    match seconds {
        Some(seconds @ 91..) => format!("Too many attempts. Try again in {} minutes.", seconds.div_ceil(60)),
        Some(seconds) => format!("Too many attempts. Try again in {seconds} seconds."),
        None => "Too many attempts. Try again later.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use browser::Faults;

    #[test]
    fn what_is_about_a_field_is_said_there_and_the_rest_above() {
        let refusal = Refusal {
            status: 400,
            slug: "invalid-query".to_owned(),
            fields: vec![("search".to_owned(), "A search has at least 3 characters.".to_owned())],
            ..Refusal::default()
        };
        let faults = Faults::from_refusal(&refusal, &English, &["search"]);
        assert_eq!(faults.of("search"), Some("A search has at least 3 characters."));
        let faults = Faults::from_refusal(&refusal, &English, &[]);
        assert_eq!(faults.iter().next(), Some((None, "Something in the form cannot be accepted.")));
    }

    #[test]
    fn whoever_has_to_wait_is_told_for_how_long() {
        let wait = |retry_after| {
            refusal_text(&Refusal { slug: "too-many-attempts".to_owned(), retry_after, ..Refusal::default() })
        };
        assert!(wait(Some(30)).contains("30 seconds") && wait(Some(300)).contains("5 minutes"));
        assert!(wait(None).contains("later"));
        assert!(refusal_text(&Refusal::default()).contains("does not answer"));
    }
}
