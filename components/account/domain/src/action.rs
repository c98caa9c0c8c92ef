//! What somebody has pressed that needs a recent sign-in: kept in the page that asks for the password, so that it goes on by itself.

use crate::ROOT;
use browser::Sealed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long it is kept, in seconds: as long as a sign-in counts as recent.
const ACTION_SECONDS: i64 = 10 * 60;
/// The longest that is kept, with the names of fields, in bytes. An answer of a passkey is a tenth of it.
const MAX_ACTION_BYTES: usize = 16 * 1024;
/// What goes on by itself, below the root. No form here has a password; and what is a file is not here, for it would leave its reader on
/// the page that asks for the password.
const ACTIONS: &[&str] = &[
    "/profile/phone/code",
    "/second-factor/add",
    "/second-factor/codes",
    "/second-factor/remove",
    "/passkeys/add",
    "/passkeys/rename",
    "/passkeys/remove",
    "/sessions/end",
    "/sessions/end-others",
    "/sessions/end-all",
    "/applications/disconnect",
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

impl Action {
    /// A form that was sent to a path. `None` if it does not go on by itself.
    #[must_use]
    pub fn of(path: &str, fields: &BTreeMap<String, String>, user: &str, now: i64) -> Option<Self> {
        let path = path.strip_prefix(ROOT).filter(|path| ACTIONS.contains(path))?;
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
        let action = Action::of("/account/sessions/end", &fields, "7", 1000).unwrap();
        assert!(action.is_of("7", 1000) && action.is_of("7", 1600));
        assert!(!action.is_of("7", 1601) && !action.is_of("8", 1000));
        for path in ["/account/password", "/account/data/export", "/account/confirm", "/sessions/end", "/account"] {
            assert!(Action::of(path, &fields, "7", 1000).is_none(), "{path}");
        }
        let long = BTreeMap::from([("credential".to_owned(), "x".repeat(MAX_ACTION_BYTES))]);
        assert!(Action::of("/account/passkeys/add", &long, "7", 1000).is_none());
    }
}
