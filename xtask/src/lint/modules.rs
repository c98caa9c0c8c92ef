//! The modules of a crate and the paths in them, read line by line of its source: which module names which.
//!
//! Only `crate::`, `super::` and `self::` paths are looked at; a module can name a sibling by no other. Test modules are left
//! out, and so is what a macro or `#[path]` brings in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::tokens::{Token, tokens};

/// A path within a crate: the names of modules, and of what is in the last.
pub(super) type Segments = Vec<String>;

/// All modules of one crate.
#[derive(Debug, Default)]
pub(super) struct Modules {
    /// Each module, with the paths that are named in it, already from the root of the crate.
    named: BTreeMap<Segments, BTreeSet<Segments>>,
    /// What a `pub use` gives another name, by the name.
    exported: BTreeMap<Segments, Segments>,
}

impl Modules {
    /// Reads a crate by its root file. Files that are not there are left out: the compiler reports them.
    pub(super) fn read(root: &Path) -> Self {
        let mut modules = Self::default();
        let folder = root.parent().unwrap_or(root).to_owned();
        let mut files = vec![(root.to_owned(), folder, Vec::new())];
        while let Some((file, folder, module)) = files.pop() {
            let Ok(source) = std::fs::read_to_string(&file) else { continue };
            for child in modules.add(&source, &module) {
                let (stem, last) = (folder.join(child.join("/")), child.last().cloned().unwrap_or_default());
                let beside = stem.with_file_name(format!("{last}.rs"));
                let path: PathBuf = if beside.exists() { beside } else { stem.join("mod.rs") };
                files.push((path, stem, [module.clone(), child].concat()));
            }
        }
        modules
    }

    /// Takes in the source of a module. Gives the modules that are files of their own, from this one.
    fn add(&mut self, source: &str, module: &[String]) -> Vec<Segments> {
        let reader = Reader { tokens: tokens(source), place: 0, module: module.to_vec(), blocks: Vec::new() };
        self.named.entry(module.to_vec()).or_default();
        reader.read(self).into_iter().map(|child| child[module.len()..].to_vec()).collect()
    }

    /// Which modules each names, as pairs.
    pub(super) fn uses(&self) -> BTreeSet<(Segments, Segments)> {
        let mut uses = BTreeSet::new();
        for (module, paths) in &self.named {
            uses.extend(paths.iter().map(|path| (module.clone(), self.home(path, 0))));
        }
        uses
    }

    /// The module that a path leads to, through what is exported again.
    fn home(&self, path: &[String], depth: usize) -> Segments {
        let length = (0..=path.len()).rev().find(|length| self.named.contains_key(&path[..*length])).unwrap_or(0);
        let exported = path.get(..=length).and_then(|name| self.exported.get(name));
        match exported {
            // Bounded, since two may export each other.
            Some(target) if depth < 8 => self.home(&[target, &path[length + 1..]].concat(), depth + 1),
            _ => path[..length].to_vec(),
        }
    }
}

/// Goes through the tokens of a file.
struct Reader {
    tokens: Vec<Token>,
    place: usize,
    /// The module that the place is in.
    module: Segments,
    /// The blocks that are open: whether each is a module.
    blocks: Vec<bool>,
}

impl Reader {
    fn read(mut self, modules: &mut Modules) -> Vec<Segments> {
        let mut children = Vec::new();
        let mut is_left_out = false;
        while let Some(token) = self.tokens.get(self.place).cloned() {
            match token {
                Token::Sign('#') => {
                    let attribute = self.attribute();
                    let has = |word: &str| attribute.iter().any(|token| token.is_word(word));
                    is_left_out |= (has("cfg") && has("test") && !has("not")) || has("path");
                    continue;
                }
                Token::Word(word) if word == "mod" => {
                    if let Some(child) = self.module_item(is_left_out) {
                        modules.named.entry(child.clone()).or_default();
                        children.extend(self.tokens[self.place - 1].is_sign(';').then_some(child));
                    }
                    is_left_out = false;
                    continue;
                }
                Token::Word(word) if word == "use" => {
                    self.place += 1;
                    let is_exported = self.is_exported();
                    let mut names = Vec::new();
                    self.tree(&[], &mut names);
                    for (path, name) in names.into_iter().filter(|_| !is_left_out) {
                        self.add(modules, &path, is_exported.then_some(name));
                    }
                    is_left_out = false;
                    continue;
                }
                Token::Word(word) if matches!(word.as_str(), "crate" | "super" | "self") && self.is_path() => {
                    let path = self.path();
                    self.add(modules, &path, None);
                    continue;
                }
                Token::Sign('{') => self.blocks.push(false),
                Token::Sign('}') => {
                    is_left_out = false;
                    if self.blocks.pop() == Some(true) {
                        self.module.pop();
                    }
                }
                Token::Sign(';') => is_left_out = false,
                _ => {}
            }
            self.place += 1;
        }
        children
    }

    /// Notes a path that is named here, and what it is called if it is exported.
    fn add(&self, modules: &mut Modules, path: &[String], exported_as: Option<String>) {
        let is_local = !matches!(path.first().map(String::as_str), Some("crate" | "super" | "self"));
        let Some(full) = self.absolute(path) else { return };
        if let Some(name) = exported_as {
            modules.exported.insert([&self.module[..], &[name]].concat(), full.clone());
        }
        if !is_local {
            modules.named.entry(self.module.clone()).or_default().insert(full);
        }
    }

    /// A path from the root of the crate; one that begins with a name is looked for here.
    fn absolute(&self, path: &[String]) -> Option<Segments> {
        let mut full = self.module.clone();
        let mut rest = path;
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" => full.clear(),
                "super" => drop(full.pop()?),
                "self" => {}
                _ => break,
            }
            rest = others;
        }
        full.extend(rest.iter().cloned());
        Some(full)
    }

    /// Whether a path begins here: a word with `::` after it and none before.
    fn is_path(&self) -> bool {
        let sign = |place: usize| self.tokens.get(place).is_some_and(|token| token.is_sign(':'));
        let follows = self.place > 1 && sign(self.place - 1) && sign(self.place - 2);
        sign(self.place + 1) && sign(self.place + 2) && !follows
    }

    /// Whether the `use` before this place is a `pub use`, of whatever reach.
    fn is_exported(&self) -> bool {
        let before = &self.tokens[..self.place - 1];
        let statement = before.iter().rposition(|t| [';', '{', '}', ']'].iter().any(|sign| t.is_sign(*sign)));
        before[statement.map_or(0, |place| place + 1)..].iter().any(|token| token.is_word("pub"))
    }

    fn path(&mut self) -> Segments {
        let mut path = Vec::new();
        while let Some(Token::Word(word)) = self.tokens.get(self.place).cloned() {
            path.push(word);
            self.place += 1;
            if !self.skip_colons() {
                break;
            }
        }
        path
    }

    fn skip_colons(&mut self) -> bool {
        let is_there = self.tokens[self.place..].iter().take(2).filter(|token| token.is_sign(':')).count() == 2;
        if is_there {
            self.place += 2;
        }
        is_there
    }

    /// The paths of a `use`, each with the name that it gets, up to the end of this branch.
    fn tree(&mut self, prefix: &[String], names: &mut Vec<(Segments, String)>) {
        self.skip_colons();
        let path = [prefix, &self.path()].concat();
        let Some(token) = self.tokens.get(self.place).cloned() else { return };
        if token.is_sign('{') {
            self.place += 1;
            while self.tokens.get(self.place).is_some_and(|token| !token.is_sign('}')) {
                let before = self.place;
                self.tree(&path, names);
                if self.tokens.get(self.place).is_some_and(|token| token.is_sign(',')) || self.place == before {
                    self.place += 1;
                }
            }
            self.place += 1;
            return;
        }
        if token.is_sign('*') {
            self.place += 1;
        }
        let is_self = path.len() > 1 && path.last().is_some_and(|last| last == "self");
        let path = if is_self { path[..path.len() - 1].to_vec() } else { path };
        let mut name = path.last().cloned();
        if self.tokens.get(self.place).is_some_and(|token| token.is_word("as")) {
            self.place += 1;
            name = self.path().pop();
        }
        names.extend(name.map(|name| (path, name)));
    }

    /// Skips an attribute, and gives its tokens.
    fn attribute(&mut self) -> Vec<Token> {
        let start = self.place;
        let mut depth = 0_usize;
        self.place += 1;
        while let Some(token) = self.tokens.get(self.place) {
            match token {
                Token::Sign('[') => depth += 1,
                Token::Sign(']') => depth = depth.saturating_sub(1),
                Token::Sign('!') => {}
                _ if depth == 0 => break,
                _ => {}
            }
            self.place += 1;
            if depth == 0 && self.tokens[self.place - 1].is_sign(']') {
                break;
            }
        }
        self.tokens[start..self.place].to_vec()
    }

    /// Goes into, or past, a module; gives its path unless it is left out.
    fn module_item(&mut self, is_left_out: bool) -> Option<Segments> {
        self.place += 1;
        let Some(Token::Word(name)) = self.tokens.get(self.place).cloned() else { return None };
        self.place += 1;
        let is_block = self.tokens.get(self.place).is_some_and(|token| token.is_sign('{'));
        self.place += 1;
        match (is_block, is_left_out) {
            (true, true) => {
                self.skip_block();
                None
            }
            (true, false) => {
                self.blocks.push(true);
                self.module.push(name);
                Some(self.module.clone())
            }
            (false, true) => None,
            (false, false) => Some([&self.module[..], &[name]].concat()),
        }
    }

    /// To the end of the block that was just opened.
    fn skip_block(&mut self) {
        let mut depth = 1_usize;
        while depth > 0 && self.place < self.tokens.len() {
            match self.tokens[self.place] {
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => depth -= 1,
                _ => {}
            }
            self.place += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(root: &str, files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("lib.rs"), root).unwrap();
        for (name, source) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, source).unwrap();
        }
        let uses = Modules::read(&folder.path().join("lib.rs")).uses();
        uses.into_iter().map(|(from, to)| format!("{} -> {}", from.join("::"), to.join("::"))).collect()
    }

    #[test]
    fn a_path_leads_to_the_module_that_it_is_in() {
        let files = [("a.rs", "use crate::b::{C, d::{self, E}};"), ("b/mod.rs", "pub mod d;"), ("b/d.rs", "")];
        assert_eq!(uses("mod a; mod b;", &files), ["a -> b", "a -> b::d"]);
    }

    #[test]
    fn a_path_in_the_middle_of_code_counts_too() {
        let files = [("a.rs", "fn f() { super::b::g(\"crate::c\") }"), ("b.rs", "pub fn g() {}"), ("c.rs", "")];
        assert_eq!(uses("mod a; mod b; mod c;", &files), ["a -> b"]);
    }

    #[test]
    fn what_is_exported_again_is_found_where_it_is() {
        let files = [("a.rs", "use crate::{B, D as E};"), ("b.rs", "pub struct B;"), ("c.rs", "")];
        let root = "mod a; mod b; mod c; pub use b::B; pub(crate) use self::c::C as D;";
        assert_eq!(uses(root, &files), [" -> c", "a -> b", "a -> c"]);
    }

    #[test]
    fn tests_do_not_count() {
        let files =
            [("a.rs", "#[cfg(test)] mod tests { use crate::b::g; } use crate::c::h;"), ("b.rs", ""), ("c.rs", "")];
        assert_eq!(uses("mod a; mod b; mod c;", &files), ["a -> c"]);
    }

    #[test]
    fn super_in_a_block_of_a_module_is_the_file() {
        let files = [("a.rs", "mod inner { use super::super::b::B; use super::x; }"), ("b.rs", "")];
        assert_eq!(uses("mod a; mod b;", &files), ["a::inner -> a", "a::inner -> b"]);
    }
}
