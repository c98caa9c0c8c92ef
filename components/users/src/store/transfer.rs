//! The statements about imports and exports of users.

use super::{Store, audit};
use api::users::ExportedUser;
use identity::{Locale, PasswordHash, Phone, UserId, ZoneInfo};
use problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use spin_sdk::pg4::ParameterValue;
use users_domain::{ImportedUser, Trace};

/// How many users one statement of an export reads.
const PAGE: i64 = 500;

/// What came of a line.
#[derive(Debug, Deserialize)]
pub(crate) struct Imported {
    pub(crate) line: u32,
    /// The user with its address; `None` if it is nobody's.
    pub(crate) id: Option<UserId>,
    /// Whether the user was created by this line.
    pub(crate) is_new: bool,
}

/// Creates the users of these lines, each with the number of its line and a hash, unless they are there already.
pub(crate) fn import(
    store: &Store,
    users: &[(u32, ImportedUser, PasswordHash)],
    trace: &Trace,
) -> Result<Vec<Imported>, Problem> {
    const STATEMENT: &str = "SELECT import_users($1::text::jsonb, $2::text::jsonb)";
    let object = |text: &Option<String>| -> Value {
        text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| json!({}))
    };
    let lines: Vec<Value> = users
        .iter()
        .map(|(line, user, hash)| {
            json!({
                "line": line,
                "email": user.email.address(),
                "email_key": user.email.key(),
                "email_keys": user.email.keys(),
                "name": user.name.as_str(),
                "surname": user.surname.as_str(),
                "phone": user.phone.as_ref().map(Phone::as_str),
                "role": user.roles.role,
                "roles": user.roles.others,
                "locale": user.locale.as_ref().map(Locale::as_str),
                "zoneinfo": user.zoneinfo.as_ref().map(ZoneInfo::as_str),
                "email_verified": user.email_verified,
                "phone_verified": user.phone_verified,
                "suspended": user.suspended,
                "password_reset_required": user.password_reset_required,
                "public": object(&user.metadata.public),
                "private": object(&user.metadata.private),
                "created_at": user.created_at,
                "password_hash": hash.expose(),
            })
        })
        .collect();
    let parameters = [ParameterValue::Str(Value::from(lines).to_string()), audit::parameter(trace)];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// Writes in the audit log that an export begins.
pub(crate) fn begin_export(store: &Store, with_hashes: bool, trace: &Trace) -> Result<(), Problem> {
    let action = if with_hashes { "users-exported-with-hashes" } else { "users-exported" };
    let audited = audit::row(action, "success", "NULL::int8", 1, "(SELECT 1) AS once");
    let statement = format!("WITH audited AS ({audited}) SELECT to_jsonb(true)");
    let _: bool = store.one(&statement, &[audit::parameter(trace)])?;
    Ok(())
}

/// The next users after this one, in the order of their ids; none after the last.
pub(crate) fn export(store: &Store, after: i64, with_hashes: bool) -> Result<Vec<ExportedUser>, Problem> {
    const STATEMENT: &str = "
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', u.id, 'email', u.email, 'name', u.name, 'surname', u.surname, 'phone', u.phone, 'role', u.role, 'roles', roles_json(u.role, u.roles),
            'locale', u.locale, 'zoneinfo', u.zoneinfo, 'email_verified', u.email_verified_at IS NOT NULL, 'phone_verified', u.phone_verified_at IS NOT NULL,
            'suspended', u.suspended_at IS NOT NULL,
            'password_reset_required', u.password_reset_required,
            'metadata', jsonb_build_object('public', coalesce(m.public, '{}'), 'private', coalesce(m.private, '{}')),
            'created_at', to_char(u.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
            'password_hash', CASE WHEN $2 THEN u.password_hash END) ORDER BY u.id), '[]')
        FROM (SELECT * FROM users WHERE id > $1 ORDER BY id LIMIT $3) u LEFT JOIN user_metadata m ON m.user_id = u.id";
    let parameters = [ParameterValue::Int64(after), ParameterValue::Boolean(with_hashes), ParameterValue::Int64(PAGE)];
    Ok(store.one(STATEMENT, &parameters)?)
}
