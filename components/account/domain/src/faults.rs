//! What the services refuse, in the words of the pages: by the kind of the problem and by the field that it points at.

use crate::texts::{Texts, fill};
use browser::{Refusal, Wording};

impl Wording for Texts {
    fn text(&self, refusal: &Refusal) -> String {
        text(refusal, self)
    }

    fn field_text(&self, field: &str, detail: &str, slug: &str) -> String {
        field_text(field, detail, slug, self)
    }
}

/// What a field is refused for.
fn field_text(field: &str, detail: &str, slug: &str, t: &Texts) -> String {
    let password = |detail: &str| {
        let number: String = detail.chars().filter(char::is_ascii_digit).collect();
        match (detail.contains("at least"), number.is_empty()) {
            (true, false) => fill(t.fault_password_short, &[("number", &number)]),
            _ if detail.contains("at most") => t.fault_password_long.to_owned(),
            _ => t.fault_password_weak.to_owned(),
        }
    };
    match (field, slug) {
        (_, "invalid-code") => t.fault_code.to_owned(),
        (_, "email-taken") => t.fault_email_taken.to_owned(),
        ("current_password", _) => t.fault_current_password.to_owned(),
        ("name", _) => t.fault_name.to_owned(),
        ("surname", _) => t.fault_surname.to_owned(),
        ("email" | "username", _) => t.fault_email.to_owned(),
        ("phone", _) => t.fault_phone.to_owned(),
        ("zoneinfo", _) => t.fault_zoneinfo.to_owned(),
        ("password", _) => password(detail),
        ("code", _) => t.fault_code.to_owned(),
        _ => t.fault_form.to_owned(),
    }
}

/// What is said of a refusal as a whole.
#[must_use]
pub fn text(refusal: &Refusal, t: &Texts) -> String {
    let plain = match refusal.slug.as_str() {
        "invalid-credentials" => t.fault_credentials,
        "wrong-current-password" => t.fault_current_password,
        "account-locked" => t.fault_locked,
        "account-suspended" => t.fault_suspended,
        "password-reset-required" => t.recover_first,
        "invalid-ticket" => t.fault_ticket,
        "invalid-code" => t.fault_code,
        "invalid-challenge" => t.fault_challenge,
        "invalid-passkey" => t.fault_passkey,
        "passkey-exists" => t.fault_passkey_exists,
        "too-many-passkeys" => t.fault_too_many_passkeys,
        "email-taken" => t.fault_email_taken,
        "last-administrator" => t.fault_last_administrator,
        "sign-up-by-invitation" => t.sign_up_invite,
        "sign-up-closed" => t.sign_up_closed,
        "too-many-attempts" | "too-many-requests" => return waiting(refusal.retry_after, t),
        "not-configured" => t.fault_not_configured,
        _ if refusal.status == 0 || refusal.status >= 500 => t.fault_unavailable,
        _ => t.fault_form,
    };
    plain.to_owned()
}

fn waiting(seconds: Option<u32>, t: &Texts) -> String {
    match seconds {
        Some(seconds @ 91..) => fill(t.fault_wait_minutes, &[("number", &seconds.div_ceil(60).to_string())]),
        Some(seconds) => fill(t.fault_wait_seconds, &[("number", &seconds.to_string())]),
        None => t.fault_unavailable.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use browser::Faults;

    fn refused(slug: &str, fields: &[(&str, &str)]) -> Refusal {
        let fields = fields.iter().map(|(name, detail)| ((*name).to_owned(), (*detail).to_owned())).collect();
        Refusal { status: 422, slug: slug.to_owned(), fields, ..Refusal::default() }
    }

    #[test]
    fn what_is_about_a_field_of_the_form_is_said_there() {
        let t = Texts::of(None, None, "en");
        let refusal = refused(
            "validation-failed",
            &[("email", "x"), ("password", "A password needs at least 12 characters."), ("odd", "x")],
        );
        let faults = Faults::from_refusal(&refusal, &t, &["email", "password"]);
        assert_eq!(faults.of("email"), Some(t.fault_email));
        assert!(faults.of("password").unwrap().contains("12"));
        assert_eq!(faults.iter().filter(|(field, _)| field.is_none()).count(), 1);
    }

    #[test]
    fn whoever_has_to_wait_is_told_for_how_long() {
        let t = Texts::of(None, None, "en");
        let wait = |seconds| text(&Refusal { retry_after: Some(seconds), ..refused("too-many-attempts", &[]) }, &t);
        assert!(wait(30).contains("30") && wait(300).contains('5') && !wait(300).contains("300"));
        assert_eq!(text(&Refusal::default(), &t), t.fault_unavailable);
    }
}
