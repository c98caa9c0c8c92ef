//! The template engine: once for text, and once for HTML, where each value is escaped. A variable that is not there is an
//! error in both.

use std::fmt::Write as _;
use upon::fmt::{self, Formatter};
use upon::{Engine, Error, Value};

/// What a template is rendered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Html,
}

pub(super) struct Engines {
    text: Engine<'static>,
    html: Engine<'static>,
}

impl Engines {
    pub(super) fn new() -> Self {
        let mut html = Engine::new();
        html.set_default_formatter(&escape);
        Self { text: Engine::new(), html }
    }

    /// Renders a part of a file that begins in this line, counted from 1. An error names the line of the file.
    pub(super) fn render_part(
        &self,
        format: Format,
        source: &str,
        line: usize,
        values: &Value,
    ) -> Result<String, Error> {
        let rendered = self.render(format, source, values);
        rendered.or_else(|_| self.render(format, &format!("{}{source}", "\n".repeat(line.saturating_sub(1))), values))
    }

    pub(super) fn render(&self, format: Format, source: &str, values: &Value) -> Result<String, Error> {
        let engine = match format {
            Format::Text => &self.text,
            Format::Html => &self.html,
        };
        engine.compile(source)?.render_from(engine, values).to_string()
    }
}

/// Writes a value so that it is text in HTML, also within the quotes of an attribute.
fn escape(out: &mut Formatter<'_>, value: &Value) -> fmt::Result {
    let Value::String(text) = value else { return fmt::default(out, value) };
    for letter in text.chars() {
        match letter {
            '&' => out.write_str("&amp;")?,
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            '"' => out.write_str("&quot;")?,
            '\'' => out.write_str("&#39;")?,
            letter => out.write_char(letter)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_in_html_alone_and_what_is_unknown_is_an_error() {
        let values = Value::from([("name", "<a href=\"x\">&'")]);
        let render = |format, source| Engines::new().render(format, source, &values);
        assert_eq!(render(Format::Text, "<b>{{ name }}").unwrap(), "<b><a href=\"x\">&'");
        assert_eq!(render(Format::Html, "<b>{{ name }}").unwrap(), "<b>&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
        for source in ["{{ nane }}", "{% if nane %}{% endif %}", "{{ name.first }}", "{{ name", "{{ name | safe }}"] {
            assert!(render(Format::Text, source).is_err() && render(Format::Html, source).is_err(), "{source}");
        }
    }
}
