//! What all pages have. A page is a function that ends in [`Frame::page`].

use browser::{Section, Words};

#[cfg(doc)]
use browser::Frame;

/// The words of the frame.
pub const WORDS: Words<'static> = Words {
    skip: "Skip to content",
    sign_out: "Sign out",
    navigation: "Console",
    optional: "(optional)",
    problem: "There is a problem",
    no_passkey: "The browser has not given a passkey. Try again, or use the password.",
};

/// What administrators can go to: path below the root and name.
#[must_use]
pub fn sections(has_experiments: bool) -> Vec<Section<'static>> {
    let sections = [("", "Overview"), ("/people", "People"), ("/messages", "Messages"), ("/audit", "Audit")];
    let experiments = has_experiments.then_some(("/experiments", "Experiments"));
    sections.into_iter().chain(experiments).map(|(path, name)| Section { path, name }).collect()
}
