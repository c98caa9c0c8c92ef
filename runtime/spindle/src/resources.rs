//! What all calls of one component have in common: its variables, stores, connections, directories and output.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use thiserror::Error;
use url::Url;

use crate::capability::key_value::{GrantedStores, Stores};
use crate::capability::outbound::Outbound;
use crate::capability::sqlite::Databases;
use crate::capability::variables::Values;
use crate::capability::{mqtt, postgres, redis, sqlite};
use crate::hosts::{AllowedHosts, HostError};
use crate::limits::Limits;
use crate::locked::LockedComponent;
use crate::stdio::Output;
use crate::tls::{self, NO_TLS};
use crate::variables::{Resolver, VariableError};
use crate::wasi;

/// Why a component cannot have what its manifest says.
#[derive(Debug, Error)]
pub(crate) enum ResourceError {
    /// A variable.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// Its allowed hosts.
    #[error(transparent)]
    Hosts(#[from] HostError),
    /// A host that would need a TLS client.
    #[error("allowed_outbound_hosts: `{0}`: {NO_TLS}")]
    Tls(String),
    /// Its directories.
    #[error("files: {0}")]
    Files(String),
}

/// What all calls of one component have in common.
pub(crate) struct Resources {
    /// Its id.
    pub(crate) id: String,
    /// Its variables.
    pub(crate) variables: Values,
    /// Where it may connect to.
    pub(crate) outbound: Arc<Outbound>,
    /// The key-value stores that it may open.
    pub(crate) stores: GrantedStores,
    /// Its PostgreSQL connections.
    pub(crate) postgres: postgres::Access,
    /// Its MQTT connections.
    pub(crate) mqtt: mqtt::Access,
    /// Its Redis connections.
    pub(crate) redis: redis::Access,
    /// The SQLite databases that it may open.
    pub(crate) sqlite: sqlite::Access,
    /// Its environment, directories, output and sockets.
    pub(crate) wasi: wasi::Contexts,
    /// The limits of the app.
    pub(crate) limits: Arc<Limits>,
}

/// What the command line gives to all components.
pub(crate) struct Given<'a> {
    /// Environment variables, which beat those of the manifest.
    pub(crate) env: &'a [(String, String)],
    /// Whether a component may write to its files.
    pub(crate) writable_files: bool,
}

impl Resources {
    /// Resolves what the manifest says about a component.
    ///
    /// # Errors
    /// The first thing that it cannot have.
    pub(crate) fn prepare(
        locked: &LockedComponent,
        resolver: &Resolver,
        stores: &Stores,
        databases: &Databases,
        limits: &Arc<Limits>,
        output: Output,
        given: &Given<'_>,
    ) -> Result<Self, ResourceError> {
        let render = |template: &String| resolver.render(template);
        let entries = locked.metadata.allowed_outbound_hosts.iter().map(render).collect::<Result<Vec<_>, _>>()?;
        if let Some(entry) = entries.iter().find(|entry| tls::is_missing(entry)) {
            return Err(ResourceError::Tls(entry.clone()));
        }
        let outbound = Arc::new(Outbound::new(&locked.id, AllowedHosts::parse(entries)?));
        let mut variables = Values::new();
        for (name, template) in &locked.config {
            let value = render(template)?;
            if tls::is_missing(&value) {
                tracing::warn!(
                    component = locked.id,
                    variable = name,
                    "a variable is an address that cannot be used: {NO_TLS}"
                );
            }
            variables.insert(name.clone(), value);
        }
        Ok(Self {
            id: locked.id.clone(),
            variables,
            stores: stores.granted(&locked.id, &locked.metadata.key_value_stores),
            postgres: postgres::Access::new(&outbound, limits),
            mqtt: mqtt::Access::new(&outbound, limits),
            redis: redis::Access::new(&outbound, limits),
            sqlite: databases.granted(&locked.id, &locked.metadata.databases, limits),
            wasi: wasi::Contexts {
                env: environment(&locked.env, given.env),
                dirs: directories(locked)?,
                writable_dirs: given.writable_files,
                output,
                outbound: Arc::clone(&outbound),
                idle: Mutex::default(),
            },
            outbound,
            limits: Arc::clone(limits),
        })
    }
}

fn environment(own: &BTreeMap<String, String>, given: &[(String, String)]) -> Vec<(String, String)> {
    let mut all = own.clone();
    all.extend(given.iter().cloned());
    all.into_iter().collect()
}

fn directories(locked: &LockedComponent) -> Result<Vec<(PathBuf, String)>, ResourceError> {
    let mut dirs = Vec::new();
    for files in &locked.files {
        let path = file_path(&files.source)
            .ok_or_else(|| ResourceError::Files(format!("{} is not a file URL", files.source)))?;
        if !path.is_dir() {
            let remedy = match &locked.metadata.build {
                Some(build) => format!("; building the component may make it: {}", build.command),
                None => String::new(),
            };
            return Err(ResourceError::Files(format!("{} is not a directory{remedy}", path.display())));
        }
        dirs.push((path, files.path.clone()));
    }
    Ok(dirs)
}

/// The path of a `file://` URL.
pub(crate) fn file_path(url: &str) -> Option<PathBuf> {
    Url::parse(url).ok()?.to_file_path().ok()
}
