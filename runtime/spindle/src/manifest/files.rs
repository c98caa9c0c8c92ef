//! `files` and `exclude_files`: what a component sees as its file system.
//!
//! Spin copies all of it into a temporary directory. Here a component whose entries are whole directories sees those where
//! they are, as with `--direct-mounts`; whatever else there may be is copied.

use std::path::{Component, Path, PathBuf};

use glob::Pattern;
use tempfile::TempDir;

use super::file_url;
use super::schema::FilesEntry;
use crate::locked::LockedFiles;

/// How the files of components get to them, and what was made for it.
#[derive(Debug, Default)]
pub(crate) struct Assets {
    /// Whether nothing may be copied.
    direct_only: bool,
    /// Whether everything must be copied, for components may write to it.
    is_writable: bool,
    /// Where copies go; without one they go to a directory that is removed at the end.
    dir: Option<PathBuf>,
    temporary: Option<TempDir>,
}

impl Assets {
    pub(crate) fn new(direct_only: bool, is_writable: bool, dir: Option<PathBuf>) -> Self {
        Self { direct_only, is_writable, dir, temporary: None }
    }

    /// What a component sees, of an app in `app_dir`.
    ///
    /// # Errors
    /// When a file is not there, or may not be given to a component.
    pub(super) fn mounts(
        &mut self,
        id: &str,
        app_dir: &Path,
        entries: &[FilesEntry],
        exclude: &[String],
    ) -> Result<Vec<LockedFiles>, String> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        if self.direct_only && !exclude.is_empty() {
            return Err("exclude_files cannot be used with --direct-mounts".to_owned());
        }
        if !self.is_writable && exclude.is_empty() {
            let mounts: Option<Vec<_>> = entries.iter().map(|entry| direct(app_dir, entry)).collect();
            if let Some(mounts) = mounts {
                return Ok(mounts);
            }
        }
        if self.direct_only {
            let what = "with --direct-mounts write whole directories: { source = \"dir\", destination = \"/path\" }";
            return Err(format!("not all of these are directories; {what}"));
        }
        let root = self.root()?.join("assets").join(id);
        std::fs::create_dir_all(&root).map_err(|error| format!("cannot make {}: {error}", root.display()))?;
        let exclude = exclude.iter().map(|text| pattern(text)).collect::<Result<Vec<_>, _>>()?;
        let copy = Copy { app_dir, root: &root, exclude: &exclude };
        entries.iter().try_for_each(|entry| copy.entry(entry))?;
        Ok(vec![LockedFiles { source: file_url(&root)?, path: "/".to_owned() }])
    }

    fn root(&mut self) -> Result<PathBuf, String> {
        if let Some(dir) = &self.dir {
            return std::path::absolute(dir).map_err(|error| error.to_string());
        }
        if self.temporary.is_none() {
            let made = TempDir::with_prefix("spindle-");
            self.temporary = Some(made.map_err(|error| format!("cannot make a temporary directory: {error}"))?);
        }
        Ok(self.temporary.as_ref().map(|made| made.path().to_owned()).unwrap_or_default())
    }
}

/// The mount of an entry that is a whole directory.
fn direct(app_dir: &Path, entry: &FilesEntry) -> Option<LockedFiles> {
    let FilesEntry::Placement { source, destination } = entry else { return None };
    let source = app_dir.join(source);
    let url = source.is_dir().then(|| file_url(&source).ok())??;
    Some(LockedFiles { source: url, path: destination.clone() })
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::new(text).map_err(|error| format!("`{text}` is not a valid pattern: {error}"))
}

/// The copying of one component's files.
struct Copy<'a> {
    app_dir: &'a Path,
    root: &'a Path,
    exclude: &'a [Pattern],
}

impl Copy<'_> {
    fn entry(&self, entry: &FilesEntry) -> Result<(), String> {
        match entry {
            FilesEntry::Pattern(text) => {
                let path = self.app_dir.join(text);
                if path.is_file() {
                    return self.file(&path, &self.root.join(text));
                }
                if path.is_dir() {
                    return Err(format!(
                        "`{text}` is a directory: write \"{0}/**/*\", or {{ source = \"{0}\", destination = \"/{0}\" }}",
                        text.trim_end_matches('/')
                    ));
                }
                if Pattern::escape(text) == *text {
                    return Err(format!("{} does not exist", path.display()));
                }
                self.matching(&path, self.app_dir, self.root)
            }
            FilesEntry::Placement { source, destination } => {
                let (path, target) = (self.app_dir.join(source), self.root.join(destination.trim_start_matches('/')));
                if path.is_dir() {
                    let escaped = PathBuf::from(Pattern::escape(&path.to_string_lossy()));
                    return self.matching(&escaped.join("**/*"), &path, &target);
                }
                if path.is_file() {
                    return self.file(&path, &target);
                }
                Err(format!("{} is not a directory or a file", path.display()))
            }
        }
    }

    /// Copies the files that match a pattern; their names below `base` are those below `target`.
    fn matching(&self, pattern: &Path, base: &Path, target: &Path) -> Result<(), String> {
        let paths = glob::glob(&pattern.to_string_lossy())
            .map_err(|error| format!("`{}` is not a valid pattern: {error}", pattern.display()))?;
        for path in paths {
            let path = path.map_err(|error| error.to_string())?;
            if path.is_file() {
                let name = path.strip_prefix(base).map_err(|_| outside(&path))?;
                self.file(&path, &target.join(name))?;
            }
        }
        Ok(())
    }

    fn file(&self, path: &Path, target: &Path) -> Result<(), String> {
        let name = path.strip_prefix(self.app_dir).map_err(|_| outside(path))?;
        let climbs = |path: &Path| path.components().any(|part| part == Component::ParentDir);
        if climbs(name) || climbs(target) {
            return Err(outside(path));
        }
        if self.exclude.iter().any(|pattern| pattern.matches_path(name)) {
            return Ok(());
        }
        let copied = target.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::copy(path, target));
        copied.map(drop).map_err(|error| format!("cannot copy {} to {}: {error}", path.display(), target.display()))
    }
}

fn outside(path: &Path) -> String {
    format!("{} is outside of the application's directory", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files that a component sees, by name, or why there are none.
    fn seen(
        assets: &mut Assets,
        app_dir: &Path,
        entries: &[FilesEntry],
        exclude: &[&str],
    ) -> Result<Vec<String>, String> {
        let exclude: Vec<_> = exclude.iter().map(ToString::to_string).collect();
        let mounts = assets.mounts("c", app_dir, entries, &exclude)?;
        let mut names = Vec::new();
        for mount in mounts {
            let root = url::Url::parse(&mount.source).unwrap().to_file_path().unwrap();
            for path in glob::glob(&format!("{}/**/*", root.display())).unwrap().map(Result::unwrap) {
                if path.is_file() {
                    let name = Path::new(&mount.path).join(path.strip_prefix(&root).unwrap());
                    names.push(name.to_string_lossy().into_owned());
                }
            }
        }
        names.sort();
        Ok(names)
    }

    #[test]
    fn files_are_seen_as_spin_shows_them() {
        let app = tempfile::tempdir().unwrap();
        for name in ["a/one.txt", "a/b/two.txt", "a/b/two.md", "top.txt"] {
            std::fs::create_dir_all(app.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(app.path().join(name), name).unwrap();
        }
        let pattern = |text: &str| FilesEntry::Pattern(text.to_owned());
        let placed = |source: &str, destination: &str| FilesEntry::Placement {
            source: source.to_owned(),
            destination: destination.to_owned(),
        };
        let see = |entries: &[FilesEntry], exclude: &[&str]| seen(&mut Assets::default(), app.path(), entries, exclude);
        assert_eq!(see(&[pattern("**/*.txt")], &[]).unwrap(), ["/a/b/two.txt", "/a/one.txt", "/top.txt"]);
        assert_eq!(see(&[pattern("a/*")], &[]).unwrap(), ["/a/one.txt"]);
        assert_eq!(see(&[placed("a", "/x")], &[]).unwrap(), ["/x/b/two.md", "/x/b/two.txt", "/x/one.txt"]);
        assert_eq!(
            see(&[placed("a", "/x"), pattern("top.txt")], &["**/*.md"]).unwrap(),
            ["/top.txt", "/x/b/two.txt", "/x/one.txt"]
        );
        assert_eq!(see(&[placed("top.txt", "/x/renamed.txt")], &[]).unwrap(), ["/x/renamed.txt"]);
        for (entry, reason) in [
            (pattern("a"), "a/**/*"),
            (pattern("nowhere.txt"), "does not exist"),
            (placed("nowhere", "/x"), "not a directory or a file"),
            (placed("top.txt", "/../x"), "outside"),
            (pattern("a/../top.txt"), "outside"),
            (pattern("/etc/hostname"), "outside"),
            (pattern("a/["), "pattern"),
        ] {
            let error = see(std::slice::from_ref(&entry), &[]).unwrap_err();
            assert!(error.contains(reason), "{entry:?}: {error}");
        }
        let mut direct = Assets { direct_only: true, ..Assets::default() };
        assert_eq!(seen(&mut direct, app.path(), &[placed("a/b", "/x")], &[]).unwrap(), ["/x/two.md", "/x/two.txt"]);
        assert!(seen(&mut direct, app.path(), &[placed("a", "/x")], &["*.md"]).unwrap_err().contains("exclude_files"));
        assert!(seen(&mut direct, app.path(), &[pattern("top.txt")], &[]).unwrap_err().contains("--direct-mounts"));
    }

    #[test]
    fn copies_end_with_their_owner() {
        let app = tempfile::tempdir().unwrap();
        std::fs::write(app.path().join("x"), "x").unwrap();
        let mut assets = Assets { is_writable: true, ..Assets::default() };
        let entries = [FilesEntry::Placement { source: "x".to_owned(), destination: "/x".to_owned() }];
        assert_eq!(seen(&mut assets, app.path(), &entries, &[]).unwrap(), ["/x"]);
        let made = assets.temporary.as_ref().unwrap().path().to_owned();
        drop(assets);
        assert!(!made.exists());
    }
}
