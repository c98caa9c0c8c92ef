//! Who is asking, before anything is done for them.

use crate::store::{Store, sessions};
use identity::UserId;
use problem::Problem;
use shell::{AccessTokens, Request, config, invalid_token, log};
use users_domain::{Caller, Change};
use uuid::Uuid;

/// A caller whose token is good. Whether its session has ended in the meantime is for [`Guard::confirm`] to say, or
/// for a statement that does something else on the way.
pub(super) struct Guard {
    /// Who it is.
    caller: Caller,
    /// The session that the token belongs to; none where nobody is asked.
    pub(super) session: Option<Uuid>,
}

impl Guard {
    /// Reads who is asking, by the component variable `authorization`: `required`, or `off` for the open API of a lab.
    /// There a token is not needed, and an administrator's is believed all the same: roles are never open.
    pub(super) fn of(request: &Request) -> Result<Self, Problem> {
        let claims = match config::text("authorization")?.trim() {
            "required" => AccessTokens::from_config()?.require(request)?,
            "off" => {
                let shown = request.bearer_token().map(|token| Ok::<_, Problem>((AccessTokens::from_config()?, token)));
                let claims = shown.transpose()?.and_then(|(tokens, token)| tokens.verify(token).ok());
                match claims.map(|claims| (Caller::new(claims.user_id, claims.role), claims.session)) {
                    Some((caller @ Caller::Admin(_), session)) => return Ok(Self { caller, session: Some(session) }),
                    _ => return Ok(Self { caller: Caller::Anyone, session: None }),
                }
            }
            _ => return Err(config::fault("authorization", "must be required or off")),
        };
        Ok(Self { caller: Caller::new(claims.user_id, claims.role), session: Some(claims.session) })
    }

    /// Lets the caller go on only if they may see lists of users.
    pub(super) fn list(&self, request: &Request) -> Result<(), Problem> {
        self.audited(request, self.caller.may_list())
    }

    /// Lets the caller go on only if the user with this id is theirs to read, change and remove.
    pub(super) fn reach(&self, request: &Request, id: UserId) -> Result<(), Problem> {
        self.audited(request, self.caller.may_reach(id))
    }

    /// Lets the caller go on only if they may make this change.
    pub(super) fn make(&self, request: &Request, change: &Change) -> Result<(), Problem> {
        self.audited(request, self.caller.may_make(change))
    }

    /// Whether the caller has to show the current password for a change of the user with this id.
    pub(super) fn must_show_password(&self, id: UserId) -> bool {
        self.caller.must_show_password(id)
    }

    fn audited(&self, request: &Request, outcome: Result<(), Problem>) -> Result<(), Problem> {
        outcome.inspect_err(|_| log::audit("access", "refused", &request.id, &[("user_id", &self.by())]))
    }

    /// Who it is, for the audit log.
    pub(super) fn by(&self) -> String {
        match self.caller {
            Caller::Anyone => "anyone".to_owned(),
            Caller::User(id) | Caller::Admin(id) => id.to_string(),
        }
    }

    /// Lets the caller go on only while its session is alive: a token outlives its session by minutes.
    pub(super) fn confirm(&self, store: &Store) -> Result<(), Problem> {
        match self.session {
            Some(session) if !sessions::is_alive(store, session)? => Err(invalid_token()),
            _ => Ok(()),
        }
    }
}
