//! `.concierge/secrets.env`: made once, at the first `up`, and readable by its owner alone.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use dev_servers::secret;

/// All secrets of a development installation. There is deliberately no way to print it.
pub(crate) struct Secrets {
    pub(crate) auth_credential: String,
    pub(crate) scheduler_credential: String,
    pub(crate) operator_credential: String,
    pub(crate) metrics_credential: String,
    pub(crate) password_pepper: String,
    pub(crate) token_signing_key: String,
    pub(crate) refresh_token_key: String,
    pub(crate) totp_key: String,
    pub(crate) account_cookie_key: String,
    pub(crate) console_cookie_key: String,
    /// A key set, or nothing: accepted keys besides the signing key.
    pub(crate) further_public_keys: String,
    pub(crate) database_owner_password: String,
    pub(crate) database_password: String,
    pub(crate) redis_password: String,
    pub(crate) admin_password: String,
}

impl Secrets {
    /// Reads them; what is not there yet is made and written down first.
    pub(crate) fn load(state: &Path) -> Result<Self> {
        let file = state.join("secrets.env");
        let mut values: BTreeMap<String, String> = match std::fs::read_to_string(&file) {
            Ok(text) => text
                .lines()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let before = values.len();
        let further_public_keys = values.get("TOKEN_PUBLIC_KEYS").cloned().unwrap_or_default();
        // Hexadecimal digits are safe in a URL, a shell, a header and a configuration file.
        let mut get = |name: &str| -> Result<String> {
            if let Some(value) = values.get(name).filter(|value| !value.is_empty()) {
                return Ok(value.clone());
            }
            let value = secret::random_hex()?;
            values.insert(name.to_owned(), value.clone());
            Ok(value)
        };
        let secrets = Self {
            auth_credential: get("AUTH_CREDENTIAL")?,
            scheduler_credential: get("SCHEDULER_CREDENTIAL")?,
            operator_credential: get("OPERATOR_CREDENTIAL")?,
            metrics_credential: get("METRICS_CREDENTIAL")?,
            password_pepper: get("PASSWORD_PEPPER")?,
            token_signing_key: get("TOKEN_SIGNING_KEY")?,
            refresh_token_key: get("REFRESH_TOKEN_KEY")?,
            totp_key: get("TOTP_KEY")?,
            account_cookie_key: get("ACCOUNT_COOKIE_KEY")?,
            console_cookie_key: get("CONSOLE_COOKIE_KEY")?,
            further_public_keys,
            database_owner_password: get("DATABASE_OWNER_PASSWORD")?,
            database_password: get("DATABASE_PASSWORD")?,
            redis_password: get("REDIS_PASSWORD")?,
            admin_password: get("ADMIN_PASSWORD")?,
        };
        if values.len() != before {
            let lines: String = values.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
            secret::write_private(&file, &lines)?;
        }
        Ok(secrets)
    }
}
