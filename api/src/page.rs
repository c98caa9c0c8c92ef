//! Lists.

use serde::{Deserialize, Serialize};

/// A page of a list, as every list of the API shows it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to hand back as `cursor` for the page that follows; null on the last one.
    pub next_cursor: Option<String>,
}
