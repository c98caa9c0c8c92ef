//! A JSON value as YAML, the same text for the same value.

use serde_json::Value;
use std::fmt::Write as _;

/// Members in the order in which a reader wants them. Others come after them, in the order of the alphabet.
const ORDER: &[&str] = &[
    "openapi",
    "info",
    "servers",
    "tags",
    "x-general-responses",
    "paths",
    "components",
    "title",
    "version",
    "name",
    "in",
    "operationId",
    "summary",
    "$ref",
    "type",
    "format",
    "description",
    "required",
    "additionalProperties",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "security",
    "parameters",
    "requestBody",
    "responses",
    "headers",
    "content",
    "links",
    "schema",
    "example",
    "examples",
    "value",
    "id",
    "surname",
    "email",
    "password",
    "phone",
    "role",
    "status",
    "detail",
    "instance",
    "errors",
    "pointer",
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "securitySchemes",
    "schemas",
    "properties",
];
/// How long a line is at most, if it can be broken.
const WIDTH: usize = 120;

/// Writes a value. Members of these names, which are none of those that OpenAPI has, come in this order.
pub(super) fn write(value: &Value, names: &[&str]) -> String {
    let order = [ORDER, names].concat();
    let mut text = String::from("# Written by `cargo xtask openapi` from the operations in api/; not to be edited.\n");
    if let Value::Object(_) = value {
        write_block(&mut text, value, 0, &order);
    }
    text
}

/// Writes a value whose line has begun with a key or a dash.
fn write_after(text: &mut String, value: &Value, indent: usize, order: &[&str]) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('\n');
            write_block(text, value, indent, order);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            write_block(text, value, indent, order);
        }
        Value::String(words) if (words.contains('\n') || words.len() + indent > WIDTH) && is_prose(words) => {
            write_folded(text, words, indent);
        }
        other => {
            let _ = writeln!(text, " {}", scalar(other));
        }
    }
}

fn write_block(text: &mut String, value: &Value, indent: usize, order: &[&str]) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| {
                (order.iter().position(|known| known == name).unwrap_or(order.len()), (*name).clone())
            });
            for (name, member) in members {
                let _ = write!(text, "{:indent$}{}:", "", scalar(&Value::from(name.as_str())));
                write_after(text, member, indent + 2, order);
            }
        }
        Value::Array(items) => {
            for item in items {
                match item {
                    // The first member stands behind the dash.
                    Value::Object(members) if !members.is_empty() => {
                        let mut inner = String::new();
                        write_block(&mut inner, item, indent + 2, order);
                        let _ = write!(text, "{:indent$}- {}", "", inner.trim_start());
                    }
                    other => {
                        let _ = write!(text, "{:indent$}-", "");
                        write_after(text, other, indent + 2, order);
                    }
                }
            }
        }
        _ => {}
    }
}

/// Words in several lines, which are one for whoever reads the file by a parser. Between paragraphs are two empty lines, which
/// stand for one.
fn write_folded(text: &mut String, words: &str, indent: usize) {
    text.push_str(" >-\n");
    for (number, paragraph) in words.split("\n\n").enumerate() {
        if number > 0 {
            text.push_str("\n\n");
        }
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && indent + line.len() + 1 + word.len() > WIDTH {
                let _ = writeln!(text, "{:indent$}{line}", "");
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        let _ = writeln!(text, "{:indent$}{line}", "");
    }
}

/// A value in one line. A text that could be taken for something else is quoted as JSON does it, which YAML reads as well.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a text can be broken at its spaces: words in paragraphs, and not lines.
fn is_prose(text: &str) -> bool {
    let is_paragraph = |part: &str| !part.is_empty() && !part.contains('\n');
    text.split("\n\n").all(is_paragraph)
        && text.contains(' ')
        && !text.contains("  ")
        && !text.starts_with(' ')
        && !text.ends_with(' ')
}

fn is_plain(text: &str) -> bool {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || " _-./$".contains(letter);
    let is_other =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '$')
        && text.chars().all(is_word)
        && !text.ends_with(' ')
        && !is_other
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_is_plain_or_quoted_and_a_long_one_is_folded() {
        let long = "word ".repeat(40).trim_end().to_owned();
        assert_eq!(write(&json!({"lines": "# one\ntwo 2\n"}), &[]).trim_end(), "lines: \"# one\\ntwo 2\\n\"");
        let value = json!({"b": [{"x": "on", "name": "7"}, []], "a": format!("{long}\n\n{long}"), "openapi": "3.1.0"});
        let text = write(&value, &["b"]);
        assert!(
            text.contains("\nopenapi: \"3.1.0\"\nb:\n  - name: \"7\"\n    x: \"on\"\n  - []\na: >-\n  word word"),
            "{text}"
        );
        assert!(text.contains("word\n\n\n  word"), "{text}");
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
    }
}
