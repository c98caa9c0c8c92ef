//! Key-value stores: `fermyon:spin/key-value@2.0.0`.
//!
//! A label is granted by the component's manifest and given a place by the runtime configuration. Both are checked at
//! start; a guest that opens a label it was not granted gets `access-denied`.

mod redis;
mod sqlite;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;
use wasmtime::component::{Linker, Resource};

use super::HasState;
use crate::bindings::key_value::{self, Error as GuestError, Host, HostStore};
use crate::runtime_config::KeyValueStore;
use crate::state::State;

/// The store that an app has without any configuration.
const DEFAULT_LABEL: &str = "default";

/// The file of that store.
const DEFAULT_FILE: &str = "sqlite_key_value.db";

/// The most stores that one instance may hold open.
const MAX_OPEN: usize = 256;

/// A store that cannot be used.
#[derive(Debug, Error)]
pub enum KeyValueError {
    /// A component was granted a label that has no place.
    #[error(
        "component `{component}` uses the key-value store `{label}`, which is not configured: \
         add [key_value_store.{label}] to the runtime configuration file"
    )]
    NotConfigured {
        /// The component.
        component: String,
        /// The label.
        label: String,
    },
    /// The place of a store cannot be used.
    #[error("key-value store `{label}`: {reason}")]
    Unusable {
        /// The label.
        label: String,
        /// Why.
        reason: String,
    },
    /// `--key-value` with something else than `key=value`.
    #[error("--key-value {0}: write key=value")]
    Malformed(String),
}

/// Where one label keeps its data.
#[derive(Debug)]
enum Store {
    Sqlite(sqlite::Store),
    Redis(Box<redis::Store>),
}

/// All stores that the app's components were granted, by label.
#[derive(Debug, Default)]
pub struct Stores {
    stores: BTreeMap<String, Arc<Store>>,
}

/// What one component may open.
#[derive(Debug, Default)]
pub struct Granted(HashMap<String, Arc<Store>>);

impl Stores {
    /// Opens the stores of the labels that components were granted.
    ///
    /// # Errors
    /// When a label has no place, or its place cannot be used.
    pub fn open<'a>(
        granted: impl IntoIterator<Item = (&'a str, &'a str)>,
        config: &BTreeMap<String, KeyValueStore>,
        state_dir: &Path,
    ) -> Result<Self, KeyValueError> {
        let default = KeyValueStore::Spin { path: Some(DEFAULT_FILE.into()) };
        // Labels that share a file share its connection.
        let mut files = BTreeMap::new();
        let mut stores = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (component, label) in granted {
            if !seen.insert(label) {
                continue;
            }
            let place =
                config.get(label).or_else(|| (label == DEFAULT_LABEL).then_some(&default)).ok_or_else(|| {
                    KeyValueError::NotConfigured { component: component.to_owned(), label: label.to_owned() }
                })?;
            let unusable = |reason: String| KeyValueError::Unusable { label: label.to_owned(), reason };
            let store = match place {
                KeyValueStore::Spin { path } => {
                    let path = path.as_ref().map(|path| state_dir.join(path));
                    let file = match files.get(&path) {
                        Some(file) => Arc::clone(file),
                        None => {
                            let file = sqlite::File::open(path.as_deref()).map_err(unusable)?;
                            if path.is_some() {
                                files.insert(path, Arc::clone(&file));
                            }
                            file
                        }
                    };
                    Store::Sqlite(sqlite::Store::new(file, label))
                }
                KeyValueStore::Redis { url } => Store::Redis(Box::new(redis::Store::new(url).map_err(unusable)?)),
            };
            stores.insert(label.to_owned(), Arc::new(store));
        }
        Ok(Self { stores })
    }

    /// What a component with these labels may open.
    #[must_use]
    pub fn granted(&self, labels: &[String]) -> Granted {
        let find = |label: &String| Some((label.clone(), Arc::clone(self.stores.get(label)?)));
        Granted(labels.iter().filter_map(find).collect())
    }

    /// Writes the pairs of `--key-value key=value` into the default store.
    ///
    /// # Errors
    /// When a pair is malformed or cannot be written.
    pub async fn preset(&self, pairs: &[String]) -> Result<(), KeyValueError> {
        for pair in pairs {
            let malformed = || KeyValueError::Malformed(pair.chars().take(3).chain("...".chars()).collect());
            let (key, value) = pair.split_once('=').ok_or_else(malformed)?;
            let unusable =
                |reason: &str| KeyValueError::Unusable { label: DEFAULT_LABEL.to_owned(), reason: reason.to_owned() };
            let store = self.stores.get(DEFAULT_LABEL).ok_or_else(|| unusable("no component uses it"))?;
            store.set(key.to_owned(), value.into()).await.map_err(|reason| unusable(&reason))?;
        }
        Ok(())
    }
}

impl Store {
    async fn get(&self, key: String) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::Sqlite(store) => store.get(key).await,
            Self::Redis(store) => store.get(&key).await,
        }
    }

    async fn set(&self, key: String, value: Vec<u8>) -> Result<(), String> {
        match self {
            Self::Sqlite(store) => store.set(key, value).await,
            Self::Redis(store) => store.set(&key, &value).await,
        }
    }

    async fn delete(&self, key: String) -> Result<(), String> {
        match self {
            Self::Sqlite(store) => store.delete(key).await,
            Self::Redis(store) => store.delete(&key).await,
        }
    }

    async fn exists(&self, key: String) -> Result<bool, String> {
        match self {
            Self::Sqlite(store) => store.exists(key).await,
            Self::Redis(store) => store.exists(&key).await,
        }
    }

    async fn keys(&self) -> Result<Vec<String>, String> {
        match self {
            Self::Sqlite(store) => store.keys().await,
            Self::Redis(store) => store.keys().await,
        }
    }
}

/// A store that a guest has opened.
#[derive(Debug)]
pub struct OpenStore(Arc<Store>);

/// Offers the capability to components.
///
/// # Errors
/// When the linker has it already.
pub fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    key_value::add_to_linker::<_, HasState>(linker, |state| state)
}

impl Host for State {}

impl State {
    fn store(&self, store: &Resource<OpenStore>) -> wasmtime::Result<Arc<Store>> {
        Ok(Arc::clone(&self.table.get(store)?.0))
    }
}

impl HostStore for State {
    async fn open(&mut self, label: String) -> wasmtime::Result<Result<Resource<OpenStore>, GuestError>> {
        let Some(store) = self.component.stores.0.get(&label) else {
            tracing::warn!(
                component = self.component.id,
                label,
                "a key-value store was denied: it is not in key_value_stores"
            );
            return Ok(Err(GuestError::AccessDenied));
        };
        if self.open_stores >= MAX_OPEN {
            return Ok(Err(GuestError::StoreTableFull));
        }
        self.open_stores += 1;
        let store = OpenStore(Arc::clone(store));
        Ok(Ok(self.table.push(store)?))
    }

    async fn get(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, GuestError>> {
        Ok(self.store(&store)?.get(key).await.map_err(GuestError::Other))
    }

    async fn set(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), GuestError>> {
        Ok(self.store(&store)?.set(key, value).await.map_err(GuestError::Other))
    }

    async fn delete(&mut self, store: Resource<OpenStore>, key: String) -> wasmtime::Result<Result<(), GuestError>> {
        Ok(self.store(&store)?.delete(key).await.map_err(GuestError::Other))
    }

    async fn exists(&mut self, store: Resource<OpenStore>, key: String) -> wasmtime::Result<Result<bool, GuestError>> {
        Ok(self.store(&store)?.exists(key).await.map_err(GuestError::Other))
    }

    async fn get_keys(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<Result<Vec<String>, GuestError>> {
        Ok(self.store(&store)?.keys().await.map_err(GuestError::Other))
    }

    async fn drop(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        self.open_stores -= 1;
        Ok(())
    }
}
