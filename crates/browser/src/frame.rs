//! What all pages have: head, header with the way through the pages, and main part.

use maud::{DOCTYPE, Markup, html};

/// What a page is shown with.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// What the component's paths begin with.
    pub root: &'a str,
    /// The language of the page.
    pub language: &'a str,
    /// What people have an account with.
    pub brand: &'a str,
    /// The words that the frame and its fields have.
    pub words: Words<'a>,
    /// What forms are sent with.
    pub form_token: String,
    /// The parts that whoever is signed in can go to; nobody is if there are none.
    pub sections: Vec<Section<'a>>,
    /// The style sheet, the script and the logo.
    pub assets: Assets,
    /// What has just been done, to be said at the top.
    pub notice: Option<&'a str>,
}

/// A part that people can go to.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Its path below the root.
    pub path: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// The words of the frame and of fields.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// The link to the main part.
    pub skip: &'a str,
    /// The button that signs out.
    pub sign_out: &'a str,
    /// What the sections are sections of.
    pub navigation: &'a str,
    /// That a field may be left out.
    pub optional: &'a str,
    /// That something is wrong with the form.
    pub problem: &'a str,
    /// That the browser has no passkey for this.
    pub no_passkey: &'a str,
}

/// The addresses of what pages load.
#[derive(Clone, Debug)]
pub struct Assets {
    /// The style sheet; the address changes with its content.
    pub style: String,
    /// The script of passkeys, the same.
    pub script: String,
    /// The script of all else, the same; none if the component has no use for it.
    pub page_script: Option<String>,
    /// The logo.
    pub logo: String,
}

impl Frame<'_> {
    /// A page with this title, at this path below the root; with the script of passkeys if it has any.
    #[must_use]
    pub fn page(&self, path: &str, title: &str, has_passkeys: bool, content: &Markup) -> String {
        let Assets { style, script, page_script, logo } = &self.assets;
        // Only a page with something for it to do loads a script. What people have typed in is escaped, so it is none of these.
        let has_use = ["<time ", " data-copy=", " data-advice-on="].iter().any(|mark| content.0.contains(mark));
        let page_script = page_script.as_ref().filter(|_| has_use);
        let words = self.words;
        let is_signed_in = !self.sections.is_empty();
        let page = html! {
            (DOCTYPE)
            html lang=(self.language) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " – " (self.brand) }
                    link rel="stylesheet" href=(style);
                    link rel="icon" href=(logo);
                    @if has_passkeys { script src=(script) defer {} }
                    @if let Some(script) = page_script { script src=(script) defer {} }
                }
                body {
                    a.skip href="#main" { (words.skip) }
                    header {
                        a.brand href=(self.root) { img src=(logo) alt="" width="28" height="28"; span { (self.brand) } }
                        @if is_signed_in {
                            form method="post" action={ (self.root) "/sign-out" } {
                                (self.token())
                                button.quiet type="submit" { (words.sign_out) }
                            }
                        }
                    }
                    div.columns {
                        @if is_signed_in {
                            nav aria-label=(words.navigation) {
                                ul {
                                    @for Section { path: section, name } in &self.sections {
                                        li { a href={ (self.root) (section) } aria-current=[(*section == path).then_some("page")] { (name) } }
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
    #[must_use]
    pub fn token(&self) -> Markup {
        html! { input type="hidden" name="form_token" value=(self.form_token); }
    }
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
            // A policy cannot name an IPv6 address. This one is the person's own machine.
            match origin.split_once("://[") {
                Some((scheme, _)) => forms.extend([scheme, ":"]),
                None => forms.push_str(origin),
            }
        }
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action {forms}; \
             base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
        )
    }
}
