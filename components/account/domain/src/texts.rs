//! The texts of the pages, a file for each language: lines of `key = text`, in which `{brand}` and other names in braces are
//! filled in.

use identity::Locale;

macro_rules! texts {
    ($($key:ident)*) => {
        /// The texts in one language.
        #[derive(Clone, Debug, Default)]
        #[expect(missing_docs, reason = "the English file shows what each of them says")]
        pub struct Texts {
            pub language: &'static str,
            $(pub $key: &'static str,)*
        }

        impl Texts {
            /// The keys of all files.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($key),)*];

            fn set(&mut self, key: &str, text: &'static str) {
                match key {
                    $(stringify!($key) => self.$key = text,)*
                    _ => {}
                }
            }
        }
    };
}

include!("texts_keys.rs");

/// The languages, by the tag under which messages have them too.
const LANGUAGES: &[(&str, &str, &str)] = &[
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
        let wanted = [chosen, browser, default];
        let found = wanted.iter().flatten().find_map(|locale| locale.lookup().find_map(find));
        let (language, _, file) = found.unwrap_or(&LANGUAGES[0]);
        read(language, file)
    }
}

/// Whether this is the tag of a language, even if there are no texts in it.
#[must_use]
pub fn is_language(tag: &str) -> bool {
    Locale::parse(tag).is_ok()
}

fn find(tag: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    LANGUAGES.iter().find(|(known, _, _)| *known == tag)
}

fn read(language: &'static str, file: &'static str) -> Texts {
    let mut texts = Texts { language, ..Texts::default() };
    lines(file).for_each(|(key, text)| texts.set(key, text));
    texts
}

fn lines(file: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    file.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "))
}

/// Fills names in braces in.
#[must_use]
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in braces of a text.
    fn names(text: &str) -> Vec<&str> {
        let mut names: Vec<_> =
            text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn every_language_has_every_text_once_with_the_same_names() {
        let english: Vec<_> = lines(LANGUAGES[0].2).collect();
        for (tag, _, file) in LANGUAGES {
            let keys: Vec<_> = lines(file).map(|(key, _)| key).collect();
            assert_eq!(keys, Texts::KEYS, "{tag}");
            for ((key, text), (_, original)) in lines(file).zip(&english) {
                assert!(!text.trim().is_empty(), "{tag}: {key} is empty");
                assert_eq!(names(text), names(original), "{tag}: {key}");
            }
            let odd: Vec<_> = file.lines().filter(|line| !line.starts_with('#') && !line.contains(" = ")).collect();
            assert!(odd.iter().all(|line| line.is_empty()), "{tag}: {odd:?}");
        }
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

    #[test]
    fn names_in_braces_are_filled_in() {
        assert_eq!(fill("{a} and {b}", &[("a", "1"), ("b", "{a}")]), "1 and {a}");
    }
}
