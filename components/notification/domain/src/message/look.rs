//! The look of a mail: its text in paragraphs, for the layout that makes HTML of them.

use upon::Value;

/// The paragraphs of a text as the layout gets them: each has its `lines`, and is a `link`, a `code` or neither. Only a
/// paragraph that is the link itself is one: nothing that somebody wrote becomes a link.
pub(super) fn paragraphs(text: &str, link: Option<&str>, code: Option<&str>) -> Vec<Value> {
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    paragraphs
        .map(|paragraph| {
            let lines: Vec<Value> = paragraph.lines().map(Value::from).collect();
            Value::from([
                ("lines", Value::List(lines)),
                ("is_link", Value::from(Some(paragraph) == link)),
                ("is_code", Value::from(Some(paragraph) == code)),
            ])
        })
        .collect()
}
