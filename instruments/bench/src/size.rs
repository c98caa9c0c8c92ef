//! The size of the components on disk.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::report::{Row, metric};
use crate::{table, workspace};

const COMPONENTS: [&str; 6] = ["users", "auth", "notification", "account", "console", "docs"];

/// Looks at each component, and at all together.
pub(crate) fn measure() -> Result<Vec<Row>> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    let mut rows = Vec::new();
    let mut all = 0.0;
    for component in COMPONENTS {
        let path = target.join(format!("wasm32-wasip1/component/{component}.wasm"));
        let file = std::fs::metadata(&path).with_context(|| format!("{} is not built", path.display()))?;
        let megabytes = file.len() as f64 / 1e6;
        all += megabytes;
        rows.push(Row::new(&format!("size of {component}"), 0, "components").with(metric::MEGABYTES, vec![megabytes]));
    }
    rows.push(Row::new("size of all components", 0, "components").with(metric::MEGABYTES, vec![all]));
    rows.iter().for_each(|row| println!("{}", table::line(row)));
    Ok(rows)
}
