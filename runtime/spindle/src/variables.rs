//! Where the values of variables come from.
//!
//! Everything that a variable can come from is there at start, so each component's variables are resolved once, and
//! a variable without a value stops the start instead of a request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::locked::LockedVariable;
use crate::runtime_config::VariablesProvider;
use crate::template::{Template, TemplateError};

/// The prefix of environment variables that are always looked at.
const DEFAULT_PREFIX: &str = "SPIN_VARIABLE";

/// Why a variable has no value.
#[derive(Debug, Error)]
pub(crate) enum VariableError {
    /// Required, and nothing gives a value.
    #[error(
        "variable `{name}` is required: set the environment variable {DEFAULT_PREFIX}_{env}, or pass --variable {name}=..."
    )]
    Missing {
        /// Its name.
        name: String,
        /// Its name in upper case.
        env: String,
    },
    /// The manifest does not declare it.
    #[error("variable `{0}` is not declared: add it to [variables] in the manifest")]
    Undeclared(String),
    /// A template is malformed.
    #[error("template {0:?}: {1}")]
    Template(String, TemplateError),
    /// A file could not be read.
    #[error("cannot read {0}: {1}")]
    File(PathBuf, std::io::Error),
    /// `--variable` with something else than `name=value`.
    #[error("--variable {0}: write name=value or name=@file")]
    Malformed(String),
}

/// Finds values for the app's variables: given by hand, then from the providers in order, then from the
/// environment, then the default.
pub(crate) struct Resolver {
    declared: BTreeMap<String, LockedVariable>,
    given: BTreeMap<String, String>,
    providers: Vec<Provider>,
}

enum Provider {
    Static(BTreeMap<String, String>),
    Env { prefix: String, file: BTreeMap<String, String> },
}

impl Resolver {
    /// Puts the sources together.
    ///
    /// # Errors
    /// When a file of environment variables cannot be read, or a variable given by hand is not declared.
    pub(crate) fn new(
        declared: BTreeMap<String, LockedVariable>,
        given: BTreeMap<String, String>,
        providers: &[VariablesProvider],
    ) -> Result<Self, VariableError> {
        if let Some(name) = given.keys().find(|name| !declared.contains_key(*name)) {
            return Err(VariableError::Undeclared(name.clone()));
        }
        let mut all = Vec::new();
        for provider in providers {
            all.push(match provider {
                VariablesProvider::Static { values } => Provider::Static(values.clone()),
                VariablesProvider::Env { prefix, dotenv_path } => Provider::Env {
                    prefix: prefix.clone().unwrap_or_else(|| DEFAULT_PREFIX.to_owned()),
                    file: match dotenv_path {
                        Some(path) => read_dotenv(path)?,
                        None => BTreeMap::new(),
                    },
                },
            });
        }
        let dotenv = Path::new(".env");
        let file = if dotenv.exists() { read_dotenv(dotenv)? } else { BTreeMap::new() };
        all.push(Provider::Env { prefix: DEFAULT_PREFIX.to_owned(), file });
        Ok(Self { declared, given, providers: all })
    }

    /// Checks that every declared variable has a value.
    ///
    /// # Errors
    /// The first that has none.
    pub(crate) fn check(&self) -> Result<(), VariableError> {
        self.declared.keys().try_for_each(|name| self.resolve(name).map(drop))
    }

    /// The value of one variable.
    ///
    /// # Errors
    /// When it is not declared or has no value.
    pub(crate) fn resolve(&self, name: &str) -> Result<String, VariableError> {
        let declared = self.declared.get(name).ok_or_else(|| VariableError::Undeclared(name.to_owned()))?;
        self.given
            .get(name)
            .cloned()
            .or_else(|| self.providers.iter().find_map(|provider| provider.get(name)))
            .or_else(|| declared.default.clone())
            .ok_or_else(|| VariableError::Missing { name: name.to_owned(), env: name.to_ascii_uppercase() })
    }

    /// Fills in a template.
    ///
    /// # Errors
    /// When it is malformed or names a variable without a value.
    pub(crate) fn render(&self, template: &str) -> Result<String, VariableError> {
        Template::parse(template)
            .map_err(|e| VariableError::Template(template.to_owned(), e))?
            .render(|name| self.resolve(name))
    }
}

impl Provider {
    fn get(&self, name: &str) -> Option<String> {
        match self {
            Self::Static(values) => values.get(name).cloned(),
            Self::Env { prefix, file } => {
                let name = name.to_ascii_uppercase();
                let key = if prefix.is_empty() { name } else { format!("{prefix}_{name}") };
                std::env::var(&key).ok().or_else(|| file.get(&key).cloned())
            }
        }
    }
}

/// Reads `--variable` arguments.
///
/// # Errors
/// When one is malformed or its file cannot be read.
pub(crate) fn parse_given(arguments: &[String]) -> Result<BTreeMap<String, String>, VariableError> {
    let mut given = BTreeMap::new();
    for argument in arguments {
        // `@file.json` and `@file.toml` hold many at once.
        if let Some(path) = argument.strip_prefix('@') {
            let text = read(Path::new(path))?;
            let many: Option<BTreeMap<String, String>> =
                if path.ends_with(".json") { serde_json::from_str(&text).ok() } else { toml::from_str(&text).ok() };
            given.extend(many.ok_or_else(|| VariableError::Malformed(argument.clone()))?);
            continue;
        }
        let (name, value) = argument.split_once('=').ok_or_else(|| VariableError::Malformed(mask(argument)))?;
        let value = match value.strip_prefix('@') {
            Some(path) => read(Path::new(path))?,
            None => value.to_owned(),
        };
        given.insert(name.to_owned(), value);
    }
    Ok(given)
}

/// What of an argument may be shown: it could hold a secret.
fn mask(argument: &str) -> String {
    argument.chars().take(3).chain("...".chars()).collect()
}

fn read(path: &Path) -> Result<String, VariableError> {
    std::fs::read_to_string(path).map_err(|e| VariableError::File(path.to_owned(), e))
}

/// Reads `NAME=value` lines; `#` starts a comment line, quotes around a value are dropped.
fn read_dotenv(path: &Path) -> Result<BTreeMap<String, String>, VariableError> {
    Ok(parse_dotenv(&read(path)?))
}

fn parse_dotenv(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("export ").unwrap_or(line).split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), unquote(value.trim()).to_owned()))
        .collect()
}

fn unquote(value: &str) -> &str {
    ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(given: &[(&str, &str)], providers: &[VariablesProvider]) -> Resolver {
        let declared = ["one", "two"]
            .into_iter()
            .map(|name| (name.to_owned(), LockedVariable { default: Some(format!("default-{name}")), secret: false }))
            .chain([("needed".to_owned(), LockedVariable::default())])
            .collect();
        let given = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Resolver::new(declared, given, providers).unwrap()
    }

    fn fixed(name: &str, value: &str) -> VariablesProvider {
        VariablesProvider::Static { values: [(name.to_owned(), value.to_owned())].into() }
    }

    #[test]
    fn given_beats_provider_beats_default() {
        let providers = [fixed("one", "first"), fixed("one", "second"), fixed("two", "late")];
        let resolver = resolver(&[("one", "given")], &providers);
        assert_eq!(resolver.resolve("one").unwrap(), "given");
        assert_eq!(resolver.resolve("two").unwrap(), "late");
        let resolver = self::resolver(&[], &providers);
        assert_eq!(resolver.resolve("one").unwrap(), "first");
        let resolver = self::resolver(&[], &[]);
        assert_eq!(resolver.resolve("one").unwrap(), "default-one");
    }

    #[test]
    fn a_missing_variable_says_how_to_give_it() {
        let error = resolver(&[], &[]).check().unwrap_err().to_string();
        assert!(error.contains("SPIN_VARIABLE_NEEDED") && error.contains("--variable needed="), "{error}");
    }

    #[test]
    fn undeclared_variables_are_refused() {
        assert!(matches!(resolver(&[], &[]).render("{{ nope }}"), Err(VariableError::Undeclared(_))));
        let given = [("nope".to_owned(), String::new())].into();
        assert!(matches!(Resolver::new(BTreeMap::new(), given, &[]), Err(VariableError::Undeclared(_))));
    }

    #[test]
    fn dotenv_lines_are_read() {
        let file = parse_dotenv("# no\nA=1\nexport B=\"2 3\"\n C = 'x=y' \nnothing\n");
        assert_eq!(
            file.into_iter().collect::<Vec<_>>(),
            [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2 3".to_owned()), ("C".to_owned(), "x=y".to_owned()),]
        );
    }

    #[test]
    fn malformed_arguments_do_not_show_what_they_hold() {
        let error = parse_given(&["password:hunter2".to_owned()]).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
