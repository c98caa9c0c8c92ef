//! The frame of the pages behind links of mails. They are HTML without scripts, and what they hold of a request is escaped.
//!
//! Programs that scan mail open links. So a page only has a form, and what the form sends does what the link is for.

/// What a page may do: nothing but send its form.
pub const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page with this title, which is text, and this content, which is HTML.
#[must_use]
pub fn page(title: &str, content: &str) -> String {
    page_in("en", title, content)
}

/// The same in the language with this tag.
#[must_use]
pub fn page_in(language: &str, title: &str, content: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{content}\n</main>\n</body>\n</html>\n"
    )
}

/// A form with the secret of the link, more fields as HTML, and a button. It goes to where its page is, under whichever name and path
/// that was reached.
#[must_use]
pub fn form(token: &str, fields: &str, button: &str) -> String {
    let token = escaped(token);
    format!(
        "<form method=\"post\" action=\"page\">\n\
         <input type=\"hidden\" name=\"token\" value=\"{token}\">\n\
         {fields}<button type=\"submit\">{button}</button>\n\
         </form>"
    )
}

/// A text as it stands in an attribute between double quotes.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_sends_its_token_and_nothing_breaks_out_of_it() {
        assert!(form("abc_-", "", "Go").contains("value=\"abc_-\""));
        let odd = form("\"><script>alert('&')</script>", "", "Go");
        assert!(!odd.contains("<script") && odd.contains("&quot;&gt;&lt;script&gt;alert('&amp;')"), "{odd}");
    }
}
