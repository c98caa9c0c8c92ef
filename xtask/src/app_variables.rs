//! The variables of `spin.toml` for a local run, and `.concierge/dev.env`, which gives them to a shell.
//!
//! A `SPIN_VARIABLE_*` that is set in the environment wins. But a shell that has read `dev.env` has all of ours set, from a
//! run that may be over: those do not count. So the file keeps given values apart from generated ones.

use std::path::Path;

use anyhow::Result;
use dev_servers::secret;

/// Begins the part of the file that was given to us.
const GIVEN: &str = "# Given in the environment of `cargo xtask up`:";
/// What Spin and Spindle take variables from.
const PREFIX: &str = "SPIN_VARIABLE_";

/// Variables of the environment that are not our own of an earlier run.
pub(crate) struct Given {
    ours: Vec<(String, String)>,
}

impl Given {
    pub(crate) fn read(state: &Path) -> Self {
        let text = std::fs::read_to_string(state.join("dev.env")).unwrap_or_default();
        Self { ours: parse(text.split(GIVEN).next().unwrap_or_default()) }
    }

    /// The value of an environment variable, if someone else than us has set it.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
        let ours = self.ours.iter().any(|(our_name, our_value)| our_name == name && *our_value == value);
        (!ours).then_some(value)
    }
}

/// The variables of a run: what we made, as far as nothing else was given, and what was given.
#[derive(Default)]
pub(crate) struct Variables {
    made: Vec<(String, String)>,
    given: Vec<(String, String)>,
}

impl Variables {
    /// Sets the variable `name` of `spin.toml`, unless another value was given for it.
    pub(crate) fn set(&mut self, given: &Given, name: &str, value: &str) {
        let variable = format!("{PREFIX}{}", name.to_uppercase());
        match given.get(&variable) {
            Some(other) => self.given.push((variable, other)),
            None => self.made.push((variable, value.to_owned())),
        }
    }

    /// Takes over the given variables that nobody has set.
    pub(crate) fn take_over_the_rest(&mut self, given: &Given) {
        for (variable, _) in std::env::vars() {
            let known = self.made.iter().chain(&self.given).any(|(name, _)| *name == variable);
            if let (true, false, Some(value)) = (variable.starts_with(PREFIX), known, given.get(&variable)) {
                self.given.push((variable, value));
            }
        }
    }

    /// The value that a variable of `spin.toml` has.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let variable = format!("{PREFIX}{}", name.to_uppercase());
        self.made.iter().chain(&self.given).find(|(name, _)| *name == variable).map(|(_, value)| value.as_str())
    }

    /// Names as in `spin.toml`, with values.
    pub(crate) fn for_the_app(&self) -> Vec<(String, String)> {
        let name = |variable: &str| variable.trim_start_matches(PREFIX).to_lowercase();
        self.made.iter().chain(&self.given).map(|(variable, value)| (name(variable), value.clone())).collect()
    }

    /// Writes `dev.env`: these variables, and further ones.
    pub(crate) fn write(&self, state: &Path, further: &[(&str, &str)]) -> Result<()> {
        let mut text = String::from("# For a shell: set -a; . .concierge/dev.env; set +a\n");
        for (name, value) in further {
            text.push_str(&line(name, value));
        }
        for (name, value) in &self.made {
            text.push_str(&line(name, value));
        }
        text.push_str(&format!("{GIVEN}\n"));
        for (name, value) in &self.given {
            text.push_str(&line(name, value));
        }
        secret::write_private(&state.join("dev.env"), &text)?;
        Ok(())
    }
}

/// One of `dev.env`'s values.
pub(crate) fn from_dev_env(state: &Path, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(state.join("dev.env")).ok()?;
    parse(&text).into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
}

/// `NAME='value'`, as a shell reads it.
fn line(name: &str, value: &str) -> String {
    format!("{name}='{}'\n", value.replace('\'', r"'\''"))
}

fn parse(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter_map(|(name, value)| {
            let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
            Some((name.to_owned(), value.replace(r"'\''", "'")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_for_a_shell_can_be_read_back() {
        for value in ["plain", "with 'quotes' and $dollars", "a=b", ""] {
            assert_eq!(parse(&line("NAME", value)), [("NAME".to_owned(), value.to_owned())]);
        }
    }
}
