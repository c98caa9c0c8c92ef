//! The page behind the link of a mail that signs in.

use pages::{form, page};

/// The page with the button.
#[must_use]
pub fn mail_login_form(token: &str) -> String {
    let text = "<p>Press the button to sign in here. If you have not asked for the mail, close this page.</p>";
    page("Sign in", &format!("{text}\n{}", form(token, "", "Sign in")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_form_and_no_script_and_nothing_breaks_out_of_it() {
        let page = mail_login_form("\"><script>alert(1)</script>");
        assert!(page.contains("<form method=\"post\" action=\"page\">") && page.contains("&quot;&gt;&lt;script&gt;"));
        assert!(!["<script", "<link", "<img", "<style"].iter().any(|part| page.contains(part)), "{page}");
    }
}
