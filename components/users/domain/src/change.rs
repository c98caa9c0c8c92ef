//! Changes of a user: a replacement (PUT) or a merge patch (PATCH, RFC 7396).

use crate::fields::Fields;
use api::users::ChangeRequest;
use identity::{Email, Locale, MinLength, Password, PersonName, Phone, Role, RoleName, ZoneInfo};
use problem::{Kind, Problem};

/// A valid change; `None` leaves a field as it is.
#[derive(Default)]
pub struct ValidatedChange {
    /// The new first name.
    pub name: Option<PersonName>,
    /// The new surname.
    pub surname: Option<PersonName>,
    /// The new address.
    pub email: Option<Email>,
    /// The new phone number; `Some(None)` removes it.
    pub phone: Option<Option<Phone>>,
    /// The new language of messages; `Some(None)` removes it.
    pub locale: Option<Option<Locale>>,
    /// The new time zone of times in messages; `Some(None)` removes it.
    pub zoneinfo: Option<Option<ZoneInfo>>,
    /// The new password.
    pub password: Option<Password>,
    /// The new role.
    pub role: Option<Role>,
    /// The new roles but `admin`; then there is a role, too.
    pub other_roles: Option<Vec<RoleName>>,
    /// The caller's current password, to be verified before the email or the password changes.
    pub current_password: Option<String>,
}

impl ValidatedChange {
    /// Whether it may affect access to the account: email, phone number, password, role.
    #[must_use]
    pub fn is_about_access(&self) -> bool {
        self.email.is_some() || self.phone.is_some() || self.password.is_some() || self.role.is_some()
    }
}

impl ValidatedChange {
    /// Validates a merge patch: any of the fields, null only where a field is optional. A password has at least `min`
    /// characters.
    ///
    /// # Errors
    /// A problem that lists every fault.
    pub fn patch(request: ChangeRequest, min: MinLength) -> Result<Self, Problem> {
        Self::validate(request, false, min)
    }

    /// Validates a replacement: name, surname and email are required; without a phone number, a
    /// language or a time zone these are removed. The password is not part of a user's representation, so without one it stays; so does the role, which users do not
    /// assign themselves.
    ///
    /// # Errors
    /// A problem that lists every fault.
    pub fn replacement(request: ChangeRequest, min: MinLength) -> Result<Self, Problem> {
        let change = Self::validate(request, true, min)?;
        let (phone, locale) = (Some(change.phone.flatten()), Some(change.locale.flatten()));
        Ok(Self { phone, locale, zoneinfo: Some(change.zoneinfo.flatten()), ..change })
    }

    fn validate(request: ChangeRequest, complete: bool, min: MinLength) -> Result<Self, Problem> {
        let ChangeRequest { name, surname, email, phone, locale, zoneinfo, password, role, roles, current_password } =
            request;
        let mut fields = Fields::default();
        let name = required(&mut fields, "name", name, complete).and_then(|text| fields.name(&text));
        let surname = required(&mut fields, "surname", surname, complete).and_then(|text| fields.surname(&text));
        let email = required(&mut fields, "email", email, complete).and_then(|text| fields.email(&text));
        let phone = phone.map(|phone| phone.and_then(|text| fields.phone(&text)));
        let locale = locale.map(|locale| locale.and_then(|text| fields.locale(&text)));
        let zoneinfo = zoneinfo.map(|zone| zone.and_then(|text| fields.zoneinfo(&text)));
        let password = required(&mut fields, "password", password, false).and_then(|text| fields.password(&text, min));
        if let Some(password) = &password {
            let own = email.as_ref().map(Email::words).into_iter().flatten();
            let names = [&name, &surname].into_iter().flatten().map(PersonName::as_str);
            fields.refuse_words(password, own.chain(names));
        }
        let role = required(&mut fields, "role", role, false).and_then(|text| fields.role(&text));
        let roles = required(&mut fields, "roles", roles, false).and_then(|names| fields.roles(role, Some(&names)));
        let (role, other_roles) = match roles {
            Some(roles) => (Some(roles.role), Some(roles.others)),
            None => (role, None),
        };
        let current_password = required(&mut fields, "current_password", current_password, false);
        let change =
            Self { name, surname, email, phone, locale, zoneinfo, password, role, other_roles, current_password };
        fields.finish(Some(change))
    }
}

/// The value of a field that cannot be null, and in a replacement cannot be missing.
fn required<T>(fields: &mut Fields, name: &str, field: Option<Option<T>>, complete: bool) -> Option<T> {
    match field {
        Some(Some(value)) => Some(value),
        Some(None) => {
            fields.fault(name, Kind::WrongType, "This field may not be null.");
            None
        }
        None => {
            if complete {
                fields.fault(
                    name,
                    Kind::MissingField,
                    "A replacement requires this field. Use PATCH to change some fields only.",
                );
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patch(body: serde_json::Value) -> Result<ValidatedChange, Problem> {
        ValidatedChange::patch(serde_json::from_value(body).unwrap(), MinLength::default())
    }

    fn replacement(body: serde_json::Value) -> Result<ValidatedChange, Problem> {
        ValidatedChange::replacement(serde_json::from_value(body).unwrap(), MinLength::default())
    }

    #[test]
    fn a_patch_changes_only_its_fields() {
        let change = patch(json!({"name": "Augusta"})).unwrap();
        assert_eq!(change.name.unwrap().as_str(), "Augusta");
        assert!(change.surname.is_none() && change.email.is_none() && change.phone.is_none());
    }

    #[test]
    fn null_removes_the_phone_and_nothing_else() {
        assert_eq!(patch(json!({"phone": null})).unwrap().phone, Some(None));
        assert_eq!(patch(json!({"locale": null})).unwrap().locale, Some(None));
        assert_eq!(patch(json!({"zoneinfo": null})).unwrap().zoneinfo, Some(None));
        let zone = patch(json!({"zoneinfo": "europe/rome"})).unwrap().zoneinfo.flatten().unwrap();
        assert_eq!(zone.as_str(), "Europe/Rome");
        assert_eq!(patch(json!({"name": null})).err().unwrap().kind(), Kind::WrongType);
        assert_eq!(patch(json!({"password": null})).err().unwrap().kind(), Kind::WrongType);
    }

    #[test]
    fn a_replacement_is_complete() {
        assert_eq!(replacement(json!({"name": "Ada", "surname": "L"})).err().unwrap().kind(), Kind::MissingField);
        let whole = json!({"name": "Ada", "surname": "L", "email": "ada@example.org"});
        let change = replacement(whole).unwrap();
        assert_eq!((change.phone, change.locale, change.zoneinfo), (Some(None), Some(None), Some(None)));
        assert!(change.password.is_none());
    }

    #[test]
    fn an_invalid_phone_is_an_error_and_not_a_removal() {
        assert_eq!(patch(json!({"phone": "x"})).err().unwrap().kind(), Kind::InvalidPhone);
    }

    #[test]
    fn roles_have_the_administrator_among_them() {
        let change = patch(json!({"roles": ["support", "admin"]})).unwrap();
        assert_eq!((change.role, change.other_roles.unwrap().len()), (Some(Role::Admin), 1));
        let change = patch(json!({"roles": [], "role": "user"})).unwrap();
        assert_eq!((change.role, change.other_roles), (Some(Role::User), Some(vec![])));
        assert_eq!(patch(json!({"role": "admin"})).unwrap().other_roles, None);
        let refused = |body| patch(body).err().unwrap().kind();
        assert_eq!(refused(json!({"roles": ["support"], "role": "admin"})), Kind::InvalidValue);
        assert_eq!(refused(json!({"roles": ["Support"]})), Kind::InvalidValue);
        assert_eq!(refused(json!({"roles": null})), Kind::WrongType);
    }

    #[test]
    fn a_role_is_one_of_two() {
        assert_eq!(patch(json!({"role": "admin"})).unwrap().role, Some(Role::Admin));
        for role in ["", "Admin", "root"] {
            assert_eq!(patch(json!({"role": role})).err().unwrap().kind(), Kind::InvalidValue, "{role}");
        }
    }

    #[test]
    fn read_only_fields_are_unknown() {
        for field in ["id", "version", "created_at"] {
            assert!(serde_json::from_value::<ChangeRequest>(json!({field: 1})).is_err());
        }
    }
}
