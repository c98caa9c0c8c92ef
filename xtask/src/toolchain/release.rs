//! Which compiler this is: its release number, and its whole self-description.

use anyhow::{Context as _, Result};

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
    pub(crate) fn of_compiler() -> Result<Self> {
        let mut command = program::rustc();
        command.arg("-vV");
        let description = program::output(command).context("Rust is missing: install it as rust-lang.org says")?;
        let number = description
            .lines()
            .find_map(|line| line.strip_prefix("release: "))
            .context("rustc does not say which release it is")?
            .to_owned();
        Ok(Self { number, description })
    }

    /// Whether it is at least this one, written like `1.95`.
    pub(crate) fn is_at_least(&self, other: &str) -> bool {
        let parts =
            |number: &str| -> Vec<u32> { number.split(['.', '-']).map_while(|part| part.parse().ok()).collect() };
        parts(&self.number) >= parts(other)
    }
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
