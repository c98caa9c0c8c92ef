//! What somebody has pressed that needs a recent sign-in: kept in the page that asks for the password, so that it goes on by itself.

use browser::Sealed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long it is kept, in seconds: as long as a sign-in counts as recent.
const ACTION_SECONDS: i64 = 10 * 60;
/// The longest that is kept, with the names of fields, in bytes. An answer of a passkey is a tenth of it.
const MAX_ACTION_BYTES: usize = 16 * 1024;
/// How long the address of a download is good, in seconds: the page that has it goes there at once.
const DOWNLOAD_SECONDS: i64 = 60;
/// What goes on by itself, below the root. No form here has a password.
const ACTIONS: &[&str] = &[
    "/profile/phone/code",
    "/second-factor/add",
    "/second-factor/codes",
    "/second-factor/remove",
    "/passkeys/add",
    "/passkeys/add/start",
    "/passkeys/rename",
    "/passkeys/remove",
    "/sessions/end",
    "/sessions/end-others",
    "/sessions/end-all",
    "/applications/disconnect",
    "/data/export/start",
    "/data/remove",
];

/// A form that was sent, by one of our own pages: whoever keeps it has seen to that.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Action {
    /// Where it was sent, below the root.
    pub path: String,
    /// Its fields.
    pub fields: BTreeMap<String, String>,
    /// The user who has sent it.
    pub user: String,
    /// Until when it is kept, in seconds since 1970.
    pub until: i64,
}

impl Sealed for Action {
    const WHAT: &'static str = "action";
}

/// A download that a page begins by itself. Only a page that we have shown does: the address of the file has this, sealed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Download {
    session: String,
    until: i64,
}

impl Sealed for Download {
    const WHAT: &'static str = "download";
}

impl Download {
    /// One for this session.
    #[must_use]
    pub fn of(session: &str, now: i64) -> Self {
        Self { session: session.to_owned(), until: now + DOWNLOAD_SECONDS }
    }

    /// Whether it is for this session, and not too old.
    #[must_use]
    pub fn is_of(&self, session: &str, now: i64) -> bool {
        self.session == session && now <= self.until
    }
}

impl Action {
    /// A form that was sent to a path. `None` if it does not go on by itself.
    #[must_use]
    pub fn of(path: &str, fields: &BTreeMap<String, String>, user: &str, now: i64) -> Option<Self> {
        let path = Some(path).filter(|path| ACTIONS.contains(path))?;
        let length: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        (length <= MAX_ACTION_BYTES).then(|| Self {
            path: path.to_owned(),
            fields: fields.clone(),
            user: user.to_owned(),
            until: now + ACTION_SECONDS,
        })
    }

    /// Whether it goes on for this user.
    #[must_use]
    pub fn is_of(&self, user: &str, now: i64) -> bool {
        self.user == user && now <= self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_kept_for_whoever_has_pressed_it_and_for_a_while() {
        let fields = BTreeMap::from([("id".to_owned(), "x".to_owned())]);
        let action = Action::of("/sessions/end", &fields, "7", 1000).unwrap();
        assert!(action.is_of("7", 1000) && action.is_of("7", 1600));
        assert!(!action.is_of("7", 1601) && !action.is_of("8", 1000));
        for path in ["/password", "/data/export", "/confirm", "/account/sessions/end", "/"] {
            assert!(Action::of(path, &fields, "7", 1000).is_none(), "{path}");
        }
        let long = BTreeMap::from([("credential".to_owned(), "x".repeat(MAX_ACTION_BYTES))]);
        assert!(Action::of("/passkeys/add", &long, "7", 1000).is_none());
    }

    #[test]
    fn a_download_is_for_its_session_and_for_a_minute() {
        let download = Download::of("s", 1000);
        assert!(download.is_of("s", 1060) && !download.is_of("s", 1061) && !download.is_of("t", 1000));
    }
}
