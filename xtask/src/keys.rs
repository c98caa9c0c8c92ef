//! `keys`: shows and rotates the keys of access tokens; nobody is signed out.
//!
//! One key signs, several are accepted. A new key is published before it signs (*prepare*), then signs while tokens by the
//! old one are still accepted (*switch*); the old key is removed when its last token has expired (*retire*). On one machine
//! the first two are one step, because all services restart together; across pods each step is a rollout.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Subcommand, ValueEnum};
use dev_servers::secret;
use tokens::{P256_PREFIX, PublicKeys, SigningKey};

use crate::folder::Folder;

const SIGNING: &str = "token_signing_key";
const NEXT: &str = "token_next_key";
const PUBLIC: &str = "token_public_keys";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
    /// The file with the secrets [default: .concierge/secrets.env]; for minikube k8s/overlays/minikube/secrets.env.
    #[arg(long, global = true, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Task {
    /// Print the accepted public keys, in the form of `token_public_keys`.
    Show,
    /// Replace the signing key.
    Rotate {
        /// One step only, where services restart one after the other.
        #[arg(long)]
        step: Option<Step>,
        /// The algorithm of the new key's tokens [default: that of the old key's].
        #[arg(long)]
        algorithm: Option<Algorithm>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    /// Ed25519.
    Eddsa,
    /// ECDSA with P-256, for libraries that know no Ed25519.
    Es256,
}

#[derive(Clone, Copy, ValueEnum)]
enum Step {
    /// Make the next key and publish it; the old one continues to sign.
    Prepare,
    /// Sign with the next key; the old one is still accepted.
    Switch,
    /// Accept the signing key only.
    Retire,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let path = match &arguments.file {
        Some(path) => path.clone(),
        None => Folder::find()?.state()?.join("secrets.env"),
    };
    let mut file = SecretsFile::read(&path)?;
    match arguments.task {
        Task::Show => {
            println!("{}", file.public_keys()?.to_jwks());
            return Ok(());
        }
        Task::Rotate { step: None, algorithm } => {
            file.prepare(algorithm)?;
            file.switch()?;
            println!(
                "A new key signs from the next `cargo xtask up`. Tokens by the old key are still accepted; when they have expired,"
            );
            println!("after 15 minutes, run `cargo xtask keys rotate --step retire`.");
        }
        Task::Rotate { step: Some(Step::Prepare), algorithm } => {
            file.prepare(algorithm)?;
            println!(
                "The next key is made. Roll out {PUBLIC} to all services and wait 5 minutes, the cache lifetime of the key"
            );
            println!("set; then `--step switch`.");
        }
        Task::Rotate { step: Some(Step::Switch), .. } => {
            file.switch()?;
            println!(
                "Roll out {SIGNING} to auth. After 15 minutes, when tokens by the old key have expired: `--step retire`."
            );
        }
        Task::Rotate { step: Some(Step::Retire), .. } => {
            file.retire()?;
            println!("Roll out {PUBLIC} to all services: the old key is no longer accepted.");
        }
    }
    file.write()
}

/// A file of `NAME=value` lines. Names are compared without regard to case; what is not about keys stays as it is.
struct SecretsFile {
    path: PathBuf,
    lines: Vec<String>,
}

impl SecretsFile {
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!("cannot read {}: `cargo xtask up` makes the one of a local run", path.display())
        })?;
        Ok(Self { path: path.to_owned(), lines: text.lines().map(str::to_owned).collect() })
    }

    fn write(&self) -> Result<()> {
        let text: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        Ok(secret::write_private(&self.path, &text)?)
    }

    fn prepare(&mut self, algorithm: Option<Algorithm>) -> Result<()> {
        if self.get(NEXT).is_some() {
            bail!("there is a next key already; continue with `--step switch`");
        }
        let seed = secret::random_hex()?;
        let next = match algorithm {
            Some(Algorithm::Eddsa) => seed,
            Some(Algorithm::Es256) => format!("{P256_PREFIX}{seed}"),
            None => self.signing_key()?.successor(&seed),
        };
        let keys = self.public_keys()?.merged(SigningKey::parse(&next)?.public());
        self.set(NEXT, &next);
        self.set(PUBLIC, &keys.to_jwks().to_string());
        Ok(())
    }

    fn switch(&mut self) -> Result<()> {
        let next = self.get(NEXT).context("there is no next key; `--step prepare` makes it")?.to_owned();
        // The old key's public part is in the set since it was prepared.
        let keys = self.public_keys()?;
        self.set(SIGNING, &next);
        self.set(PUBLIC, &keys.to_jwks().to_string());
        self.lines.retain(|line| !is_named(line, NEXT));
        Ok(())
    }

    fn retire(&mut self) -> Result<()> {
        if self.get(NEXT).is_some() {
            bail!("a next key is prepared; run `--step switch` first");
        }
        let keys = self.signing_key()?.public();
        self.set(PUBLIC, &keys.to_jwks().to_string());
        Ok(())
    }

    /// The keys of the set, and the one that signs.
    fn public_keys(&self) -> Result<PublicKeys> {
        let others = match self.get(PUBLIC).filter(|text| !text.is_empty()) {
            Some(text) => PublicKeys::from_jwks(text)?,
            None => PublicKeys::default(),
        };
        Ok(self.signing_key()?.public().merged(others))
    }

    fn signing_key(&self) -> Result<SigningKey> {
        let seed = self.get(SIGNING).with_context(|| format!("{} has no {SIGNING}", self.path.display()))?;
        Ok(SigningKey::parse(seed)?)
    }

    fn get(&self, name: &str) -> Option<&str> {
        let line = self.lines.iter().find(|line| is_named(line, name))?;
        line.split_once('=').map(|(_, value)| value)
    }

    fn set(&mut self, name: &str, value: &str) {
        match self.lines.iter_mut().find(|line| is_named(line, name)) {
            Some(line) => *line = format!("{}={value}", line.split('=').next().unwrap_or(name)),
            None => {
                // As the file writes its names.
                let in_capitals = self.lines.iter().any(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
                let name = if in_capitals { name.to_uppercase() } else { name.to_owned() };
                self.lines.push(format!("{name}={value}"));
            }
        }
    }
}

fn is_named(line: &str, name: &str) -> bool {
    line.split_once('=').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
}

/// The key set of this signing key and of earlier or later ones.
pub(crate) fn public_keys(signing_key: &str, others: &str) -> Result<String> {
    let keys = SigningKey::parse(signing_key)?.public();
    let others = if others.is_empty() { PublicKeys::default() } else { PublicKeys::from_jwks(others)? };
    Ok(keys.merged(others).to_jwks().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> SecretsFile {
        let lines = ["AUTH_CREDENTIAL=abc".to_owned(), format!("TOKEN_SIGNING_KEY={}", "11".repeat(32))];
        SecretsFile { path: PathBuf::from("secrets.env"), lines: lines.to_vec() }
    }

    fn kids(file: &SecretsFile) -> Vec<String> {
        file.public_keys().unwrap().kids().map(str::to_owned).collect()
    }

    #[test]
    fn a_key_is_known_before_it_signs_and_good_after_it_has_signed() {
        let mut file = file();
        let old = kids(&file);
        file.prepare(None).unwrap();
        assert_eq!(file.signing_key().unwrap().kid(), old[0], "the old key goes on signing");
        assert_eq!(kids(&file).len(), 2);
        let prepared = file.get(PUBLIC).unwrap().to_owned();
        file.switch().unwrap();
        assert_ne!(file.signing_key().unwrap().kid(), old[0]);
        assert!(prepared.contains(file.signing_key().unwrap().kid()), "the new key was known before");
        assert!(kids(&file).contains(&old[0]), "the old key is still accepted");
        file.retire().unwrap();
        assert_eq!(kids(&file), [file.signing_key().unwrap().kid()]);
        assert_eq!(file.lines[0], "AUTH_CREDENTIAL=abc");
        assert!(file.lines.iter().all(|line| !is_named(line, NEXT)));
    }

    #[test]
    fn a_new_key_has_the_algorithm_of_the_old_one_unless_another_is_asked_for() {
        let mut file = file();
        for (asked, of_the_new) in
            [(Some(Algorithm::Es256), "ES256"), (None, "ES256"), (Some(Algorithm::Eddsa), "EdDSA")]
        {
            file.prepare(asked).unwrap();
            file.switch().unwrap();
            file.retire().unwrap();
            assert_eq!(file.public_keys().unwrap().algorithms(), [of_the_new].into());
        }
    }

    #[test]
    fn steps_come_in_their_order() {
        let mut file = file();
        assert!(file.switch().is_err());
        file.prepare(None).unwrap();
        assert!(file.prepare(None).is_err() && file.retire().is_err());
    }

    #[test]
    fn nothing_is_said_of_the_key_itself() {
        let shown = file().public_keys().unwrap().to_jwks().to_string();
        assert!(!shown.contains("1111") && shown.contains("Ed25519"));
    }
}
