//! What is said about a TOML file that cannot be read: where and why, but not the line itself, which may hold a secret.

/// The error in one line.
pub(crate) fn describe(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().trim_end().replace('\n', " ");
    match error.span() {
        Some(span) => {
            let before = text.as_bytes().get(..span.start).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            format!("line {line}: {message}")
        }
        None => message,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_error_has_its_line_but_not_what_is_in_it() {
        let text = "a = 1\npassword = \"hunter2";
        let error = toml::from_str::<toml::Table>(text).unwrap_err();
        let said = super::describe(text, &error);
        assert!(said.starts_with("line 2: ") && !said.contains("hunter2"), "{said}");
    }
}
