//! Why a message cannot be rendered.

/// Why a message cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The event's type does not belong in this queue.
    #[error("the event is of a type that this queue does not carry")]
    WrongEvent,
    /// The templates are at fault, which an operator can correct.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// What is wrong with the templates. It names files, sections and variables, and holds nothing that a message says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template {place}: {fault}")]
pub struct TemplateError {
    place: String,
    fault: String,
}

impl TemplateError {
    /// A fault of a file.
    pub(super) fn of_file(file: &str, fault: impl Into<String>) -> Self {
        Self { place: file.to_owned(), fault: fault.into() }
    }

    /// A fault of a section of a file.
    pub(super) fn of_section(file: &str, section: &str, fault: impl Into<String>) -> Self {
        Self { place: format!("{file} [{section}]"), fault: fault.into() }
    }

    /// What the engine found, with the line of the template, as one line.
    pub(super) fn of_engine(file: &str, section: &str, error: &upon::Error) -> Self {
        let shown = format!("{error:#}").replace("<anonymous>", file);
        Self::of_section(file, section, shown.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}
