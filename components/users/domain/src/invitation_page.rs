//! The page behind the link of an invitation.

use pages::{escaped, form, page};
use problem::{FieldError, Problem};

/// What somebody has entered.
#[derive(Clone, Copy, Default)]
pub struct Filled<'a> {
    /// The first name.
    pub name: &'a str,
    /// The surname.
    pub surname: &'a str,
}

/// The page with the fields, as they were filled, and what was wrong with them, if anything was.
#[must_use]
pub fn invitation_form(token: &str, filled: Filled<'_>, fault: Option<&Problem>) -> String {
    let faults = fault.map(Problem::errors).unwrap_or_default();
    let faults: String =
        faults.iter().map(|fault| format!("<p role=\"alert\">{}</p>\n", escaped(&words(fault)))).collect();
    let field = |name: &str, label: &str, value: &str, completion: &str| {
        let value = escaped(value);
        format!(
            "<p><label for=\"{name}\">{label}</label>\n\
             <input name=\"{name}\" id=\"{name}\" value=\"{value}\" autocomplete=\"{completion}\" required></p>\n"
        )
    };
    let fields = format!(
        "{}{}<p><label for=\"password\">Password</label>\n\
         <input type=\"password\" name=\"password\" id=\"password\" autocomplete=\"new-password\" required></p>\n",
        field("name", "First name", filled.name, "given-name"),
        field("surname", "Surname", filled.surname, "family-name"),
    );
    page("Accept the invitation", &format!("{faults}{}", form(token, &fields, "Create the account")))
}

/// A fault and the field that it is in, as the page calls it.
fn words(fault: &FieldError) -> String {
    let field = match fault.pointer.as_str() {
        "/name" => "First name",
        "/surname" => "Surname",
        _ => "Password",
    };
    format!("{field}: {}", fault.detail)
}

/// The page after a success.
#[must_use]
pub fn invitation_accepted_page() -> String {
    page("Your account is ready", "<p>Sign in with your email address and the password; you can close this page.</p>")
}

/// The page for a link that is not good.
#[must_use]
pub fn invitation_invalid_page() -> String {
    page(
        "This invitation is not valid",
        "<p>It has been used, has expired, or was revoked or sent again. Ask whoever has invited you for a new one.</p>",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Acceptance;
    use identity::MinLength;

    #[test]
    fn nothing_that_was_entered_breaks_out_of_the_page() {
        let odd = "\"><script>alert('&')</script>";
        let page = invitation_form(odd, Filled { name: odd, surname: odd }, None);
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(page.matches("value=\"&quot;&gt;&lt;script&gt;alert('&amp;')").count(), 3, "{page}");
    }

    #[test]
    fn each_fault_is_named_with_its_field() {
        let problem = Acceptance::validate("", "Bell", "short", MinLength::default()).err().unwrap();
        let page = invitation_form("t", Filled { name: "", surname: "Bell" }, Some(&problem));
        assert!(
            page.contains("<p role=\"alert\">First name: ") && page.contains("<p role=\"alert\">Password: "),
            "{page}"
        );
        assert!(page.contains("value=\"Bell\"") && !page.contains("short"), "{page}");
        for page in [page, invitation_accepted_page(), invitation_invalid_page()] {
            assert!(!["<script", "<link", "<img", "<style"].iter().any(|part| page.contains(part)), "{page}");
        }
    }
}
