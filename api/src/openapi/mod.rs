//! The OpenAPI 3.1 files, made from the operations and their types.

mod document;
mod problems;
mod yaml;

use crate::{auth, notification, users};

/// The files: of each service its name and the text.
///
/// # Panics
/// If the API contradicts itself: two types of one name, or a success that was not begun.
#[must_use]
pub fn files() -> Vec<(&'static str, String)> {
    let services = [
        (auth::info(), auth::descriptions()),
        (notification::info(), notification::descriptions()),
        (users::info(), users::all_descriptions()),
    ];
    services.into_iter().map(|(info, descriptions)| (info.name, document::write(&info, &descriptions))).collect()
}
