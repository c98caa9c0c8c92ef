//! What an application asks for, and the applications that somebody has connected.

use super::View;
use crate::ROOT;
use crate::texts::{Texts, fill};
use browser::field::{danger, hidden};
use browser::fill_time;
use maud::{Markup, html};

/// What an application asks for.
#[derive(Debug)]
pub struct Consent<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it leads.
    pub origin: &'a str,
    /// What it asks for.
    pub scopes: &'a [String],
    /// Who is signed in.
    pub email: &'a str,
    /// What the form is sent with, sealed.
    pub asked: &'a str,
    /// The page itself, to come back to.
    pub page: &'a str,
}

/// An application that is connected.
#[derive(Debug)]
pub struct Application {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Since when.
    pub since: String,
    /// What it may do.
    pub scopes: Vec<String>,
}

/// The page on which somebody allows what an application asks for, or does not.
#[must_use]
pub fn consent(view: &View<'_>, consent: &Consent<'_>) -> String {
    let t = view.t;
    view.page(
        "/authorize",
        &fill(t.consent_title, &[("name", consent.name)]),
        &html! {
            p { (t.consent_asks) }
            (scopes(consent.scopes, t))
            p { (fill(t.consent_origin, &[("origin", consent.origin)])) }
            p { (fill(t.consent_as, &[("email", consent.email)])) }
            form method="post" action={ (ROOT) "/authorize" } {
                (view.token())
                (hidden("asked", consent.asked))
                div.choice {
                    button type="submit" name="decision" value="allow" { (t.consent_allow) }
                    button.secondary type="submit" name="decision" value="deny" { (t.consent_deny) }
                }
            }
            form method="post" action={ (ROOT) "/sign-out" } {
                (view.token())
                (hidden("next", consent.page))
                button.quiet type="submit" { (t.consent_other) }
            }
        },
    )
}

/// The applications that are connected.
#[must_use]
pub fn applications(view: &View<'_>, applications: &[Application]) -> String {
    let t = view.t;
    view.page(
        "/applications",
        t.applications,
        &html! {
            @if applications.is_empty() { p { (t.applications_none) } } @else { p { (t.applications_long) } }
            ul.items { @for application in applications {
                li {
                    h2 { (application.name) }
                    p.hint { (fill_time(t.application_since, &application.since)) }
                    (scopes(&application.scopes, t))
                    (danger(view, "/applications/disconnect", &hidden("id", &application.id),
                        &fill(t.application_end, &[("name", &application.name)])))
                }
            } }
        },
    )
}

fn scopes(scopes: &[String], t: &Texts) -> Markup {
    html! { ul { @for scope in scopes { li { (words(scope, t)) } } } }
}

fn words(scope: &str, t: &Texts) -> String {
    match scope {
        "openid" => t.scope_openid.to_owned(),
        "profile" => t.scope_profile.to_owned(),
        "email" => t.scope_email.to_owned(),
        "phone" => t.scope_phone.to_owned(),
        "offline_access" => t.scope_offline_access.to_owned(),
        other => fill(t.scope_other, &[("scope", other)]),
    }
}
