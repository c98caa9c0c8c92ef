//! Text with `{{ name }}` places, as it may stand in component variables, allowed hosts and triggers.

use thiserror::Error;

/// Why a template could not be read or filled in.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum TemplateError {
    /// `{{` without `}}`.
    #[error("`{{{{` without its `}}}}`")]
    Unclosed,
    /// Between the braces stands something that is no variable's name.
    #[error(
        "`{0}` is not a variable's name: use lower-case words that start with a letter, with an underscore between two"
    )]
    InvalidName(String),
}

/// A template, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(String),
}

impl Template {
    /// Takes a text apart.
    ///
    /// # Errors
    /// When a pair of braces is left open or holds something other than a name.
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                parts.push(Part::Literal(before.to_owned()));
            }
            let (name, after) = after.split_once("}}").ok_or(TemplateError::Unclosed)?;
            let name = name.trim();
            if !is_variable_name(name) {
                return Err(TemplateError::InvalidName(name.to_owned()));
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// Fills in the variables.
    ///
    /// # Errors
    /// The first error of `resolve`.
    pub(crate) fn render<E>(&self, mut resolve: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Variable(name) => text.push_str(&resolve(name)?),
            }
        }
        Ok(text)
    }
}

/// Whether a text can be the name of a variable: words of lower-case letters and digits, each of which starts with a letter,
/// with an underscore between two.
#[must_use]
pub(crate) fn is_variable_name(name: &str) -> bool {
    name.split('_').all(|word| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str) -> Result<String, TemplateError> {
        Template::parse(text)?.render(|name| match name {
            "host" => Ok("db:5432".to_owned()),
            "empty" => Ok(String::new()),
            other => Err(TemplateError::InvalidName(other.to_owned())),
        })
    }

    #[test]
    fn literals_and_variables_are_joined() {
        assert_eq!(render("postgres://{{ host }}/{{empty}}x").as_deref(), Ok("postgres://db:5432/x"));
        assert_eq!(render("").as_deref(), Ok(""));
        assert_eq!(render("no braces } {").as_deref(), Ok("no braces } {"));
    }

    #[test]
    fn a_brace_left_open_is_an_error() {
        assert_eq!(render("a {{ host"), Err(TemplateError::Unclosed));
    }

    #[test]
    fn a_bad_name_is_an_error() {
        for name in ["Host", "a b", "", "1a", "a__b", "a_", "_a", "a_1", "a-b"] {
            assert_eq!(render(&format!("{{{{{name}}}}}")), Err(TemplateError::InvalidName(name.to_owned())));
        }
    }

    #[test]
    fn an_unknown_variable_is_an_error() {
        assert_eq!(render("{{ nope }}"), Err(TemplateError::InvalidName("nope".to_owned())));
    }
}
