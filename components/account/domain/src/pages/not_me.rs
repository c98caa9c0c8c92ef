//! "This was not me": what the link in a mail about a sign-in or a change does, and what it has done.

use super::View;
use crate::ROOT;
use browser::field::{danger, hidden};
use maud::html;

/// How long the part of a link about a sign-in is that says of which session.
const SESSION_LENGTH: usize = 22;

/// What a link is about. Only words follow from it: users alone reads the link, and verifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disowned {
    /// A sign-in.
    SignIn,
    /// A change of how one signs in.
    Change,
}

impl Disowned {
    /// What a link is about.
    #[must_use]
    pub fn of(token: &str) -> Self {
        match token.split('.').nth(3) {
            Some(about) if about.len() == SESSION_LENGTH => Self::SignIn,
            _ => Self::Change,
        }
    }
}

/// The page with the button, and with what it does.
#[must_use]
pub fn not_me(view: &View<'_>, token: &str) -> String {
    let t = view.t;
    let disowned = Disowned::of(token);
    view.page(
        "/not-me",
        t.not_me_title,
        &html! {
            @match disowned {
                Disowned::SignIn => p { (t.not_me_sign_in) },
                Disowned::Change => p { (t.not_me_change) },
            }
            ul {
                @match disowned {
                    Disowned::SignIn => { li { (t.not_me_ends_one) } li { (t.not_me_since) } },
                    Disowned::Change => { li { (t.not_me_ends_all) } li { (t.not_me_factors) } },
                }
                li { (t.not_me_password) }
                li { (t.not_me_mail) }
            }
            (danger(view, "/not-me", &hidden("token", token), t.not_me_button))
            p { (t.not_me_fine) }
        },
    )
}

/// The page after that.
#[must_use]
pub fn reported(view: &View<'_>, disowned: Disowned) -> String {
    let t = view.t;
    view.page(
        "/not-me",
        t.not_me_done_title,
        &html! {
            p { @match disowned { Disowned::SignIn => (t.not_me_done_one), Disowned::Change => (t.not_me_done_all) } }
            h2 { (t.not_me_next) }
            ol {
                li { (t.not_me_next_password) }
                li { (t.not_me_next_look) }
                li { (t.not_me_next_elsewhere) }
            }
            p { a.button href={ (ROOT) "/recover/password" } { (t.new_password_title) } }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::Disowned;

    #[test]
    fn a_link_says_what_it_is_about() {
        assert_eq!(Disowned::of("nm1.7.1800000000.AAAAAAAAAAAAAAAAAAAABQ.00"), Disowned::SignIn);
        for other in ["nm1.7.1800000000.BwcHBwcHBwc.00", "", "x"] {
            assert_eq!(Disowned::of(other), Disowned::Change);
        }
    }
}
