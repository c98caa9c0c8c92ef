//! Key-value stores: `fermyon:spin/key-value@2.0.0`.
//!
//! A label is granted by the component's manifest and given a place by the runtime configuration. Both are checked at
//! start; a guest that opens a label it was not granted gets `access-denied`.

mod bindings;
mod redis;
mod sqlite;
mod store;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use self::bindings::{Error as GuestError, Host, HostStore};
use self::store::{OpenStore, Store};
use crate::limits::Limits;
use crate::runtime_config::KeyValueStore;

/// The store that an app has without any configuration.
const DEFAULT_LABEL: &str = "default";

/// The file of that store.
const DEFAULT_FILE: &str = "sqlite_key_value.db";

/// A store that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum KeyValueError {
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

/// All stores that the app's components were granted, by label.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    stores: BTreeMap<String, Arc<Store>>,
}

/// The stores that one component may open.
#[derive(Debug, Default)]
pub(crate) struct GrantedStores {
    component: String,
    stores: HashMap<String, Arc<Store>>,
}

/// The part of a call: what the component may open, and how many stores the guest holds open.
pub(crate) struct KeyValueView<'a> {
    pub(crate) granted: &'a GrantedStores,
    pub(crate) max_open: usize,
    pub(crate) open: &'a mut usize,
    pub(crate) table: &'a mut ResourceTable,
}

/// The state of a call that has key-value stores.
pub(crate) trait ProvidesKeyValue: Send + 'static {
    /// Its part of the state.
    fn key_value(&mut self) -> KeyValueView<'_>;
}

/// Tells wasmtime which view the host functions work on.
struct KeyValue;

impl HasData for KeyValue {
    type Data<'a> = KeyValueView<'a>;
}

impl Stores {
    /// Opens the stores of the labels that components were granted.
    ///
    /// # Errors
    /// When a label has no place, or its place cannot be used.
    pub(crate) fn open<'a>(
        granted: impl IntoIterator<Item = (&'a str, &'a str)>,
        config: &BTreeMap<String, KeyValueStore>,
        state_dir: Option<&Path>,
        limits: &Arc<Limits>,
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
                    let path = match (path, state_dir) {
                        (Some(path), Some(dir)) => Some(dir.join(path)),
                        (Some(path), None) if path.is_absolute() => Some(path.clone()),
                        _ => None,
                    };
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
                KeyValueStore::Redis { url } => {
                    Store::Redis(Box::new(redis::Store::new(url, limits).map_err(unusable)?))
                }
            };
            stores.insert(label.to_owned(), Arc::new(store));
        }
        Ok(Self { stores })
    }

    /// What a component with these labels may open.
    pub(crate) fn granted(&self, component: &str, labels: &[String]) -> GrantedStores {
        let find = |label: &String| Some((label.clone(), Arc::clone(self.stores.get(label)?)));
        GrantedStores { component: component.to_owned(), stores: labels.iter().filter_map(find).collect() }
    }

    /// Writes the pairs of `--key-value key=value` into the default store.
    ///
    /// # Errors
    /// When a pair is malformed or cannot be written.
    pub(crate) async fn preset(&self, pairs: &[String]) -> Result<(), KeyValueError> {
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

/// Offers the capability to components.
///
/// # Errors
/// When the linker has it already.
pub(crate) fn link<T: ProvidesKeyValue>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    bindings::add_to_linker::<T, KeyValue>(linker, T::key_value)
}

impl Host for KeyValueView<'_> {}

impl KeyValueView<'_> {
    fn store(&self, store: &Resource<OpenStore>) -> wasmtime::Result<Arc<Store>> {
        Ok(Arc::clone(&self.table.get(store)?.0))
    }
}

impl HostStore for KeyValueView<'_> {
    fn open(&mut self, label: String) -> wasmtime::Result<Result<Resource<OpenStore>, GuestError>> {
        let Some(store) = self.granted.stores.get(&label) else {
            tracing::warn!(
                component = self.granted.component,
                label,
                "a key-value store was denied: it is not in key_value_stores"
            );
            return Ok(Err(GuestError::AccessDenied));
        };
        if *self.open >= self.max_open {
            return Ok(Err(GuestError::StoreTableFull));
        }
        *self.open += 1;
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

    fn drop(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        *self.open -= 1;
        Ok(())
    }
}
