//! How large an installation has to be: a model that is held to what was measured here, and the page that is made of both.

mod backlog;
mod costs;
mod grown;
mod model;
mod page;

use anyhow::{Context as _, Result};

use crate::folders::workspace;
use crate::report::Report;

/// The page.
const PAGE: &str = "docs/scale.md";

/// Makes the page of two results, or three: one has the costs, one the rows, one the messages that wait.
///
/// # Errors
/// If a result lacks something, or the page cannot be written.
pub fn write(costs: &str, rows: &str, backlog: Option<&str>) -> Result<()> {
    let names: Vec<_> = [costs, rows].into_iter().chain(backlog).collect();
    let page = page::of(&together(&names)?, rows, backlog)?;
    let path = workspace().join(PAGE);
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{PAGE} is made of {}", names.join(", "));
    Ok(())
}

/// The first result with the rows of all.
fn together(names: &[&str]) -> Result<Report> {
    let (first, others) = names.split_first().context("no result is named")?;
    let mut report = crate::compare::read(first)?;
    for name in others {
        report.rows.extend(crate::compare::read(name)?.rows);
    }
    Ok(report)
}
