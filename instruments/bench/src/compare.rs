//! Two runs side by side.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::folders::{results, target};
use crate::number::number;
use crate::report::Report;
use crate::spread::Spread;

/// Prints for each value that both have how the second is to the first. A change within the spread of either is no
/// change.
///
/// # Errors
/// If one of them cannot be read.
pub fn compare(first: &str, second: &str) -> Result<()> {
    let (a, b) = (read(first)?, read(second)?);
    println!("| scenario | connections | side | | {first} | {second} | ratio | |\n|---|---|---|---|---|---|---|---|");
    for row in &a.rows {
        let Some(other) = b.row(&row.scenario, &row.side, Some(row.connections)) else { continue };
        for (metric, before) in &row.metrics {
            let Some(after) = other.metrics.get(metric) else { continue };
            let ratio = if before.median == 0.0 { 1.0 } else { after.median / before.median };
            let word = if apart(before, after) { "changed" } else { "" };
            println!(
                "| {} | {} | {} | {metric} | {} | {} | {} | {word} |",
                row.scenario,
                row.connections,
                row.side,
                number(before.median),
                number(after.median),
                number(ratio)
            );
        }
    }
    Ok(())
}

/// Whether no run of one is among the runs of the other.
fn apart(a: &Spread, b: &Spread) -> bool {
    a.max < b.min || b.max < a.min
}

/// By the name of a result, or by a path.
pub(crate) fn read(name: &str) -> Result<Report> {
    let file = format!("{name}.json");
    let places = [PathBuf::from(name), results().join(&file), target().join(&file)];
    let path = places.into_iter().find(|path| path.is_file());
    let path = path.with_context(|| format!("there is no result \"{name}\""))?;
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no result", path.display()))
}
