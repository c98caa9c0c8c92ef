//! The texts of the pages, a file for each language: lines of `key = text`, in which `{brand}` and other names in braces are
//! filled in.

use identity::Locale;
use texts::{Language, choose, texts};

pub use texts::fill;

include!("texts_keys.rs");

/// The languages, by the tag under which messages have them too.
const LANGUAGES: &[Language] = &[
    ("en", "English", include_str!("../../texts/en.txt")),
    ("it", "Italiano", include_str!("../../texts/it.txt")),
    ("de", "Deutsch", include_str!("../../texts/de.txt")),
    ("es", "Español", include_str!("../../texts/es.txt")),
    ("fr", "Français", include_str!("../../texts/fr.txt")),
];

/// The languages as people choose them: tag and own name.
pub fn languages() -> impl Iterator<Item = (&'static str, &'static str)> {
    LANGUAGES.iter().map(|(tag, name, _)| (*tag, *name))
}

impl Texts {
    /// The texts for somebody: in the language that they have chosen, else in that of their browser, else in the operator's. English if
    /// there are none in any of them.
    #[must_use]
    pub fn of(chosen: Option<&str>, accept_language: Option<&str>, default: &str) -> Self {
        let chosen = chosen.and_then(|tag| Locale::parse(tag).ok());
        let browser = accept_language.and_then(Locale::preferred);
        let default = Locale::parse(default).ok();
        Self::read(choose(LANGUAGES, &[chosen, browser, default]))
    }
}

/// Whether this is the tag of a language, even if there are no texts in it.
#[must_use]
pub fn is_language(tag: &str) -> bool {
    Locale::parse(tag).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_text_once_with_the_same_names() {
        assert_eq!(texts::faults(LANGUAGES, Texts::KEYS), Vec::<String>::new());
    }

    #[test]
    fn the_chosen_language_comes_before_that_of_the_browser_and_the_operators() {
        let of = |chosen, browser, default| Texts::of(chosen, browser, default).language;
        assert_eq!(of(Some("de-AT"), Some("it"), "fr"), "de");
        assert_eq!(of(Some("ja"), Some("pt, it;q=0.5"), "fr"), "fr");
        assert_eq!(of(None, Some("es-MX, en;q=0.5"), "fr"), "es");
        assert_eq!(of(None, None, "fr"), "fr");
        assert_eq!(of(None, Some("not a tag !"), "xx"), "en");
        assert!(is_language("it-CH") && !is_language("English") && !is_language(""));
    }
}
