//! The pages behind links of mails. They are HTML without scripts, and what they hold of a request is escaped.
//!
//! Programs that scan mail open links. So a page only has a form, and what the form sends does what the link is for.

use pages::{escaped, form, page};

/// The page with the button.
#[must_use]
pub fn verification_form(token: &str) -> String {
    let text = "<p>Press the button if you have signed up with this address.</p>";
    page("Confirm your email address", &format!("{text}\n{}", form(token, "", "Confirm")))
}

/// The page after a success.
#[must_use]
pub fn verified_page() -> String {
    page("Your email address is confirmed", "<p>You can close this page.</p>")
}

/// The page with the field for a new password, and what was wrong with the one that was sent, if any was.
#[must_use]
pub fn recovery_form(token: &str, fault: Option<&str>) -> String {
    let fault = fault.map(|fault| format!("<p role=\"alert\">{}</p>\n", escaped(fault))).unwrap_or_default();
    let field = "<label for=\"password\">New password</label>\n\
                 <input type=\"password\" name=\"password\" id=\"password\" autocomplete=\"new-password\" required>\n";
    page("Choose a new password", &format!("{fault}{}", form(token, field, "Set the password")))
}

/// The page after a new password.
#[must_use]
pub fn recovered_page() -> String {
    page(
        "Your password is changed",
        "<p>You have been signed out everywhere. Sign in with the new password; you can close this page.</p>",
    )
}

/// The page with the button that changes an address.
#[must_use]
pub fn email_change_form(token: &str) -> String {
    let text = "<p>Press the button if you have asked to make this the address of your account.</p>";
    page("Confirm your new email address", &format!("{text}\n{}", form(token, "", "Confirm")))
}

/// The page after a change of an address.
#[must_use]
pub fn email_changed_page() -> String {
    page("Your email address is changed", "<p>Sign in with the new address from now on. You can close this page.</p>")
}

/// The page with the button that takes an address back.
#[must_use]
pub fn email_return_form(token: &str) -> String {
    let text = "<p>Press the button if it was not you who has changed the address of your account. It makes this the address \
                again, signs everybody out and makes the password invalid; a mail lets you choose a new one.</p>";
    page("Take your email address back", &format!("{text}\n{}", form(token, "", "Take the address back")))
}

/// The page after an address was taken back.
#[must_use]
pub fn email_returned_page() -> String {
    page(
        "The address is yours again",
        "<p>Everybody has been signed out. Choose a new password now: a mail with a link is on its way to you.</p>",
    )
}

/// The page with the button that says that it was somebody else.
#[must_use]
pub fn not_me_form(token: &str) -> String {
    let text = "<p>Press the button if it was not you. It signs out what the mail is about and makes the password invalid; another mail \
                lets you choose a new one.</p>";
    page("Was this not you?", &format!("{text}\n{}", form(token, "", "It was not me")))
}

/// The page after that.
#[must_use]
pub fn reported_page() -> String {
    page(
        "Your account is protected",
        "<p>Choose a new password now: a mail with a link is on its way to you. Then look at the passkeys and the second factor of your \
         account.</p>",
    )
}

/// The page for a link that is not good.
#[must_use]
pub fn invalid_link_page() -> String {
    page(
        "This link is not valid",
        "<p>It has been used, has expired, or was replaced by the link of a newer mail. Request a new one where you \
         signed up or sign in.</p>",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_sends_the_token_and_nothing_breaks_out_of_it() {
        let page = verification_form("abc_-");
        assert!(page.contains("<form method=\"post\" action=\"page\">"));
        assert!(page.contains("value=\"abc_-\""));
        let odd = "\"><script>alert('&')</script>";
        let forms = [verification_form(odd), recovery_form(odd, None), recovery_form("t", Some(odd))];
        for page in forms.into_iter().chain([email_change_form(odd), email_return_form(odd), not_me_form(odd)]) {
            assert!(!page.contains("<script") && page.contains("&quot;&gt;&lt;script&gt;alert('&amp;')"), "{page}");
        }
    }

    #[test]
    fn no_page_has_a_script_or_loads_anything() {
        let forms = [verification_form("t"), recovery_form("t", None), recovery_form("t", Some("Too short."))];
        let more = [email_change_form("t"), email_changed_page(), email_return_form("t"), email_returned_page()];
        let results = [not_me_form("t"), reported_page(), verified_page(), recovered_page(), invalid_link_page()];
        for page in forms.into_iter().chain(more).chain(results) {
            assert!(!["<script", "<link", "<img", "<style"].iter().any(|part| page.contains(part)), "{page}");
            assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
        }
    }
}
