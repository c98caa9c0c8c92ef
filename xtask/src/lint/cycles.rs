//! No circle of modules: among the modules of one folder, if one uses another, that one does not lead back to it.
//!
//! A module and what is inside of it are one here: what a child takes from its parent is no circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::modules::{Modules, Segments};

/// Which siblings each module uses.
type Edges = BTreeMap<Segments, BTreeSet<Segments>>;

/// The circles of the crate with this root file, each as `a -> b -> a`.
pub(super) fn cycles(root: &Path) -> Vec<String> {
    let mut edges = Edges::new();
    for (from, to) in Modules::read(root).uses() {
        let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        // Else one is inside of the other.
        if from.len() > common && to.len() > common {
            edges.entry(from[..=common].to_vec()).or_default().insert(to[..=common].to_vec());
        }
    }
    let mut cycles = Vec::new();
    let mut reported = BTreeSet::new();
    for module in edges.keys() {
        if reported.contains(module) {
            continue;
        }
        if let Some(cycle) = shortest(&edges, module) {
            reported.extend(cycle.iter().cloned());
            cycles.push(cycle.iter().map(|module| module.join("::")).collect::<Vec<_>>().join(" -> "));
        }
    }
    cycles
}

/// The shortest way from a module back to it.
fn shortest(edges: &Edges, start: &Segments) -> Option<Vec<Segments>> {
    let mut came_from: BTreeMap<&Segments, &Segments> = BTreeMap::new();
    let mut round = vec![start];
    while !round.is_empty() {
        let mut next = Vec::new();
        for module in round {
            for used in edges.get(module).into_iter().flatten() {
                if used == start {
                    let mut way = vec![start.clone(), module.clone()];
                    let mut place = module;
                    while let Some(before) = came_from.get(place) {
                        way.push((*before).clone());
                        place = before;
                    }
                    way.reverse();
                    if module == start {
                        way.pop();
                    }
                    return Some(way);
                }
                if !came_from.contains_key(used) {
                    came_from.insert(used, module);
                    next.push(used);
                }
            }
        }
        round = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles_of(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, source) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, source).unwrap();
        }
        cycles(&folder.path().join("lib.rs"))
    }

    #[test]
    fn a_circle_is_spelt_out() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::x;"),
            ("b.rs", "use super::c::y;"),
            ("c.rs", "fn f() { crate::a::z() }"),
        ];
        assert_eq!(cycles_of(&files), ["a -> b -> c -> a"]);
    }

    #[test]
    fn a_line_of_modules_is_no_circle() {
        let files = [("lib.rs", "mod a; mod b; pub use a::A;"), ("a.rs", "use crate::b::x;"), ("b.rs", "")];
        assert!(cycles_of(&files).is_empty());
    }

    #[test]
    fn a_child_may_use_its_parent_but_not_by_way_of_a_sibling() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "mod child; pub struct A;"),
            ("a/child.rs", "use super::A; use crate::b::B;"),
            ("b.rs", "use crate::a::A;"),
        ];
        assert_eq!(cycles_of(&files), ["a -> b -> a"]);
    }
}
