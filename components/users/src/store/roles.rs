//! Roles in statements.

use identity::{Role, RoleName};
use serde_json::json;
use spin_sdk::pg4::ParameterValue;
use users_domain::ValidatedChange;

/// The condition that an administrator remains; see the migrations.
pub(super) const KEEPS_AN_ADMIN: &str = "(role <> 'admin' OR another_admin_stays(id))";

/// Roles but `admin` as a parameter.
pub(super) fn parameter(roles: &[RoleName]) -> ParameterValue {
    ParameterValue::Str(json!(roles).to_string())
}

/// The array of the parameter with this number.
pub(super) fn array(number: usize) -> String {
    format!("ARRAY(SELECT jsonb_array_elements_text(${number}::text::jsonb))")
}

/// Whether the row may get the roles of this change; the parameter 3 is the caller's own session, or null. The last administrator
/// stays, and nobody raises their own role: the row may have changed since the token was verified.
pub(super) fn allowed(change: &ValidatedChange) -> String {
    const IS_NO_RAISE: &str = "($3::text IS NULL OR role = 'admin')";
    match (change.role, &change.other_roles) {
        (Some(Role::User), None) => KEEPS_AN_ADMIN.to_owned(),
        (Some(Role::User), Some(_)) => format!("{KEEPS_AN_ADMIN} AND {IS_NO_RAISE}"),
        (Some(Role::Admin), _) => IS_NO_RAISE.to_owned(),
        (None, _) => "true".to_owned(),
    }
}

/// Whether the row has other roles than these, the others in the parameter with this number if they change.
pub(super) fn differ(role: Role, others: Option<usize>) -> String {
    let others = others.map_or_else(String::new, |number| format!(" OR roles <> {}", array(number)));
    format!("(role <> '{}'{others})", role.name())
}
