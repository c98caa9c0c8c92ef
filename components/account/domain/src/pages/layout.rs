//! What all pages have: head, header with the way through the account, and main part.

use crate::ROOT;
use crate::texts::{Texts, fill};
use maud::{DOCTYPE, Markup, html};

/// What a page is shown with.
#[derive(Debug)]
pub struct View<'a> {
    /// The texts.
    pub t: &'a Texts,
    /// What people have an account with.
    pub brand: &'a str,
    /// What forms are sent with.
    pub form_token: String,
    /// Whether somebody is signed in.
    pub is_signed_in: bool,
    /// The style sheet, the script and the logo.
    pub assets: Assets,
    /// What has just been done, to be said at the top.
    pub notice: Option<&'a str>,
}

/// The addresses of what pages load.
#[derive(Clone, Debug)]
pub struct Assets {
    /// The style sheet; the address changes with its content.
    pub style: String,
    /// The script, the same.
    pub script: String,
    /// The logo.
    pub logo: String,
}

/// The parts of an account: path below the root and name.
fn sections(t: &Texts) -> [(&'static str, &'static str); 9] {
    [
        ("", t.overview),
        ("/profile", t.profile),
        ("/email", t.email_address),
        ("/password", t.password),
        ("/second-factor", t.second_factor),
        ("/passkeys", t.passkeys),
        ("/sessions", t.sessions),
        ("/activity", t.activity),
        ("/data", t.data),
    ]
}

impl View<'_> {
    /// A page with this title, at this path below the root.
    #[must_use]
    pub fn page(&self, path: &str, title: &str, content: &Markup) -> String {
        let Assets { style, script, logo } = &self.assets;
        let t = self.t;
        let page = html! {
            (DOCTYPE)
            html lang=(t.language) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " – " (self.brand) }
                    link rel="stylesheet" href=(style);
                    link rel="icon" href=(logo);
                    // Only the pages with passkeys have anything for it to do.
                    @if has_passkeys(path) { script src=(script) defer {} }
                }
                body {
                    a.skip href="#main" { (t.skip) }
                    header {
                        a.brand href=(ROOT) { img src=(logo) alt="" width="28" height="28"; span { (self.brand) } }
                        @if self.is_signed_in {
                            form method="post" action={ (ROOT) "/sign-out" } {
                                (self.token())
                                button.quiet type="submit" { (t.sign_out) }
                            }
                        }
                    }
                    div.columns {
                        @if self.is_signed_in {
                            nav aria-label=(t.account) {
                                ul {
                                    @for (section, name) in sections(t) {
                                        li { a href={ (ROOT) (section) } aria-current=[(section == path).then_some("page")] { (name) } }
                                    }
                                }
                            }
                        }
                        main id="main" {
                            h1 { (title) }
                            @if let Some(notice) = self.notice { p.notice role="status" { (notice) } }
                            (content)
                        }
                    }
                }
            }
        };
        page.into_string()
    }

    /// The hidden field with which a form is sent.
    pub(super) fn token(&self) -> Markup {
        html! { input type="hidden" name="form_token" value=(self.form_token); }
    }

    /// A text with the brand filled in.
    pub(super) fn branded(&self, text: &str) -> String {
        fill(text, &[("brand", self.brand)])
    }
}

fn has_passkeys(path: &str) -> bool {
    matches!(path, "/passkeys" | "/sign-in" | "/confirm")
}

/// What pages may load and where their forms may lead.
#[derive(Debug)]
pub struct ContentPolicy<'a> {
    /// The applications that a form may end at, by a redirection.
    pub applications: &'a [String],
}

impl ContentPolicy<'_> {
    /// The header `content-security-policy`: nothing in line, nothing from elsewhere, in no frame.
    #[must_use]
    pub fn header(&self) -> String {
        let mut forms = String::from("'self'");
        for origin in self.applications {
            forms.push(' ');
            forms.push_str(origin);
        }
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action {forms}; \
             base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
        )
    }
}
