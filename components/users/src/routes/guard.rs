//! Who calls, and what they may do.

use crate::settings;
use crate::store::{Store, sessions};
use identity::UserId;
use problem::Problem;
use service_kit::{Request, TokenVerifier, invalid_token, log};
use users_domain::{Caller, ValidatedChange, reauthentication_required};
use uuid::Uuid;

/// A caller with a valid token. Whether its session has ended meanwhile is for [`Guard::require_live_session`] to check, or for
/// the statement that does the work.
pub(crate) struct Guard {
    /// Who it is.
    caller: Caller,
    /// The session that the token belongs to; none where nobody is asked.
    pub(super) session: Option<Uuid>,
    /// The component variable `authorization` is `off`.
    is_open: bool,
}

impl Guard {
    /// Authenticates the caller, by the component variable `authorization`: `required`, or `off` for the open API of a lab.
    /// There no token is needed, but an administrator's is verified all the same: roles are never open.
    pub(super) fn of(request: &Request) -> Result<Self, Problem> {
        let claims = match settings::asks_for_tokens()? {
            true => TokenVerifier::from_config()?.require(request)?,
            false => {
                let shown =
                    request.bearer_token().map(|token| Ok::<_, Problem>((TokenVerifier::from_config()?, token)));
                let claims = shown.transpose()?.and_then(|(tokens, token)| tokens.verify(token).ok());
                match claims.map(|claims| (Caller::new(claims.user_id, claims.role), claims.session)) {
                    Some((caller @ Caller::Admin(_), session)) => {
                        return Ok(Self { caller, session: Some(session), is_open: true });
                    }
                    _ => return Ok(Self { caller: Caller::Anyone, session: None, is_open: true }),
                }
            }
        };
        Ok(Self { caller: Caller::new(claims.user_id, claims.role), session: Some(claims.session), is_open: false })
    }

    /// The administrator whose access token comes with a request that needs none. One that is not valid, or whose session has
    /// ended, is none.
    pub(super) fn administrator(request: &Request) -> Result<Option<UserId>, Problem> {
        let Some(token) = request.bearer_token() else { return Ok(None) };
        let Ok(claims) = TokenVerifier::from_config()?.verify(token) else { return Ok(None) };
        let Caller::Admin(id) = Caller::new(claims.user_id, claims.role) else { return Ok(None) };
        Ok(sessions::find_alive(&Store::open()?, claims.session)?.map(|_| id))
    }

    /// Admits only callers who may list users.
    pub(super) fn authorize_list(&self, request: &Request) -> Result<(), Problem> {
        self.audited(request, self.caller.authorize_list())
    }

    /// Admits only administrators, also where the API is open.
    pub(super) fn authorize_administration(&self, request: &Request) -> Result<(), Problem> {
        self.audited(request, self.caller.authorize_administration())
    }

    /// Admits only callers who may read, change and delete this user.
    pub(super) fn authorize_access(&self, request: &Request, id: UserId) -> Result<(), Problem> {
        self.audited(request, self.caller.authorize_access(id))
    }

    /// Admits only callers who may make this change.
    pub(super) fn authorize_change(&self, request: &Request, change: &ValidatedChange) -> Result<(), Problem> {
        self.audited(request, self.caller.authorize_change(change))
    }

    /// Who is asking.
    pub(super) fn caller(&self) -> Caller {
        self.caller
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

    /// Admits only callers whose session is alive: a token outlives its session by minutes.
    pub(super) fn require_live_session(&self, store: &Store) -> Result<LiveSession, Problem> {
        let Some(session) = self.session else { return Ok(LiveSession { is_recent: true }) };
        let alive = sessions::find_alive(store, session)?.ok_or_else(invalid_token)?;
        Ok(LiveSession { is_recent: alive.is_recent || self.is_open })
    }
}

/// The session of a caller, which is alive.
pub(super) struct LiveSession {
    /// Whether they signed in, or showed the current password, a moment ago. Nobody is asked where the API is open.
    pub(super) is_recent: bool,
}

impl LiveSession {
    /// Admits only callers after a recent sign-in.
    pub(super) fn require_recent(&self, request: &Request) -> Result<(), Problem> {
        if self.is_recent {
            return Ok(());
        }
        log::audit("access", "reauthentication-required", &request.id, &[]);
        Err(reauthentication_required())
    }
}
