//! What a manifest says about triggers of one type.

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::locked::{LockedApp, LockedTrigger};
use crate::variables::VariableError;

/// A trigger that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum TriggerError {
    /// Its table.
    #[error("{trigger_type} trigger `{id}`: {reason}")]
    Config {
        /// Its type.
        trigger_type: &'static str,
        /// Its id, or the table that all triggers of its type share.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// A variable.
    #[error(transparent)]
    Variable(#[from] VariableError),
}

/// A trigger's table, and its id for errors.
#[derive(Debug)]
pub(crate) struct Table<T> {
    trigger_type: &'static str,
    id: String,
    pub(crate) table: T,
}

impl<T> Table<T> {
    /// What is wrong with the trigger.
    pub(crate) fn error(&self, reason: impl Into<String>) -> TriggerError {
        TriggerError::Config { trigger_type: self.trigger_type, id: self.id.clone(), reason: reason.into() }
    }
}

/// The tables `[[trigger.<type>]]` of an app.
///
/// # Errors
/// The first that is malformed.
pub(crate) fn tables<T: DeserializeOwned>(
    locked: &LockedApp,
    trigger_type: &'static str,
) -> Result<Vec<Table<T>>, TriggerError> {
    let of_type = locked.triggers.iter().filter(|trigger| trigger.trigger_type == trigger_type);
    of_type.map(|trigger| table(trigger, trigger_type)).collect()
}

/// The table of one trigger.
///
/// # Errors
/// When it is malformed.
pub(crate) fn table<T: DeserializeOwned>(
    trigger: &LockedTrigger,
    trigger_type: &'static str,
) -> Result<Table<T>, TriggerError> {
    let id = trigger.id.clone();
    match serde_json::from_value(trigger.trigger_config.clone()) {
        Ok(table) => Ok(Table { trigger_type, id, table }),
        Err(error) => Err(TriggerError::Config { trigger_type, id, reason: error.to_string() }),
    }
}

/// The table `[application.trigger.<type>]`, which all triggers of a type share.
///
/// # Errors
/// When it is malformed.
pub(crate) fn common<T: DeserializeOwned + Default>(
    locked: &LockedApp,
    trigger_type: &'static str,
) -> Result<T, TriggerError> {
    let Some(value) = locked.metadata.triggers.get(trigger_type) else { return Ok(T::default()) };
    serde_json::from_value(value.clone()).map_err(|error| TriggerError::Config {
        trigger_type,
        id: format!("[application.trigger.{trigger_type}]"),
        reason: error.to_string(),
    })
}
