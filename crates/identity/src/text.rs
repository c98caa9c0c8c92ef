//! Unicode: normal forms for comparison, and which characters are visible.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_normalizer::uts46::Uts46MapperBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointMapDataBorrowed, CodePointSetData};
use std::borrow::Cow;

const CATEGORIES: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::<GeneralCategory>::new();

/// The composed form, NFC (UAX 15): an accented letter is the same however it was typed.
pub(crate) fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { ComposingNormalizerBorrowed::new_nfc().normalize(text) }
}

/// Without regard to case and to compatible forms: the mapping of UTS 46. Fullwidth digits and no-break spaces become plain
/// ones; U+FFFD is in the place of what has none in a name of a mailbox or of a host.
pub(crate) fn plain(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    Uts46MapperBorrowed::new().map_normalize(text.chars()).collect()
}

/// What a name of a mailbox is compared by: its plain form, with one small sigma in place of two. `None` if a character has
/// no place in such a name.
pub(crate) fn folded(text: &str) -> Option<String> {
    let folded = plain(text).replace('ς', "σ");
    (!folded.contains('\u{fffd}')).then_some(folded)
}

/// Whether a reader sees something: letters, digits, punctuation and symbols, but for those that are blank.
pub(crate) fn is_visible(c: char) -> bool {
    use GeneralCategory as Is;
    let is_blank = is_ignorable(c) || c == '\u{2800}';
    let is_other = matches!(
        CATEGORIES.get(c),
        Is::Control
            | Is::Format
            | Is::Surrogate
            | Is::PrivateUse
            | Is::Unassigned
            | Is::SpaceSeparator
            | Is::LineSeparator
            | Is::ParagraphSeparator
            | Is::NonspacingMark
            | Is::SpacingMark
            | Is::EnclosingMark
    );
    !is_blank && !is_other
}

/// Whether a character is shown as nothing where it is not known (Default_Ignorable_Code_Point).
pub(crate) fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a character ends a line or tells how others are shown: controls, bidirectional marks, separators of lines and
/// paragraphs. Those that join letters, as Persian and Indic scripts need, are not among them.
pub(crate) fn is_control(c: char) -> bool {
    use GeneralCategory as Is;
    let joins = matches!(c, '\u{200c}' | '\u{200d}');
    let controls = matches!(
        CATEGORIES.get(c),
        Is::Control | Is::Format | Is::Surrogate | Is::LineSeparator | Is::ParagraphSeparator
    );
    controls && !joins
}

/// Whether a character is unassigned or for private use.
pub(crate) fn is_unassigned(c: char) -> bool {
    matches!(CATEGORIES.get(c), GeneralCategory::Unassigned | GeneralCategory::PrivateUse)
}

/// Whether a character is a dash or a space of some kind, or the minus sign.
pub(crate) fn is_dash_or_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{2212}' || CATEGORIES.get(c) == GeneralCategory::DashPunctuation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accent_is_the_same_however_it_was_typed() {
        assert_eq!(composed("e\u{301}"), "é");
        assert_eq!(composed("\u{212a}"), "K", "the Kelvin sign is the letter");
        assert_eq!(composed("ｔ"), "ｔ", "a fullwidth letter is another character");
        assert_eq!(plain("\u{ff0b}\u{ff13}\u{a0}"), "+3 ");
    }

    #[test]
    fn folding_drops_case_and_compatible_forms_and_refuses_what_has_no_place() {
        assert_eq!(folded("Ada+News_1!").as_deref(), Some("ada+news_1!"));
        assert_eq!(folded("ＴÖ").as_deref(), Some("tö"));
        assert_eq!(folded("ΟΔΟΣ"), folded("οδος"));
        assert_eq!(folded("οδοσ"), folded("οδος"));
        assert_eq!(folded("𝒶𝓓𝓪").as_deref(), Some("ada"));
        assert_ne!(folded("а"), folded("a"), "a Cyrillic letter is another letter");
        assert_eq!(folded("a\u{e000}"), None);
    }

    #[test]
    fn what_is_blank_is_not_visible() {
        for c in ['a', '李', 'म', '7', '-', '😀'] {
            assert!(is_visible(c), "{c}");
        }
        for c in [' ', '\u{a0}', '\u{200b}', '\u{feff}', '\u{3164}', '\u{2800}', '\u{301}', '\u{ad}', '\u{202e}', '\0']
        {
            assert!(!is_visible(c), "{c:?}");
        }
    }

    #[test]
    fn what_steers_a_text_is_a_control_and_what_joins_letters_is_not() {
        for c in ['\0', '\n', '\u{85}', '\u{2028}', '\u{2029}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{200e}'] {
            assert!(is_control(c), "{c:?}");
        }
        for c in ['a', ' ', '\u{200c}', '\u{200d}', '\u{301}'] {
            assert!(!is_control(c), "{c:?}");
        }
    }
}
