//! The page behind a link that confirms an address. It is HTML without scripts, and what it holds of a request is escaped.
//!
//! Programs that scan mail open links. So the page only has a button, and its form confirms.

/// What the page may do: nothing but send its form.
pub const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The page with the button: its form goes to where the page is, under whichever name and path that was reached.
#[must_use]
pub fn verification_form(token: &str) -> String {
    let token = escaped(token);
    page(
        "Confirm your email address",
        &format!(
            "<p>Press the button if you have signed up with this address.</p>\n\
             <form method=\"post\" action=\"page\">\n\
             <input type=\"hidden\" name=\"token\" value=\"{token}\">\n\
             <button type=\"submit\">Confirm</button>\n\
             </form>"
        ),
    )
}

/// The page after a success.
#[must_use]
pub fn verified_page() -> String {
    page("Your email address is confirmed", "<p>You can close this page.</p>")
}

/// The page for a link that is not good.
#[must_use]
pub fn invalid_link_page() -> String {
    page(
        "This link is not valid",
        "<p>It has been used, has expired, or was replaced by the link of a newer mail. Request a new one where you \
         signed up.</p>",
    )
}

fn page(title: &str, content: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{content}\n</main>\n</body>\n</html>\n"
    )
}

/// A text as it stands in an attribute between double quotes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_sends_the_token_and_nothing_breaks_out_of_it() {
        let page = verification_form("abc_-");
        assert!(page.contains("<form method=\"post\" action=\"page\">"));
        assert!(page.contains("value=\"abc_-\""));
        let page = verification_form("\"><script>alert('&')</script>");
        assert!(!page.contains("<script") && page.contains("&quot;&gt;&lt;script&gt;alert('&amp;')"), "{page}");
    }

    #[test]
    fn no_page_has_a_script_or_loads_anything() {
        for page in [verification_form("t"), verified_page(), invalid_link_page()] {
            assert!(!["<script", "<link", "<img", "<style"].iter().any(|part| page.contains(part)), "{page}");
            assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
        }
    }
}
