//! Texts of pages in several languages: a file for each, with lines of `key = text`, in which names in braces are filled in.

use identity::Locale;

/// A language: its tag, under which messages have it too, its own name, and its file.
pub type Language = (&'static str, &'static str, &'static str);

/// Makes the type with the texts of one language, which has a field for each key, in the order of the files.
#[macro_export]
macro_rules! texts {
    ($($key:ident)*) => {
        /// The texts in one language. The English file shows what each of them says.
        #[derive(Clone, Debug, Default)]
        pub struct Texts {
            /// The tag of the language.
            pub language: &'static str,
            $(#[doc = concat!("`", stringify!($key), "`")] pub $key: &'static str,)*
        }

        impl Texts {
            /// The keys of all files.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($key),)*];

            /// The texts of a language.
            fn read((language, _, file): &$crate::Language) -> Self {
                let mut texts = Self { language, ..Self::default() };
                $crate::lines(file).for_each(|(key, text)| texts.set(key, text));
                texts
            }

            fn set(&mut self, key: &str, text: &'static str) {
                match key {
                    $(stringify!($key) => self.$key = text,)*
                    _ => {}
                }
            }
        }
    };
}

/// The first of these languages that somebody wants; the first there is, if they want none of them.
#[must_use]
pub fn choose(languages: &'static [Language], wanted: &[Option<Locale>]) -> &'static Language {
    let find = |tag: &str| languages.iter().find(|(known, ..)| *known == tag);
    wanted.iter().flatten().find_map(|locale| locale.lookup().find_map(find)).unwrap_or(&languages[0])
}

/// The lines of a file.
pub fn lines(file: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    file.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "))
}

/// Fills names in braces in.
#[must_use]
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// What is wrong with the files: a key missing, twice or in another order than these, another name in braces than in the first file, an
/// empty text, a line that is none. For tests.
#[must_use]
pub fn faults(languages: &[Language], keys: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let originals: Vec<_> = languages.first().into_iter().flat_map(|(_, _, file)| lines(file)).collect();
    for (tag, _, file) in languages {
        let found: Vec<_> = lines(file).map(|(key, _)| key).collect();
        if found != keys {
            faults.push(format!("{tag}: the keys are not those, or in another order"));
        }
        for ((key, text), (_, original)) in lines(file).zip(&originals) {
            if text.trim().is_empty() || names(text) != names(original) {
                faults.push(format!("{tag}: {key}"));
            }
        }
        let is_odd = |line: &&str| !line.is_empty() && !line.starts_with('#') && !line.contains(" = ");
        faults.extend(file.lines().filter(is_odd).map(|line| format!("{tag}: {line}")));
    }
    faults
}

/// The names in braces of a text.
fn names(text: &str) -> Vec<&str> {
    let parts = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let mut names: Vec<_> = parts.map(|(name, _)| name).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(unreachable_pub, reason = "elsewhere it is what a crate shows")]
    mod made {
        texts! { hello bye }

        pub(super) fn read(language: &crate::Language) -> Texts {
            Texts::read(language)
        }
    }
    use made::Texts;

    const LANGUAGES: &[Language] = &[
        ("en", "English", "# Ours.\n\nhello = Hello, {name}\nbye = Bye\n"),
        ("it", "Italiano", "hello = Ciao, {name}\nbye = Addio\n"),
    ];

    #[test]
    fn somebody_gets_the_language_that_they_want_most_of_those_there_are() {
        let of = |wanted: &[&str]| {
            let wanted: Vec<_> = wanted.iter().map(|tag| Locale::parse(tag).ok()).collect();
            let texts = made::read(choose(LANGUAGES, &wanted));
            assert!(LANGUAGES.iter().any(|(tag, ..)| *tag == texts.language));
            texts.hello
        };
        assert_eq!(
            (of(&["ja", "it-CH"]), of(&["it", "en"]), of(&[])),
            ("Ciao, {name}", "Ciao, {name}", "Hello, {name}")
        );
        assert_eq!(fill(of(&["it"]), &[("name", "{x}")]), "Ciao, {x}");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_found() {
        assert!(faults(LANGUAGES, Texts::KEYS).is_empty());
        for odd in [
            "hello = Ciao, {nome}\nbye = Addio",
            "bye = Addio\nhello = Ciao, {name}",
            "hello = Ciao, {name}",
            "hello = Ciao, {name}\nbye = x\nodd",
        ] {
            let languages = [LANGUAGES[0], ("it", "Italiano", odd)];
            assert!(!faults(&languages, Texts::KEYS).is_empty(), "{odd}");
        }
    }
}
