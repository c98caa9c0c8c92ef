//! The OpenAPI files, to which the services are held: whatever a test is about, each answer has to be one that they
//! describe ([`check`]), and what they describe has to be what some test was answered ([`answers`]).
//!
//! The files are read once. What is looked up in them is a [`Node`], which knows where it is: a schema is compiled where
//! it stands, with the references of its own file.

pub mod answers;
pub(crate) mod check;
mod example;
mod node;
mod operation;
mod schema;

pub use node::Node;
pub use operation::{GENERAL, Operation, Response, operations};

use crate::folder;
use serde_json::Value;
use std::sync::OnceLock;

/// A file, and whose it is.
#[derive(Debug)]
pub struct File {
    /// The service, after which the file is named.
    pub service: String,
    /// What is in it.
    pub document: Value,
}

/// The files in `openapi`, one for each service.
///
/// # Panics
/// If one cannot be read.
#[must_use]
pub fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let entries = std::fs::read_dir(folder::workspace().join("openapi")).expect("the OpenAPI files are there");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        paths.sort();
        paths.iter().map(|path| File::read(path)).collect()
    })
}

impl File {
    fn read(path: &std::path::Path) -> Self {
        let text = std::fs::read_to_string(path).expect("an OpenAPI file can be read");
        // As YAML 1.2 has it, where `n` is a letter.
        let options = serde_saphyr::options! { strict_booleans: true };
        let document = serde_saphyr::from_str_with_options(&text, options)
            .unwrap_or_else(|error| panic!("{} is no YAML: {error}", path.display()));
        let service = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        Self { service, document }
    }

    /// The whole file.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node::root(self)
    }
}
