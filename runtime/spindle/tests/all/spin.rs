//! What Spin 3.6 has, and what Spindle has of it: each row of the tables in SPIN.md is tried here.
//!
//! "yes" and "differs" rows must start; "no" rows must be refused by name, with what to do.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use wasmparser::{Parser, Payload};

use crate::https::certificate;
use crate::spin_tables::Answer::{Differs, No, Yes};
use crate::spin_tables::{CONFIGURATION, INTERFACES, MANIFEST, OPTIONS, Row};
use crate::support::{Setup, guest};

/// The page with the tables.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/SPIN.md");
const BEGIN: &str = "<!-- begin: made by `UPDATE_SPIN=1 cargo test -p spindle --test all spin` -->\n";
const END: &str = "<!-- end -->";

/// The name and the other names of an option's row.
fn names(row: &Row) -> impl Iterator<Item = &'static str> {
    row.name.split(", ").filter(|name| name.starts_with('-') && !name.contains(' '))
}

#[track_caller]
fn refuses(setup: &Setup, name: &str, note: &str) {
    let error = setup.fail();
    assert!(!error.contains("panicked"), "{name}: {error}");
    let first = name.split([' ', ',']).next().unwrap_or(name);
    let key = first.rsplit(['.', ':']).next().unwrap_or(first);
    assert!(error.contains(first) || error.contains(key) || error.contains(note), "{name} is not named: {error}");
}

#[test]
fn spins_options_are_there_or_refused_by_name() {
    let mut setup = Setup::default().component("key_value_stores = [\"default\"]\nsqlite_databases = [\"default\"]\n");
    setup = setup
        .manifest("[variables]\ncolour = { default = \"x\" }\n")
        .manifest("[component.guest.build]\ncommand = \"true\"\n");
    for (row, value) in &OPTIONS {
        for name in names(row) {
            let arguments: Vec<_> = match *value {
                "" => continue,
                "-" => vec![name],
                value => vec![name, value],
            };
            match row.answer {
                // These two exclude others.
                _ if row.name.contains("quiet") || row.name.contains("disable-cache") => {}
                Yes | Differs => setup = setup.arguments(&arguments),
                No => {
                    let error = Setup::default().arguments(&arguments).fail();
                    let long = row.name.split(", ").next().unwrap();
                    assert!(error.contains(&format!("Spindle does not have {long}: ")), "{name}: {error}");
                }
            }
        }
    }
    assert_eq!(setup.start().text("/hello"), "hello");
    for quiet in ["--quiet", "-q", "--sh", "--shush"] {
        assert_eq!(Setup::default().arguments(&[quiet]).start().text("/hello"), "hello");
    }
}

#[test]
fn spins_options_of_tls_and_their_variables_serve_https() {
    let rows = OPTIONS.iter().filter(|(row, _)| row.name.starts_with("--tls-") && row.answer == Yes);
    assert_eq!(rows.count(), 2);
    let certified = certificate();
    let [cert, key] = certified.files();
    let by_option = Setup::default().arguments(&["--tls-cert", &cert, "--tls-key", &key]);
    let by_variable = Setup::default().env("SPIN_TLS_CERT", &cert).env("SPIN_TLS_KEY", &key);
    for setup in [by_option, by_variable] {
        let app = setup.start();
        assert!(certified.get(&app, "/hello").starts_with("HTTP/1.1 200"));
    }
    let error = Setup::default().arguments(&["--tls-cert", &cert]).fail();
    assert!(error.contains("--tls-key"), "{error}");
}

/// Where Spin itself is on the PATH, its help names no option that is not in the table.
#[test]
fn no_option_of_spins_is_left_out() {
    let Ok(help) = Command::new("spin").args(["up", "--help"]).current_dir("/").output() else { return };
    let known: BTreeSet<_> = OPTIONS.iter().flat_map(|(row, _)| names(row)).collect();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let told = help
        .split(|c: char| c.is_whitespace() || c == ',' || c == '`' || c == '=')
        .filter(|word| word.starts_with("--"));
    let unknown: Vec<_> = told.filter(|word| word.len() > 2 && !known.contains(word)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn spins_keys_are_there_or_refused_by_name() {
    std::thread::scope(|scope| {
        for rows in MANIFEST.chunks(16).chain(CONFIGURATION.chunks(16)) {
            scope.spawn(move || {
                for (row, make) in rows {
                    let setup = make(Setup::default());
                    match row.answer {
                        Yes | Differs => drop(setup.start()),
                        No => refuses(&setup, row.name, row.note),
                    }
                }
            });
        }
    });
}

#[test]
fn spins_interfaces_are_there_or_refused_by_name() {
    let imports = imports(&guest());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("probe.wat");
    for (row, part) in &INTERFACES {
        if part.is_empty() {
            let name = row.name.split(',').next().unwrap();
            assert!(imports.contains(name), "the test guest has no {name}, so there is nothing that tries it");
            continue;
        }
        let name = row.name.split(' ').next().unwrap();
        let part = if *part == "-" { "(export \"it\" (func))" } else { part };
        let text = format!("(component (import \"{name}\" (instance {part})))");
        std::fs::write(&path, wat::parse_str(&text).unwrap()).unwrap();
        let error = Setup::default().source(&path).fail();
        match row.answer {
            // The probe handles nothing, which is the one thing wrong with it.
            Yes | Differs => assert!(error.contains("does not export wasi:http/incoming-handler"), "{name}: {error}"),
            No => assert!(error.contains(&format!("needs `{name}`")) && error.contains(row.note), "{name}: {error}"),
        }
    }
}

/// What a module imports and exports from interfaces, by their names.
fn imports(path: &Path) -> BTreeSet<String> {
    let code = std::fs::read(path).unwrap();
    let mut names = BTreeSet::new();
    for payload in Parser::new(0).parse_all(&code) {
        match payload.unwrap() {
            Payload::ImportSection(section) => {
                names.extend(section.into_imports().map(|import| import.unwrap().module.to_owned()));
            }
            Payload::ExportSection(section) => {
                let interface = |name: &str| name.split('#').next().unwrap_or(name).to_owned();
                names.extend(section.into_iter().map(|export| interface(export.unwrap().name)));
            }
            _ => {}
        }
    }
    names
}

#[test]
fn the_tables_are_those_that_were_tried() {
    let mut tables = String::new();
    let mut table = |title: &str, rows: &mut dyn Iterator<Item = &Row>| {
        let _ = write!(tables, "## {title}\n\n| Spin 3.6 | Spindle | |\n|---|---|---|\n");
        for row in rows {
            let answer = match row.answer {
                Yes => "yes",
                Differs => "differs",
                No => "no",
            };
            let names: Vec<_> = row.name.split(", ").collect();
            let _ = writeln!(tables, "| {} | {answer} | {} |", names.join(", "), row.note);
        }
        tables.push('\n');
    };
    table("Options of `spin up` and their environment variables", &mut OPTIONS.iter().map(|(row, _)| row));
    table("Manifest", &mut MANIFEST.iter().map(|(row, _)| row));
    table("Runtime configuration", &mut CONFIGURATION.iter().map(|(row, _)| row));
    table("Host interfaces", &mut INTERFACES.iter().map(|(row, _)| row));
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let current = format!("{before}{BEGIN}{tables}{END}{after}");
    if std::env::var_os("UPDATE_SPIN").is_some() {
        std::fs::write(PAGE, current).unwrap();
    } else {
        assert!(page == current, "SPIN.md is out of date: UPDATE_SPIN=1 cargo test -p spindle --test all spin");
    }
}
