//! The file of a language: a section for each message.
//!
//! ```text
//! What stands before the first section is for its translators.
//!
//! [verification]
//! Subject: Confirm your email address
//! Action: Confirm
//!
//! Paragraphs with {{ variables }}, and an empty line between two of them.
//! ```

use super::TemplateError;

/// The section that says how a time is written, which is no message.
pub(super) const TIME: &str = "time";

/// A section: the template of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Section<'a> {
    pub(super) name: &'a str,
    pub(super) subject: &'a str,
    /// The line of the file in which the subject is.
    pub(super) subject_line: usize,
    /// What the link's button says, if there is a link.
    pub(super) action: Option<&'a str>,
    pub(super) body: &'a str,
    /// The line of the file in which the body begins.
    pub(super) body_line: usize,
}

/// The messages of a file.
pub(super) fn sections<'a>(file: &str, text: &'a str) -> Result<Vec<Section<'a>>, TemplateError> {
    starts(text).filter(|(name, _)| *name != TIME).map(|(name, rest)| section(file, text, name, rest)).collect()
}

/// What stands in the section of this name.
pub(super) fn text_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    starts(text).find(|(known, _)| *known == name).map(|(_, rest)| rest)
}

/// The section of this name.
pub(super) fn find<'a>(file: &str, text: &'a str, name: &str) -> Result<Section<'a>, TemplateError> {
    let found = starts(text).find(|(known, _)| *known == name);
    let (name, rest) = found.ok_or_else(|| TemplateError::of_section(file, name, "is missing"))?;
    section(file, text, name, rest)
}

/// The name of each section with its text.
fn starts(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = next_heading(text);
    std::iter::from_fn(move || {
        let (name, after) = rest?;
        rest = next_heading(after);
        let end = rest.map_or(after.len(), |(next, following)| after.len() - following.len() - next.len() - 2);
        // What is between two headings, without the line break before the second.
        Some((name, after.get(..end).unwrap_or(after)))
    })
}

/// The next heading, and the text after it, which begins with the line break.
fn next_heading(text: &str) -> Option<(&str, &str)> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        start += line.len();
        if let Some(name) = heading(bare) {
            let after = text.get(start - line.len() + name.len() + 2..)?;
            return Some((name, after));
        }
    }
    None
}

/// The name in a line such as `[sign_in]`.
fn heading(line: &str) -> Option<&str> {
    let name = line.strip_prefix('[')?.strip_suffix(']')?;
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')).then_some(name)
}

/// In which line of a text this part of it begins, counted from 1.
pub(super) fn line_of(text: &str, part: &str) -> usize {
    let before = text.get(..part.as_ptr().addr().wrapping_sub(text.as_ptr().addr()));
    before.map_or(1, |before| before.matches('\n').count() + 1)
}

/// Headers, an empty line, and the body.
fn section<'a>(file: &str, whole: &str, name: &'a str, text: &'a str) -> Result<Section<'a>, TemplateError> {
    let fault = |what: &str| TemplateError::of_section(file, name, what);
    let (mut subject, mut action) = (None, None);
    let mut rest = text.trim_start();
    loop {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = after;
        match line.trim().split_once(':') {
            Some(("Subject", value)) => subject = Some(value.trim()),
            Some(("Action", value)) => action = Some(value.trim()),
            None if line.trim().is_empty() => break,
            _ => return Err(fault("has a header other than Subject and Action, or no empty line after them")),
        }
    }
    let subject = subject.filter(|subject| !subject.is_empty()).ok_or_else(|| fault("has no Subject"))?;
    let body = rest.trim();
    if body.is_empty() {
        return Err(fault("has no text"));
    }
    let action = action.filter(|action| !action.is_empty());
    let (subject_line, body_line) = (line_of(whole, subject), line_of(whole, body));
    Ok(Section { name, subject, subject_line, action, body, body_line })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "For translators.\n\n[one]\nSubject: First: really\n\nHello,\n\n[not a heading] is text\n\n\n\
                        [two]\r\nSubject: Second\r\nAction: Go\r\n\r\nBye\r\n";

    #[test]
    fn a_file_is_its_sections() {
        let sections = sections("en.txt", TEXT).unwrap();
        let body = "Hello,\n\n[not a heading] is text";
        assert_eq!(
            sections[0],
            Section { name: "one", subject: "First: really", subject_line: 4, action: None, body, body_line: 6 }
        );
        assert_eq!(
            sections[1],
            Section {
                name: "two",
                subject: "Second",
                subject_line: 12,
                action: Some("Go"),
                body: "Bye",
                body_line: 15
            }
        );
        assert_eq!(sections.len(), 2);
        assert_eq!(find("en.txt", TEXT, "two"), Ok(sections[1]));
    }

    #[test]
    fn a_section_that_lacks_something_is_named() {
        for (text, fault) in [
            ("[one]\nSubject: x\n", "has no text"),
            ("[one]\nAction: Go\n\nText", "has no Subject"),
            ("[one]\nSubject:\n\nText", "has no Subject"),
            ("[one]\nSubject: x\nText without an empty line", "has a header other"),
            ("[one]\nSubject: x\nColour: red\n\nText", "has a header other"),
            ("[two]\nSubject: x\n\nText", "is missing"),
            ("", "is missing"),
        ] {
            let error = find("en.txt", text, "one").unwrap_err().to_string();
            assert!(error.starts_with("template en.txt [one]: ") && error.contains(fault), "{text:?}: {error}");
        }
    }
}
