//! What the peer is told, read once.

use std::str::FromStr;

use anyhow::{Context as _, Result, anyhow, bail};
use auth_domain::RefreshKeys;
use identity::{Cost, Peppers, Secret};
use passkeys::RelyingParty;
use tokens::{Audience, PublicKeys, SigningKey};
use users_domain::{Attempt, TotpKeys, relying_party};

/// Connections to the database, as many as a component has.
const CONNECTIONS: usize = 64;

/// The variables of the manifest, and those that only the peer has.
pub(crate) struct Settings {
    pub(crate) database_url: String,
    pub(crate) connections: usize,
    pub(crate) redis_url: String,
    pub(crate) credential: Secret,
    pub(crate) peppers: Peppers,
    pub(crate) cost: Cost,
    pub(crate) hash_permits: u32,
    pub(crate) asks_for_tokens: bool,
    pub(crate) signing_key: SigningKey,
    pub(crate) keys: PublicKeys,
    pub(crate) refresh_keys: RefreshKeys,
    pub(crate) totp_keys: TotpKeys,
    pub(crate) relying_party: RelyingParty,
    /// Whether attempts are limited.
    pub(crate) limits_attempts: bool,
    /// Whether it consumes the queues.
    pub(crate) consumes: bool,
}

impl Settings {
    pub(crate) fn from_env() -> Result<Self> {
        let (host, name) = (variable("db_host")?, variable("db_name")?);
        let (user, password) = (variable("db_user")?, variable("db_password")?);
        let signing_key = SigningKey::parse(&variable("token_signing_key")?)?;
        Ok(Self {
            database_url: format!("postgres://{user}:{password}@{host}/{name}?application_name=peer"),
            connections: CONNECTIONS,
            redis_url: format!("redis://{}{}", or("redis_credentials", ""), variable("redis_host")?),
            credential: Secret::new(variable("auth_credential")?).context("auth_credential is too short")?,
            peppers: Peppers::new(&variable("password_pepper")?)?,
            cost: parsed("bcrypt_cost", "12")?,
            hash_permits: parsed("hash_permits", "16")?,
            asks_for_tokens: match or("authorization", "required").as_str() {
                "required" => true,
                "off" => false,
                _ => bail!("authorization must be required or off"),
            },
            keys: PublicKeys::from_jwks(&variable("token_public_keys")?)?.merged(signing_key.public()),
            signing_key,
            refresh_keys: RefreshKeys::new(&variable("refresh_token_key")?, "")
                .context("refresh_token_key is too short")?,
            totp_keys: TotpKeys::parse(&variable("totp_keys")?)
                .map_err(|error| anyhow!("{error}"))?
                .context("there is no key of authenticator apps")?,
            relying_party: relying_party("http://localhost:4000", "", "").context("there is no domain")?,
            limits_attempts: or("login_throttling", "on") == "on",
            consumes: std::env::var_os("PEER_CONSUMES").is_some(),
        })
    }

    /// An attempt, with its limits if there are any.
    pub(crate) fn limited(&self, attempt: Attempt) -> Attempt {
        if self.limits_attempts { attempt } else { attempt.without_limits() }
    }

    /// Who issues the tokens, and whom they are for.
    pub(crate) fn whose(&self) -> Audience<'static> {
        Audience { issuer: "http://127.0.0.1:4000/auth-ms", audience: "concierge" }
    }
}

fn variable(name: &str) -> Result<String> {
    let name = format!("SPIN_VARIABLE_{}", name.to_uppercase());
    std::env::var(&name).with_context(|| format!("{name} is not set"))
}

fn or(name: &str, default: &str) -> String {
    variable(name).unwrap_or_else(|_| default.to_owned())
}

fn parsed<T: FromStr>(name: &str, default: &str) -> Result<T> {
    or(name, default).parse().ok().with_context(|| format!("{name} has a value that cannot be used"))
}
