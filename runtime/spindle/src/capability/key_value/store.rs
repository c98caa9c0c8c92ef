//! One store, wherever it keeps its data.

use std::sync::Arc;

use super::redis;
use super::sqlite;

/// Where one label keeps its data.
#[derive(Debug)]
pub(crate) enum Store {
    Sqlite(sqlite::Store),
    Redis(Box<redis::Store>),
}

/// A store that a guest has opened.
#[expect(unreachable_pub, reason = "the generated code has it under another name")]
#[derive(Debug)]
pub struct OpenStore(pub(super) Arc<Store>);

impl Store {
    pub(super) async fn get(&self, key: String) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::Sqlite(store) => store.get(key).await,
            Self::Redis(store) => store.get(&key).await,
        }
    }

    pub(super) async fn set(&self, key: String, value: Vec<u8>) -> Result<(), String> {
        match self {
            Self::Sqlite(store) => store.set(key, value).await,
            Self::Redis(store) => store.set(&key, &value).await,
        }
    }

    pub(super) async fn delete(&self, key: String) -> Result<(), String> {
        match self {
            Self::Sqlite(store) => store.delete(key).await,
            Self::Redis(store) => store.delete(&key).await,
        }
    }

    pub(super) async fn exists(&self, key: String) -> Result<bool, String> {
        match self {
            Self::Sqlite(store) => store.exists(key).await,
            Self::Redis(store) => store.exists(&key).await,
        }
    }

    pub(super) async fn keys(&self) -> Result<Vec<String>, String> {
        match self {
            Self::Sqlite(store) => store.keys().await,
            Self::Redis(store) => store.keys().await,
        }
    }
}
