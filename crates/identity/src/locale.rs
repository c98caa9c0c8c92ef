//! Languages of people: tags of BCP 47.

use std::cmp::Reverse;

/// The longest tag, in characters (RFC 5646, section 4.4.1).
const MAX_CHARACTERS: usize = 35;
/// How many ranges of an `accept-language` are looked at.
const MAX_RANGES: usize = 20;

/// A language tag such as `de` or `pt-BR`: a language of two or three letters, then subtags of one to eight letters or
/// digits. Language subtags are lower case, scripts `Hant`, regions `BR`. Whether it is registered is not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locale(String);

impl Locale {
    /// Parses a tag, whatever its case.
    ///
    /// # Errors
    /// If it is not of this form.
    pub fn parse(text: &str) -> Result<Self, LocaleError> {
        let is_subtag =
            |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let language = text.split('-').next().unwrap_or_default();
        let is_language = (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphabetic());
        if text.len() > MAX_CHARACTERS || !is_language || !text.split('-').all(is_subtag) {
            return Err(LocaleError);
        }
        Ok(Self(text.split('-').enumerate().map(|(place, part)| subtag(place, part)).collect::<Vec<_>>().join("-")))
    }

    /// The language that a browser prefers, by its `accept-language` (RFC 9110, section 12.5.4); none if it names none.
    #[must_use]
    pub fn preferred(accept_language: &str) -> Option<Self> {
        let ranges = accept_language.split(',').take(MAX_RANGES).filter_map(|range| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let locale = Locale::parse(tag.trim()).ok()?;
            Some((weight(parameters)?, locale))
        });
        // Of equals the first: the sort is stable.
        let mut ranges: Vec<_> = ranges.filter(|(weight, _)| *weight > 0).collect();
        ranges.sort_by_key(|(weight, _)| Reverse(*weight));
        ranges.into_iter().next().map(|(_, locale)| locale)
    }

    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag, then what is left of it with one subtag less each time (RFC 4647, section 3.4): `pt-BR`, `pt`.
    pub fn lookup(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.0.as_str()), |tag| tag.rsplit_once('-').map(|(shorter, _)| shorter))
    }
}

/// A subtag in its usual case.
fn subtag(place: usize, part: &str) -> String {
    let is_letters = part.bytes().all(|byte| byte.is_ascii_alphabetic());
    match part.len() {
        2 if place > 0 && is_letters => part.to_ascii_uppercase(),
        4 if place > 0 && is_letters => format!("{}{}", part[..1].to_ascii_uppercase(), part[1..].to_ascii_lowercase()),
        _ => part.to_ascii_lowercase(),
    }
}

/// The weight of a range, in thousandths; none if it cannot be read.
fn weight(parameters: &str) -> Option<u32> {
    let Some((name, value)) = parameters.split_once('=') else {
        return parameters.trim().is_empty().then_some(1000);
    };
    let value: f32 = value.trim().parse().ok()?;
    let is_weight = name.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&value);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000")]
    is_weight.then_some((value * 1000.0) as u32)
}

/// Why a text is not a [`Locale`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("This is not a language tag, such as en or pt-BR.")]
pub struct LocaleError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_written_in_its_usual_case() {
        for (given, expected) in
            [("EN", "en"), ("de-at", "de-AT"), ("ZH-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"), ("gsw", "gsw")]
        {
            assert_eq!(Locale::parse(given).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        let long = format!("en{}", "-abcdefgh".repeat(4));
        for text in
            ["", " en", "e", "engl", "1e", "*", "en_GB", "en-", "-en", "en--GB", "en-abcdefghi", "../en", "é1", &long]
        {
            assert_eq!(Locale::parse(text), Err(LocaleError), "{text}");
        }
    }

    #[test]
    fn the_preferred_language_is_that_of_the_greatest_weight() {
        let preferred = |header| Locale::preferred(header).map(|locale| locale.as_str().to_owned());
        assert_eq!(preferred("it-IT, it;q=0.9, en;q=0.8").as_deref(), Some("it-IT"));
        assert_eq!(preferred("en;q=0.1,fr;q=0.75 , de ; q=0.7").as_deref(), Some("fr"));
        assert_eq!(preferred("*, es;q=0.5").as_deref(), Some("es"));
        assert_eq!(preferred("fr;q=0, x;q=2, de;level=1, en;q=none"), None);
        assert_eq!((preferred(""), preferred("*"), preferred(";;,,=")), (None, None, None));
    }

    #[test]
    fn a_tag_is_looked_up_from_the_special_to_the_general() {
        let locale = Locale::parse("zh-Hant-TW").unwrap();
        assert_eq!(locale.lookup().collect::<Vec<_>>(), ["zh-Hant-TW", "zh-Hant", "zh"]);
    }
}
