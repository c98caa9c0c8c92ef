//! Which compiler this is: its release number, and its whole self-description.

use anyhow::{Context as _, Result};

use super::Compiler;
use crate::program;

/// The compiler's release.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    /// `1.95.0`.
    pub(crate) number: String,
    /// All that `rustc -vV` says, commit included.
    pub(crate) description: String,
}

impl Release {
    /// The release of a compiler.
    pub(crate) fn of(compiler: &Compiler) -> Result<Self> {
        let mut command = compiler.command();
        command.arg("-vV");
        let description = program::output(command).context("Rust is missing: install it as rust-lang.org says")?;
        let number = line(&description, "release: ")?;
        Ok(Self { number, description })
    }

    /// The machine that it runs on, such as `x86_64-unknown-linux-gnu`.
    pub(super) fn host(&self) -> Result<String> {
        line(&self.description, "host: ")
    }

    /// Whether it is at least this one, written like `1.95`.
    pub(crate) fn is_at_least(&self, other: &str) -> bool {
        let parts =
            |number: &str| -> Vec<u32> { number.split(['.', '-']).map_while(|part| part.parse().ok()).collect() };
        parts(&self.number) >= parts(other)
    }
}

fn line(description: &str, name: &str) -> Result<String> {
    let value = description.lines().find_map(|line| line.strip_prefix(name));
    Ok(value.with_context(|| format!("rustc does not say its {name}"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_number() {
        let release = |number: &str| Release { number: number.into(), description: String::new() };
        assert!(release("1.95.0").is_at_least("1.95"));
        assert!(release("1.100.0").is_at_least("1.95"));
        assert!(release("2.0.0-nightly").is_at_least("1.95"));
        assert!(!release("1.94.1").is_at_least("1.95"));
    }
}
