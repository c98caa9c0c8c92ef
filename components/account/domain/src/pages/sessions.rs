//! Where somebody is signed in, and what has happened.

use super::View;
use crate::ROOT;
use crate::texts::{Texts, fill};
use browser::field::{danger, form, hidden, summary};
use browser::{Faults, fill_time, time};
use maud::html;

/// A session.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// The device.
    pub device: Option<String>,
    /// The network that the sign-in came from.
    pub network: Option<String>,
    /// When it began.
    pub began: String,
    /// When it was last used.
    pub used: String,
    /// Whether it is the one in which the page is shown.
    pub is_current: bool,
}

/// Something that happened.
#[derive(Debug)]
pub struct Activity {
    /// When.
    pub time: String,
    /// What.
    pub action: String,
    /// What came of it.
    pub result: String,
    /// The device.
    pub device: Option<String>,
    /// The network.
    pub network: Option<String>,
}

/// All sessions.
#[must_use]
pub fn sessions(view: &View<'_>, sessions: &[Session], faults: &Faults) -> String {
    let t = view.t;
    view.page("/sessions", t.sessions, &html! {
        (summary(view, faults))
        p { (t.sessions_long) }
        ul.items { @for session in sessions {
            @let device = session.device.as_deref().unwrap_or(t.unknown_device);
            li {
                h2 { (device) " " @if session.is_current { span.badge { (t.this_session) } } }
                p.hint {
                    (fill_time(t.signed_in_on, &session.began)) ". " (fill_time(t.used_on, &session.used)) "."
                    @if let Some(network) = &session.network { " " (fill(t.from_network, &[("network", network)])) "." }
                }
                @if !session.is_current {
                    (form(view, "/sessions/end", &hidden("id", &session.id), &fill(t.session_end, &[("device", device)])))
                }
            }
        } }
        @if sessions.len() > 1 { (form(view, "/sessions/end-others", &html! {}, t.sessions_end_others)) }
        (danger(view, "/sessions/end-all", &html! {}, t.sessions_end_all))
    })
}

/// What has happened, newest first; `next` is the cursor of what is older.
#[must_use]
pub fn activity(view: &View<'_>, rows: &[Activity], next: Option<&str>) -> String {
    let t = view.t;
    view.page(
        "/activity",
        t.activity,
        &html! {
            p { (t.activity_long) }
            @if rows.is_empty() { p { (t.activity_none) } }
            ul.items { @for row in rows {
                li {
                    h2 { (action(&row.action, t)) @if row.result != "success" { " " span.badge.odd { (t.refused) } } }
                    p.hint {
                        (time(&row.time))
                        @if let Some(device) = &row.device { " · " (device) }
                        @if let Some(network) = &row.network { " · " (network) }
                    }
                }
            } }
            @if let Some(next) = next { p { a.button href={ (ROOT) "/activity?cursor=" (next) } { (t.older) } } }
        },
    )
}

/// What happened, in words; as the log has it, if it is too rare for a text of its own.
fn action<'a>(action: &'a str, t: &Texts) -> &'a str {
    match action {
        "login" | "session-begun" => t.did_sign_in,
        "logout" | "sessions-ended" | "session-ended" => t.did_sign_out,
        "sign-up" => t.did_sign_up,
        "password-changed" => t.did_password,
        "password-recovery" => t.did_recovery,
        "email-verification" => t.did_verify,
        "email-changed" | "email-change" | "email-returned" => t.did_email,
        "second-factor-added" | "second-factor-removed" | "second-factor-enrolment" => t.did_second_factor,
        "passkey-added" | "passkey-removed" | "passkey-renamed" | "login-passkey" => t.did_passkey,
        "reauthentication" | "current-password" => t.did_confirm,
        "user-changed" => t.did_profile,
        "recovery-codes-replaced" => t.did_codes,
        "phone-verification" => t.did_phone,
        "application-connected" | "application-disconnected" => t.did_application,
        "user-exported" => t.did_export,
        other => other,
    }
}
