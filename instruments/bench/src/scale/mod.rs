//! How large an installation has to be: a model that is held to what was measured here, and the page that is made of both.

mod costs;
mod grown;
mod model;
mod page;

use anyhow::{Context as _, Result};

use crate::folders::workspace;
use crate::report::Report;

/// The page.
const PAGE: &str = "docs/scale.md";

/// Makes the page of two results: one has the costs, the other the rows.
///
/// # Errors
/// If a result lacks something, or the page cannot be written.
pub fn write(costs: &str, rows: &str) -> Result<()> {
    let page = page::of(&together(costs, rows)?, rows)?;
    let path = workspace().join(PAGE);
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{PAGE} is made of {costs} and {rows}");
    Ok(())
}

/// The first result with the rows of both.
fn together(costs: &str, rows: &str) -> Result<Report> {
    let mut report = crate::compare::read(costs)?;
    report.rows.extend(crate::compare::read(rows)?.rows);
    Ok(report)
}
