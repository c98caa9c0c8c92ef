//! The link "this was not me" of mails about sign-ins and changes of credentials.

use crate::settings;
use identity::UserId;
use problem::Problem;
use service_kit::{config, log, now, random};
use users_domain::{Disowned, NOT_ME_PAGES, NotMe};

/// The link for the owner of an account. Without one the mail is sent all the same: no sign-in depends on it.
pub(crate) fn link(user_id: UserId, disowned: Disowned) -> Option<String> {
    let link = || -> Result<String, Problem> {
        let token = NotMe { user_id, disowned, issued_at: now() }.sign(&config::peppers()?);
        settings::link(NOT_ME_PAGES, &token)
    };
    let warn = |problem: &Problem| {
        log::warn("a mail has no link", &[("cause", problem.cause().unwrap_or_default())]);
    };
    link().inspect_err(warn).ok()
}

/// The same, as members of an event's data about a change.
pub(crate) fn members_of_change(user_id: UserId) -> String {
    let link = link(user_id, Disowned::Change(random::bytes()));
    link.map_or_else(|| serde_json::json!({}), |link| serde_json::json!({"link": link})).to_string()
}
