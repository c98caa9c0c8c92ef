//! Sign-up: the data of a new user.

use crate::fields::Fields;
use api::users::SignUpRequest;
use identity::{Email, Locale, MinLength, Password, PersonName, Phone, ZoneInfo};
use problem::Problem;

/// A valid sign-up. The password is hashed at once and then dropped.
#[derive(Debug)]
pub struct SignUp {
    /// The first name.
    pub name: PersonName,
    /// The surname.
    pub surname: PersonName,
    /// The address, unique among users.
    pub email: Email,
    /// The phone number, if there is one.
    pub phone: Option<Phone>,
    /// The language of messages, if one is known.
    pub locale: Option<Locale>,
    /// The time zone of times in messages, if it was chosen.
    pub zoneinfo: Option<ZoneInfo>,
    /// The password.
    pub password: Password,
}

impl SignUp {
    /// Validates all fields; `min` is the least number of characters of a password.
    ///
    /// # Errors
    /// A problem that lists every fault.
    pub fn validate(request: &SignUpRequest, min: MinLength) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        let name = fields.name(&request.name);
        let surname = fields.surname(&request.surname);
        let email = fields.email(&request.email);
        let phone = request.phone.as_deref().map(|phone| fields.phone(phone));
        let locale = request.locale.as_deref().map(|locale| fields.locale(locale));
        let zoneinfo = request.zoneinfo.as_deref().map(|zone| fields.zoneinfo(zone));
        let password = fields.password(&request.password, min);
        if let (Some(password), Some(email)) = (&password, &email) {
            fields.refuse_words(password, email.words().into_iter().chain([&*request.name, &*request.surname]));
        }
        let built = (|| {
            Some(Self {
                name: name?,
                surname: surname?,
                email: email?,
                phone: match phone {
                    None => None,
                    Some(phone) => Some(phone?),
                },
                locale: match locale {
                    None => None,
                    Some(locale) => Some(locale?),
                },
                zoneinfo: match zoneinfo {
                    None => None,
                    Some(zone) => Some(zone?),
                },
                password: password?,
            })
        })();
        fields.finish(built)
    }

    /// With the language that the browser prefers, unless another was chosen.
    #[must_use]
    pub fn or_preferred(self, accept_language: Option<&str>) -> Self {
        let locale = self.locale.or_else(|| Locale::preferred(accept_language?));
        Self { locale, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use problem::Kind;
    use serde_json::json;

    fn form(changes: serde_json::Value) -> SignUpRequest {
        let mut body = json!({"name": "Ada", "surname": "Lovelace", "email": "ada@example.org",
            "password": "correct horse"});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_sign_up_with_and_without_phone_is_valid() {
        assert!(SignUp::validate(&form(json!({})), MinLength::default()).unwrap().phone.is_none());
        assert!(SignUp::validate(&form(json!({"phone": null})), MinLength::default()).unwrap().phone.is_none());
        let phone =
            SignUp::validate(&form(json!({"phone": "+39 02 1234567"})), MinLength::default()).unwrap().phone.unwrap();
        assert_eq!(phone.as_str(), "+39021234567");
    }

    #[test]
    fn the_language_is_the_chosen_one_or_else_that_of_the_browser() {
        let locale = |changes, header| {
            let sign_up = SignUp::validate(&form(changes), MinLength::default()).unwrap().or_preferred(header);
            sign_up.locale.map(|locale| locale.as_str().to_owned())
        };
        assert_eq!(locale(json!({"locale": "de-at"}), Some("it, en;q=0.5")).as_deref(), Some("de-AT"));
        assert_eq!(locale(json!({"locale": null}), Some("it, en;q=0.5")).as_deref(), Some("it"));
        assert_eq!((locale(json!({}), Some("*")), locale(json!({}), None)), (None, None));
        let problem = SignUp::validate(&form(json!({"locale": "english!"})), MinLength::default()).unwrap_err();
        assert_eq!(problem.kind(), Kind::InvalidValue);
    }

    #[test]
    fn a_password_is_not_just_the_name_or_the_address() {
        for password in ["lovelace1815", "ada@example.org", "Concierge123"] {
            let problem = SignUp::validate(&form(json!({"password": password})), MinLength::default()).unwrap_err();
            assert_eq!(problem.kind(), Kind::InvalidPassword, "{password}");
        }
    }

    #[test]
    fn one_error_gives_its_own_kind() {
        let kind = |changes| SignUp::validate(&form(changes), MinLength::default()).unwrap_err().kind();
        assert_eq!(kind(json!({"name": "A\u{0}da"})), Kind::InvalidName);
        assert_eq!(kind(json!({"surname": ""})), Kind::InvalidSurname);
        assert_eq!(kind(json!({"email": "ada"})), Kind::InvalidEmail);
        assert_eq!(kind(json!({"phone": "x"})), Kind::InvalidPhone);
        assert_eq!(kind(json!({"password": "x".repeat(1025)})), Kind::InvalidPassword);
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let problem = SignUp::validate(&form(json!({"name": "", "email": "", "password": ""})), MinLength::default())
            .unwrap_err();
        assert_eq!(problem.kind(), Kind::ValidationFailed);
        let body: serde_json::Value = serde_json::from_slice(&problem.to_json("r")).unwrap();
        let pointers: Vec<_> = body["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
        assert_eq!(pointers, ["/name", "/email", "/password"]);
    }
}
