//! Links of the pages lead somewhere, and the code that they name is there.

use std::path::{Path, PathBuf};

use super::files;

/// The folders whose paths, written like `crates/problem/src/decode.rs`, are looked for.
const FOLDERS: &[&str] =
    &["api/", "components/", "crates/", "docs/", "instruments/", "k8s/", "migrations/", "runtime/", "xtask/"];

/// Links and paths that lead nowhere, of all pages.
pub(super) fn broken(root: &Path) -> Vec<String> {
    let mut pages = Vec::new();
    for folder in ["api", "components", "crates", "docs", "images", "instruments", "k8s", "runtime", "xtask"] {
        files::collect(&root.join(folder), "md", &mut pages);
    }
    pages.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|page| root.join(page)));
    pages.sort();
    pages.iter().flat_map(|page| faults(root, page)).collect()
}

fn faults(root: &Path, page: &Path) -> Vec<String> {
    let Ok(text) = std::fs::read_to_string(page) else { return vec![] };
    let name = page.strip_prefix(root).unwrap_or(page).display();
    let folder = page.parent().unwrap_or(root);
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let links = links.filter(|link| !link.contains("://") && !link.contains(char::is_whitespace));
    let mut faults: Vec<_> = links
        .filter(|link| !leads_somewhere(link, page, folder))
        .map(|link| format!("{name} links to {link}, which is not there"))
        .collect();
    // The paths of a page that tells what was are its own matter.
    if !page.ends_with("CHANGELOG.md") {
        let missing = paths(&text).filter(|path| !exists(root, path) && !exists(folder, path) && !is_made(path));
        faults.extend(missing.map(|path| format!("{name} names {path}, which is not there")));
    }
    faults
}

fn leads_somewhere(link: &str, page: &Path, folder: &Path) -> bool {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target: PathBuf = if path.is_empty() { page.to_owned() } else { folder.join(path) };
    if anchor.is_empty() || target.extension().is_none_or(|extension| extension != "md") {
        return target.exists();
    }
    std::fs::read_to_string(target).is_ok_and(|text| {
        text.lines().filter(|line| line.starts_with('#')).any(|line| anchor_of(line.trim_start_matches('#')) == anchor)
    })
}

/// The anchor of a heading, as hosts of repositories make it.
fn anchor_of(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// What stands between backticks and begins with one of our folders.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted.filter(|path| {
        FOLDERS.iter().any(|folder| path.starts_with(folder))
            && path.chars().all(|c| c.is_ascii_alphanumeric() || "/-_.*".contains(c))
    })
}

/// Whether a command makes the file, and no repository has it.
fn is_made(path: &str) -> bool {
    path.ends_with("/secrets.env")
}

/// Whether a path is there; `*` stands for one folder.
fn exists(root: &Path, path: &str) -> bool {
    let Some((before, after)) = path.split_once("*/") else {
        return root.join(path.trim_end_matches('*')).exists();
    };
    let folders = std::fs::read_dir(root.join(before)).into_iter().flatten().flatten();
    folders.map(|folder| folder.path()).any(|folder| folder.join(after).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_nowhere_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("crates/a/src")).unwrap();
        std::fs::create_dir_all(root.join("docs")).unwrap();
        std::fs::write(root.join("docs/b.md"), "# Use TLS, `now`\n").unwrap();
        let text = "[a](b.md) [a](b.md#use-tls-now) [a](c.md) [a](b.md#tls) [a](https://example.org)\n\
                    `crates/a/src` `crates/*/src` `crates/b` `crates/<name>`";
        std::fs::write(root.join("docs/page.md"), text).unwrap();
        let expected = [
            "docs/page.md links to c.md, which is not there",
            "docs/page.md links to b.md#tls, which is not there",
            "docs/page.md names crates/b, which is not there",
        ];
        assert_eq!(faults(root, &root.join("docs/page.md")), expected);
    }
}
