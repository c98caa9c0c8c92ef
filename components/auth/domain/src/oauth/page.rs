//! The pages on which people sign in for an application. They are HTML without scripts, and what they hold of a request is escaped.

use super::authorization::AuthorizationRequest;
use super::redirect::origin_of;
use super::texts::Texts;
use ::texts::fill;
use pages::{escaped, page_in};

/// What an application asks for, as a person reads it.
#[derive(Clone, Copy)]
pub struct Consent<'a> {
    /// The texts.
    pub t: &'a Texts,
    /// The name of the application.
    pub name: &'a str,
    /// What it asks for.
    pub scopes: &'a [String],
}

/// What a page may do: nothing but send its form, whose answer may lead to the application.
#[must_use]
pub fn policy(redirect_uri: Option<&str>) -> String {
    // A policy cannot name an IPv6 address. This one is the person's own machine.
    let target = match redirect_uri.map(origin_of) {
        None => String::new(),
        Some(origin) if origin.starts_with("http://[") => " http:".to_owned(),
        Some(origin) if origin.starts_with("https://[") => " https:".to_owned(),
        Some(origin) => format!(" {origin}"),
    };
    format!("default-src 'none'; form-action 'self'{target}; base-uri 'none'; frame-ancestors 'none'")
}

/// The page with the sign-in and what the application asks for; `fault` is what was wrong with the last try.
#[must_use]
pub fn sign_in_page(
    request: &AuthorizationRequest,
    consent: Consent<'_>,
    username: &str,
    fault: Option<&str>,
) -> String {
    let t = consent.t;
    let fields = format!(
        "<p><label for=\"username\">{}</label>\n\
         <input type=\"email\" name=\"username\" id=\"username\" value=\"{}\" autocomplete=\"username\" required></p>\n\
         <p><label for=\"password\">{}</label>\n\
         <input type=\"password\" name=\"password\" id=\"password\" autocomplete=\"current-password\" required></p>\n",
        escaped(t.email),
        escaped(username),
        escaped(t.password)
    );
    let content =
        format!("{}{}\n{}", alert(fault), asked(request, consent), form(request, "sign-in", &fields, t.sign_in, t));
    page_in(t.language, &title(consent), &content)
}

/// The page that asks for a code after the right password.
#[must_use]
pub fn code_page(request: &AuthorizationRequest, consent: Consent<'_>, challenge: &str, fault: Option<&str>) -> String {
    let t = consent.t;
    let fields = format!(
        "<input type=\"hidden\" name=\"challenge\" value=\"{}\">\n\
         <p><label for=\"code\">{}</label>\n\
         <input name=\"code\" id=\"code\" autocomplete=\"one-time-code\" required></p>\n",
        escaped(challenge),
        escaped(t.code)
    );
    let content = format!(
        "{}{}\n{}",
        alert(fault),
        asked(request, consent),
        form(request, "second-factor", &fields, t.confirm, t)
    );
    page_in(t.language, &title(consent), &content)
}

/// A page that says something and has no form.
#[must_use]
pub fn message_page(t: &Texts, title: &str, text: &str) -> String {
    page_in(t.language, &escaped(title), &format!("<p>{}</p>", escaped(text)))
}

/// What the application asks for, and where it leads.
fn asked(request: &AuthorizationRequest, Consent { t, name, scopes }: Consent<'_>) -> String {
    let items: String =
        scopes.iter().map(|scope| format!("<li>{}</li>\n", escaped(&words_of_scope(scope, t)))).collect();
    let wants = escaped(&fill(t.wants, &[("name", name)]));
    let place = escaped(&fill(t.place, &[("origin", origin_of(&request.redirect_uri))]));
    format!("<p>{wants}</p>\n<ul>\n{items}</ul>\n<p>{place}</p>")
}

fn title(Consent { t, name, .. }: Consent<'_>) -> String {
    escaped(&fill(t.sign_in_to, &[("name", name)]))
}

fn words_of_scope(scope: &str, t: &Texts) -> String {
    match scope {
        "openid" => t.scope_openid.to_owned(),
        "profile" => t.scope_profile.to_owned(),
        "email" => t.scope_email.to_owned(),
        "phone" => t.scope_phone.to_owned(),
        "offline_access" => t.scope_offline_access.to_owned(),
        other => fill(t.scope_other, &[("scope", other)]),
    }
}

fn form(request: &AuthorizationRequest, action: &str, fields: &str, button: &str, t: &Texts) -> String {
    let hidden: String = request
        .fields()
        .map(|(name, value)| {
            format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escaped(name), escaped(value))
        })
        .collect();
    // The button that allows comes first, so that the enter key presses it.
    format!(
        "<form method=\"post\" action=\"{action}\">\n{hidden}{fields}\
         <button type=\"submit\" name=\"decision\" value=\"allow\">{}</button>\n\
         <button type=\"submit\" name=\"decision\" value=\"deny\" formnovalidate>{}</button>\n</form>",
        escaped(button),
        escaped(t.cancel)
    )
}

fn alert(fault: Option<&str>) -> String {
    fault.map(|fault| format!("<p role=\"alert\">{}</p>\n", escaped(fault))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODD: &str = "\"><script>alert('&')</script>";

    fn request() -> AuthorizationRequest {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", "6f1e2d3c-4b5a-4697-8877-665544332211")
            .append_pair("redirect_uri", "https://app.example:1/cb")
            .append_pair("state", ODD)
            .append_pair("scope", ODD)
            .finish();
        AuthorizationRequest::read(query.as_bytes()).unwrap()
    }

    #[test]
    fn nothing_breaks_out_of_a_page_and_no_page_has_a_script() {
        let scopes = [ODD.to_owned(), "email".to_owned()];
        let t = Texts::of(b"", None);
        let consent = Consent { t: &t, name: ODD, scopes: &scopes };
        let pages = [
            sign_in_page(&request(), consent, ODD, Some(ODD)),
            code_page(&request(), consent, ODD, Some(ODD)),
            message_page(&t, ODD, ODD),
        ];
        for page in pages {
            assert!(!["<script", "<link", "<img", "<style"].iter().any(|part| page.contains(part)), "{page}");
            assert!(
                page.contains("&quot;&gt;&lt;script&gt;") && page.starts_with("<!doctype html>\n<html lang=\"en\">")
            );
        }
    }

    #[test]
    fn a_page_says_who_asks_for_what_and_where_it_leads() {
        let scopes = ["openid", "offline_access", "invoices"].map(str::to_owned);
        let page = sign_in_page(
            &request(),
            Consent { t: &Texts::of(b"", None), name: "Calendar", scopes: &scopes },
            "ada@example.org",
            None,
        );
        for part in
            ["Calendar", "https://app.example:1", "while you are away", "use: invoices", "value=\"ada@example.org\""]
        {
            assert!(page.contains(part), "{part}");
        }
        let policy = |uri| policy(Some(uri));
        assert!(policy("https://app.example:1/cb;script-src").contains("form-action 'self' https://app.example:1;"));
        assert!(policy("http://[::1]:7/cb").contains("form-action 'self' http:;"));
        assert!(super::policy(None).contains("form-action 'self';"));
    }
}
