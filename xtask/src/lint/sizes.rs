//! No file that is too long to be read at once.

use std::path::Path;

use super::files;

/// How many lines a file of a folder may have.
const LIMITS: &[(&str, usize)] = &[
    ("components", 400),
    ("crates", 400),
    ("api", 400),
    ("runtime", 400),
    ("instruments", 500),
    ("k8s", 500),
    ("xtask", 500),
];

/// The files that are longer.
pub(super) fn too_long(root: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    for (folder, limit) in LIMITS {
        let mut found = Vec::new();
        files::collect(&root.join(folder), "rs", &mut found);
        found.sort();
        for file in found {
            let lines = std::fs::read_to_string(&file).map_or(0, |text| text.lines().count());
            if lines > *limit {
                let name = file.strip_prefix(root).unwrap_or(&file).display();
                faults.push(format!("{name} has {lines} lines; more than {limit} are two subjects"));
            }
        }
    }
    faults
}
