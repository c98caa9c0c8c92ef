//! The texts of the pages, a file for each language.

use identity::Locale;
use problem::Kind;
use texts::{Language, choose, texts};

texts! {
    sign_in_to wants place email password sign_in code confirm cancel scope_openid scope_profile
    scope_email scope_phone scope_offline_access scope_other fault_credentials fault_attempts
    fault_locked fault_suspended fault_reset fault_unverified fault_factor fault_code fault_other
    not_here unknown_client unknown_address other_page signed_out_title signed_out not_out_title
    not_out
}

/// The languages, by the tag under which messages have them too.
const LANGUAGES: &[Language] = &[
    ("en", "English", include_str!("../../../texts/en.txt")),
    ("it", "Italiano", include_str!("../../../texts/it.txt")),
    ("de", "Deutsch", include_str!("../../../texts/de.txt")),
    ("es", "Español", include_str!("../../../texts/es.txt")),
    ("fr", "Français", include_str!("../../../texts/fr.txt")),
];
/// How many languages of an application are looked at.
const MAX_WANTED: usize = 8;

impl Texts {
    /// The texts for somebody: in the first language that the application wants them in (`ui_locales`) and that there is, else in that of
    /// their browser, else in English. `encoded` is a query or a form.
    #[must_use]
    pub fn of(encoded: &[u8], accept_language: Option<&str>) -> Self {
        let asked = url::form_urlencoded::parse(encoded).find(|(name, _)| name == "ui_locales");
        let asked = asked.map(|(_, tags)| tags.into_owned()).unwrap_or_default();
        let mut wanted: Vec<_> = asked.split(' ').take(MAX_WANTED).map(|tag| Locale::parse(tag).ok()).collect();
        wanted.push(accept_language.and_then(Locale::preferred));
        Self::read(choose(LANGUAGES, &wanted))
    }

    /// What a person reads who was not let in.
    #[must_use]
    pub fn refusal(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::InvalidCredentials => self.fault_credentials,
            Kind::TooManyAttempts => self.fault_attempts,
            Kind::AccountLocked => self.fault_locked,
            Kind::AccountSuspended => self.fault_suspended,
            Kind::PasswordResetRequired => self.fault_reset,
            Kind::EmailNotVerified => self.fault_unverified,
            Kind::MfaEnrolmentRequired => self.fault_factor,
            Kind::InvalidCode => self.fault_code,
            _ => self.fault_other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_text_once_with_the_same_names() {
        assert_eq!(texts::faults(LANGUAGES, Texts::KEYS), Vec::<String>::new());
    }

    #[test]
    fn the_application_says_the_language_and_then_the_browser() {
        let of = |query: &str, browser| Texts::of(query.as_bytes(), browser).language;
        assert_eq!(of("ui_locales=ja+de-AT+it&x=y", Some("fr")), "de");
        assert_eq!(of("ui_locales=ja+%21", Some("fr-CA, en;q=0.5")), "fr");
        assert_eq!((of("", Some("es")), of("ui_locales=", None), of("x=it", Some("xx"))), ("es", "en", "en"));
    }
}
