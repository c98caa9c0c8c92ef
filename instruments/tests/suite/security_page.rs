//! docs/security.md: what it says is so.

use blackbox::folder::workspace;
use std::collections::BTreeMap;
use toml::{Table, Value};

const PAGE: &str = include_str!("../../../docs/security.md");

/// The rows of the table that begins with this heading, as cells.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let start = PAGE.find(heading).unwrap_or_else(|| panic!("there is a table with {heading}"));
    let lines = PAGE[start..].lines().skip(2).take_while(|line| line.starts_with('|'));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_row_names_tests_that_there_are() {
    let rows = table("| requirement | how | test |");
    assert!(rows.len() > 40, "{} rows", rows.len());
    for row in rows {
        let names = quoted(row[2]);
        assert!(!names.is_empty(), "no test for {}", row[0]);
        for name in names {
            // `crate: module::test` or `file::test`.
            let (folder, path) = match name.split_once(": ") {
                Some((name, path)) => (format!("crates/{name}/src"), path),
                None => ("instruments/tests/suite".to_owned(), name),
            };
            let (file, test) = path.rsplit_once("::").expect("a test has a file");
            let file = workspace().join(folder).join(format!("{file}.rs"));
            let source = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
            let declared = format!("#[test]\n    fn {test}()");
            let is_there = source.contains(&declared) || source.contains(&declared.replace("\n    ", "\n"));
            assert!(is_there, "there is no test {name}");
        }
    }
}

#[test]
fn the_blast_radius_is_that_of_the_manifest() {
    let manifest: Table = include_str!("../../../spin.toml").parse().expect("spin.toml is TOML");
    let secrets: Vec<_> = manifest["variables"]
        .as_table()
        .expect("variables are a table")
        .iter()
        .filter(|(_, variable)| variable.get("secret").and_then(Value::as_bool) == Some(true))
        .map(|(name, _)| name.as_str())
        .collect();
    let mut found = BTreeMap::new();
    for (name, component) in manifest["component"].as_table().expect("components are a table") {
        let hosts: Vec<_> =
            component.get("allowed_outbound_hosts").and_then(Value::as_array).into_iter().flatten().collect();
        let hosts: Vec<_> = hosts.into_iter().filter_map(Value::as_str).collect();
        let templates: Vec<_> = component
            .get("variables")
            .and_then(Value::as_table)
            .into_iter()
            .flatten()
            .filter_map(|(_, v)| v.as_str())
            .collect();
        let known: Vec<_> = secrets
            .iter()
            .copied()
            .filter(|secret| templates.iter().any(|template| template.contains(&format!("{{{{ {secret} }}}}"))))
            .collect();
        found.insert(name.as_str(), (hosts, known));
    }
    let mut told: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = table("| component | reaches | secrets |")
        .iter()
        .map(|row| (row[0], (quoted(row[1]), quoted(row[2]))))
        .collect();
    for (_, secrets) in told.values_mut().chain(found.values_mut()) {
        secrets.sort_unstable();
    }
    assert_eq!(told, found);
}
