//! Who is let in: administrators, by the role in their token, whose sign-in used a second factor.

use browser::Session;
use serde::Deserialize;

/// The level of a sign-in with more than one factor, as auth states it (NIST SP 800-63B, AAL2).
const SECOND_LEVEL: &str = "urn:concierge:aal:2";

/// Whether a sign-in needs a second factor, from the variable `console_second_factor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondFactor {
    /// It does.
    Required,
    /// It does not, for an installation that is being developed.
    Optional,
}

impl SecondFactor {
    /// Reads the variable. `None` if it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "required" => Some(Self::Required),
            "optional" => Some(Self::Optional),
            _ => None,
        }
    }
}

/// Whether somebody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// They are.
    Admitted,
    /// They are no administrator.
    NotAdministrator,
    /// Their sign-in used one factor alone.
    OneFactor,
}

#[derive(Deserialize)]
struct Claims {
    role: String,
    #[serde(default)]
    acr: Option<String>,
}

/// Whether whoever has this session is let in, as their access token says, which auth has returned.
#[must_use]
pub fn admit(session: &Session, second_factor: SecondFactor) -> Admission {
    match session.claims::<Claims>() {
        Some(Claims { role, acr }) if role == "admin" => match second_factor {
            SecondFactor::Required if acr.as_deref() != Some(SECOND_LEVEL) => Admission::OneFactor,
            SecondFactor::Required | SecondFactor::Optional => Admission::Admitted,
        },
        _ => Admission::NotAdministrator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    /// A session whose access token says this.
    fn session(claims: &str) -> Session {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let access = format!("{}.{}.{}", encode("{}"), encode(claims), encode("signature"));
        Session::of(access, "refresh".to_owned(), 900, None).unwrap()
    }

    fn of(role: &str, acr: &str) -> Session {
        session(&format!(r#"{{"sub":"7","sid":"s","role":"{role}","acr":"{acr}"}}"#))
    }

    #[test]
    fn administrators_with_a_second_factor_are_let_in() {
        let admitted = |session: &Session| admit(session, SecondFactor::Required);
        assert_eq!(admitted(&of("admin", SECOND_LEVEL)), Admission::Admitted);
        assert_eq!(admitted(&of("admin", "urn:concierge:aal:1")), Admission::OneFactor);
        assert_eq!(admitted(&session(r#"{"sub":"7","sid":"s","role":"admin"}"#)), Admission::OneFactor);
        assert_eq!(admitted(&of("user", SECOND_LEVEL)), Admission::NotAdministrator);
        assert_eq!(admitted(&session(r#"{"sub":"7","sid":"s"}"#)), Admission::NotAdministrator);
    }

    #[test]
    fn where_it_is_optional_the_role_is_enough() {
        let admitted = |session: &Session| admit(session, SecondFactor::Optional);
        assert_eq!(admitted(&of("admin", "urn:concierge:aal:1")), Admission::Admitted);
        assert_eq!(admitted(&of("user", SECOND_LEVEL)), Admission::NotAdministrator);
        assert_eq!(SecondFactor::parse(" optional "), Some(SecondFactor::Optional));
        assert_eq!(SecondFactor::parse("required"), Some(SecondFactor::Required));
        assert!(SecondFactor::parse("").is_none() && SecondFactor::parse("off").is_none());
    }
}
