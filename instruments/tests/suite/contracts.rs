//! The contracts in `wit/`: a component asks its runtime for what its world says, and for nothing else.

use blackbox::folder::workspace;
use std::collections::BTreeSet;
use wasmparser::{Parser, Payload};
use wit_parser::{Resolve, WorldKey};

/// The interfaces of Spin that a world imports, and those that it exports.
fn world(name: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(workspace().join("wit")).expect("the contracts can be read");
    let world = resolve.select_world(&[package], Some(name)).expect("there is a world for each component");
    // An interface of types alone leaves no trace in a component.
    let name_of = |key: &WorldKey| match key {
        WorldKey::Interface(id) if resolve.interfaces[*id].functions.is_empty() => None,
        WorldKey::Interface(id) => Some(resolve.id_of(*id).expect("interfaces have names")),
        WorldKey::Name(name) => Some(name.clone()),
    };
    let world = &resolve.worlds[world];
    (world.imports.keys().filter_map(name_of).collect(), world.exports.keys().filter_map(name_of).collect())
}

/// The interfaces of Spin that a built component imports, and those that it exports.
fn component(name: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let file = workspace().join(format!("target/wasm32-wasip1/component/{name}.wasm"));
    let bytes = std::fs::read(file).expect("the components are built");
    let is_spins = |name: &str| ["fermyon:", "spin:", "concierge:"].iter().any(|package| name.starts_with(package));
    let (mut imports, mut exports) = (BTreeSet::new(), BTreeSet::new());
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.expect("the component can be read") {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.expect("the import can be read");
                    imports.insert(import.module.to_owned());
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.expect("the export can be read");
                    exports.insert(export.name.split('#').next().unwrap_or_default().to_owned());
                }
            }
            _ => {}
        }
    }
    imports.retain(|name| is_spins(name));
    exports.retain(|name| is_spins(name));
    (imports, exports)
}

#[test]
fn a_component_asks_for_what_its_world_says_and_nothing_else() {
    for name in ["users", "auth", "notification", "account", "console", "docs"] {
        assert_eq!(component(name), world(name), "{name}");
    }
}

#[test]
fn no_component_asks_for_more_than_a_runtime_offers() {
    let (offered, _) = world("capabilities");
    for name in ["users", "auth", "notification", "account", "console", "docs"] {
        let (imports, _) = component(name);
        assert!(imports.is_subset(&offered), "{name}: {imports:?}");
    }
}
