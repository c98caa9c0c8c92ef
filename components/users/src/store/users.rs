//! The statements about users.

use super::outbox::{ENQUEUED, OWN_LEASE_SECONDS, OutboxEvent, enqueue};
use super::roles;
use super::tickets::template;
use super::{Changed, Found, Store, StoreError, User, preconditions, statements};
use super::{audit, email_change};
use crate::not_me;
use ::events::{Event, Exchange};
use identity::{Email, Locale, PasswordHash, Phone, Role, UserId, ZoneInfo};
use problem::Problem;
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::{Current, Precondition, RequestDigests, SignUp, Trace, ValidatedChange};
use uuid::Uuid;

/// A user that was inserted, and the event that was enqueued with it.
#[derive(Debug, Deserialize)]
pub(crate) struct Inserted {
    pub(crate) user: User,
    /// For the caller to publish; `None` if the outbox is so long that it is left to a sweep.
    pub(crate) event: Option<OutboxEvent>,
}

/// Whether another user than `except` has this address under a former kind of key. No new user gets such a key.
fn has_earlier_key(store: &Store, email: &Email, except: Option<UserId>) -> Result<bool, Problem> {
    const STATEMENT: &str = "
        SELECT to_jsonb(EXISTS (SELECT FROM users WHERE id IS DISTINCT FROM $2::int8
            AND email_key IN (SELECT jsonb_array_elements_text($1::text::jsonb))))";
    if email.keys().len() == 1 {
        return Ok(false);
    }
    let except = except.map_or(ParameterValue::DbNull, |id| ParameterValue::Int64(id.get()));
    Ok(store.one(STATEMENT, &[text(&email.keys_as_json()), except])?)
}

/// Inserts a user, enqueues its event and stores the response under the idempotency key; or does nothing and returns
/// `None` if the email or the key is taken.
pub(crate) fn insert(
    store: &Store,
    sign_up: &SignUp,
    hash: &PasswordHash,
    request: Option<&RequestDigests>,
    trace: &Trace,
) -> Result<Option<Inserted>, Problem> {
    if has_earlier_key(store, &sign_up.email, None)? {
        return Ok(None);
    }
    let inserted = store.one(
        statements::INSERT_USER,
        &[
            text(sign_up.email.address()),
            text(sign_up.email.key()),
            text(sign_up.name.as_str()),
            text(sign_up.surname.as_str()),
            optional(sign_up.phone.as_ref().map(Phone::as_str)),
            text(hash.expose()),
            text(Exchange::NewUser.name()),
            text(&Event::template("/users-ms", Exchange::NewUser)),
            ParameterValue::Int32(OWN_LEASE_SECONDS),
            optional(request.map(|request| request.key.as_str())),
            optional(request.map(|request| request.body.as_str())),
            audit::parameter(trace),
            optional(sign_up.locale.as_ref().map(Locale::as_str)),
            optional(sign_up.zoneinfo.as_ref().map(ZoneInfo::as_str)),
        ],
    );
    match inserted {
        // A concurrent request with this key was first, so this one did nothing.
        Err(StoreError::Conflict) if request.is_some() => Ok(None),
        inserted => Ok(inserted?),
    }
}

/// One user, and whether the caller's session is alive.
pub(crate) fn find(store: &Store, id: UserId, session: Option<Uuid>) -> Result<Found, Problem> {
    let id = ParameterValue::Int64(id.get());
    Ok(match session {
        None => store.one(statements::FIND_USER, &[id])?,
        Some(session) => {
            store.one(statements::FIND_USER_IN_SESSION, &[id, ParameterValue::Str(session.to_string())])?
        }
    })
}

/// What a change is authorized by, and the hash that a current password is verified against.
#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    #[serde(flatten)]
    pub(crate) current: Current,
    pub(crate) password_hash: String,
    /// Whether the password is known to others, for all that somebody knows.
    pub(crate) password_reset_required: bool,
}

/// The account of a user.
pub(crate) fn find_account(store: &Store, id: UserId) -> Result<Option<Account>, Problem> {
    const STATEMENT: &str = "
        SELECT (SELECT to_jsonb(a) FROM
            (SELECT email, email_key, phone, role, roles, password_hash, password_reset_required FROM users WHERE id = $1) a)";
    Ok(store.one(STATEMENT, &[ParameterValue::Int64(id.get())])?)
}

/// How a change of an address takes effect.
pub(crate) enum NewEmail<'a> {
    /// At once.
    AtOnce,
    /// At once, by an administrator: the address of before is told.
    ByAdministrator,
    /// Once it is confirmed.
    Pending(email_change::Pending<'a>),
}

/// A change of a user.
#[derive(Clone, Copy)]
pub(crate) struct Update<'a> {
    pub(crate) change: &'a ValidatedChange,
    /// The hash of its password, if it has one.
    pub(crate) hash: Option<&'a PasswordHash>,
    pub(crate) new_email: &'a NewEmail<'a>,
}

/// Changes a user if the precondition admits its version. `own_session` is the caller's session if they change their
/// own account: it continues where others end.
pub(crate) fn update(
    store: &Store,
    id: UserId,
    update: &Update<'_>,
    own_session: Option<Uuid>,
    condition: &Precondition,
    trace: &Trace,
) -> Result<Changed, Problem> {
    let Update { change, hash, new_email } = *update;
    // One that is yet to be confirmed is not set here.
    let email = change.email.as_ref().filter(|_| !matches!(new_email, NewEmail::Pending(_)));
    if let Some(email) = email
        && has_earlier_key(store, email, Some(id))?
    {
        return Ok(Changed::EmailTaken);
    }
    let (admits, versions) = (preconditions::admits(2), preconditions::parameter(condition));
    let own = own_session.map(|session| session.to_string());
    let mut parameters = vec![ParameterValue::Int64(id.get()), versions, optional(own.as_deref())];
    let mut assignments = Vec::new();
    let mut assign = |column: &str, value: Option<ParameterValue>| {
        if let Some(value) = value {
            parameters.push(value);
            assignments.push(format!("{column} = ${}", parameters.len()));
        }
    };
    assign("name", change.name.as_ref().map(|name| text(name.as_str())));
    assign("surname", change.surname.as_ref().map(|surname| text(surname.as_str())));
    assign("email", email.map(|email| text(email.address())));
    assign("email_key", email.map(|email| text(email.key())));
    assign("phone", change.phone.as_ref().map(|phone| optional(phone.as_ref().map(Phone::as_str))));
    assign("locale", change.locale.as_ref().map(|locale| optional(locale.as_ref().map(Locale::as_str))));
    assign("zoneinfo", change.zoneinfo.as_ref().map(|zone| optional(zone.as_ref().map(ZoneInfo::as_str))));
    assign("password_hash", hash.map(|hash| text(hash.expose())));
    assign("role", change.role.map(|role| text(role.name())));
    let other_roles = change.other_roles.as_deref().map(|others| {
        parameters.push(roles::parameter(others));
        assignments.push(format!("roles = {}", roles::array(parameters.len())));
        parameters.len()
    });
    let allowed = roles::allowed(change);
    // Checked beforehand, so that the unique index rarely raises an error; of two at once it refuses one.
    let taken = if email.is_some() {
        parameters.push(optional(email.map(Email::key)));
        format!("EXISTS (SELECT FROM users o WHERE o.email_key = ${} AND o.id <> $1)", parameters.len())
    } else {
        "false".to_owned()
    };
    // What was proved holds still: the session goes on under the credentials of now, and so does the password, where it was shown.
    let is_by_password = hash.is_some() || matches!(new_email, NewEmail::Pending(_));
    let holds = format!(
        "($3::text IS NULL OR EXISTS (SELECT FROM sessions s
            WHERE s.id = $3::text::uuid AND s.credentials_epoch = u.credentials_epoch) AND NOT ({is_by_password} AND u.password_reset_required))"
    );
    // A change of nothing does not raise the version.
    let changed = if assignments.is_empty() {
        format!(
            "SELECT id, credentials_epoch, email_key, user_json(u) AS shown FROM users u WHERE id = $1 AND {admits} AND {holds}"
        )
    } else {
        format!(
            "UPDATE users u SET {}, version = version + 1, updated_at = now()
             WHERE id = $1 AND {admits} AND {allowed} AND {holds} AND NOT {taken}
             RETURNING id, credentials_epoch, user_json(u) AS shown, name, surname, email, email_key, phone, role, roles",
            assignments.join(", ")
        )
    };
    // A new password ends all sessions but the one in which it was changed, which moves to the new epoch; a new role
    // ends all sessions. A statement sees the role as it was before.
    let ended = match (hash, change.role) {
        (Some(_), None) => ", ended AS (DELETE FROM sessions WHERE user_id IN (SELECT id FROM changed)
                AND id IS DISTINCT FROM $3::text::uuid
            ), goes_on AS (UPDATE sessions s SET credentials_epoch = c.credentials_epoch FROM changed c
                WHERE s.id = $3::text::uuid AND s.user_id = c.id AND s.credentials_epoch = c.credentials_epoch - 1)"
            .to_owned(),
        (Some(_), Some(_)) => ", ended AS (DELETE FROM sessions WHERE user_id IN (SELECT id FROM changed))".to_owned(),
        (None, Some(role)) => format!(
            ", ended AS (DELETE FROM sessions WHERE user_id IN (SELECT id FROM changed)
                AND EXISTS (SELECT FROM users WHERE id = $1 AND {}))",
            roles::differ(role, other_roles)
        ),
        (None, None) => String::new(),
    };
    // What differs from before; a statement sees the row as it was.
    let audited = if assignments.is_empty() {
        String::new()
    } else {
        parameters.push(audit::parameter(trace));
        let from = format!(
            "changed c JOIN users o ON o.id = c.id, LATERAL (VALUES
                ('name-changed', (c.name, c.surname) IS DISTINCT FROM (o.name, o.surname)),
                ('email-changed', c.email <> o.email), ('phone-changed', c.phone IS DISTINCT FROM o.phone),
                ('password-changed', {}), ('role-changed', (c.role, c.roles) IS DISTINCT FROM (o.role, o.roles))) AS a(action, was_done) WHERE was_done",
            hash.is_some()
        );
        format!(", audited AS ({})", audit::rows("a.action", "'success'", "c.id", parameters.len(), &from))
    };
    // Whoever has the account is told of a new password and of a new address.
    parameters.push(template(Exchange::PasswordChanged));
    let told = format!(
        "SELECT 1 AS place, id, ${}::text::jsonb AS event,
            jsonb_build_object('user_id', id, 'email', shown -> 'email') || ${}::text::jsonb AS data
         FROM changed WHERE {}",
        parameters.len(),
        parameters.len() + 1,
        hash.is_some()
    );
    parameters.push(text(&not_me::members_of_change(id)));
    let (requested, happened) = match new_email {
        NewEmail::Pending(pending) => email_change::request(pending, &mut parameters),
        NewEmail::ByAdministrator => (String::new(), email_change::told_of_administrator(&mut parameters)),
        NewEmail::AtOnce => (String::new(), String::new()),
    };
    let happened = [told, happened].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" UNION ALL ");
    let statement = format!(
        "WITH changed AS ({changed}){ended}{audited}{requested}, happened AS ({happened}), {}
         SELECT jsonb_build_object('events', {ENQUEUED}, 'exists', EXISTS (SELECT FROM users WHERE id = $1),
                                   'email_taken', {taken},
                                   'user', (SELECT shown FROM changed),
                                   'role', (SELECT role FROM users WHERE id = $1 AND {admits}),
                                   'own_session', $3::text)",
        enqueue()
    );
    #[derive(Deserialize)]
    struct Row {
        /// For the caller to publish.
        events: Vec<OutboxEvent>,
        exists: bool,
        email_taken: bool,
        user: Option<User>,
        /// The role before the change, if the precondition admits the version.
        role: Option<Role>,
    }
    match store.one(&statement, &parameters) {
        Ok(Row { user: Some(user), events, .. }) => Ok(Changed::Done(Box::new(user), events)),
        Ok(Row { role: Some(_), email_taken: true, .. }) => Ok(Changed::EmailTaken),
        Ok(Row { role: Some(Role::Admin), .. }) if change.role == Some(Role::User) => Ok(Changed::LastAdministrator),
        Ok(Row { role: Some(_), .. }) if change.role.is_some() && own_session.is_some() => Ok(Changed::OwnRole),
        Ok(Row { role: Some(_), .. }) if own_session.is_some() => Ok(Changed::SessionEnded),
        Ok(Row { exists: true, .. }) if asks_for_versions(condition) => Ok(Changed::OtherVersion),
        Ok(Row { .. }) => Ok(Changed::NotFound),
        Err(StoreError::Conflict) => Ok(Changed::EmailTaken),
        Err(error) => Err(error.into()),
    }
}

/// Whether a precondition can fail for a user that exists. If it cannot, and the statement did nothing to a user that
/// existed when it began, the user was deleted in the meantime.
pub(super) fn asks_for_versions(condition: &Precondition) -> bool {
    matches!(condition, Precondition::Versions(_))
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}

fn optional(value: Option<&str>) -> ParameterValue {
    value.map_or(ParameterValue::DbNull, text)
}
