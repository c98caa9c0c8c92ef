//! The drill: a database is dumped, restored and compared.

use crate::stage::{Stage, words};
use dev_servers::{migrations, postgres};
use k8s_checks::app::workspace;
use std::os::unix::fs::PermissionsExt as _;

const PEOPLE: &str = "INSERT INTO users (name, surname, email, email_key, password_hash)
    SELECT 'Ada', 'Lovelace', 'ada' || n || '@example.org', 'ada' || n || '@example.org', 'v1:$2b$04$' || repeat('a', 53)
    FROM generate_series(1, 50) n";

/// A database that has something in it.
fn with_people() -> Option<Stage> {
    let stage = Stage::set()?;
    migrations::run(&stage.url, &workspace().join("migrations")).expect("the migrations apply");
    stage.sql(PEOPLE);
    Some(stage)
}

fn databases(stage: &Stage) -> Vec<String> {
    let mut client = postgres::connect(&stage.url).expect("it lets us in");
    let rows = client.query("SELECT datname::text FROM pg_database ORDER BY 1", &[]).expect("databases are listed");
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn a_backup_restores_to_the_same_content() {
    let Some(stage) = with_people() else { return };
    let before = databases(&stage);
    let drill = stage.run_as_superuser("backup/drill.sh", &[], "/nowhere");
    assert!(drill.status.success(), "{}", words(&drill));
    let said = words(&drill);
    assert!(said.lines().any(|line| line.starts_with("users ") && line.contains(" 50 ")), "{said}");
    assert!(said.contains("restores to the same content"), "{said}");
    assert_eq!(databases(&stage), before, "the copy is gone");
}

#[test]
fn a_row_that_is_missing_after_a_restore_is_found() {
    let Some(stage) = with_people() else { return };
    // A pg_restore that loses one person.
    let bad = stage.folder.path().join("bad");
    std::fs::create_dir(&bad).expect("a folder can be made");
    let lose =
        "[ \"$1\" = --list ] || psql --quiet --command='DELETE FROM users WHERE id = (SELECT max(id) FROM users)'";
    // The real one is the next on the path.
    let script = format!("#!/bin/sh\nPATH=\"${{PATH#*:}}\"\npg_restore \"$@\"\n{lose}\n");
    std::fs::write(bad.join("pg_restore"), script).expect("a script can be written");
    std::fs::set_permissions(bad.join("pg_restore"), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let before = databases(&stage);
    let drill = stage.run_as_superuser("backup/drill.sh", &[], &bad.display().to_string());
    let said = words(&drill);
    assert!(!drill.status.success() && said.contains("not what was dumped") && said.contains("< users|50|"), "{said}");
    assert_eq!(databases(&stage), before, "the copy is gone");
}

#[test]
fn a_backup_is_private_and_a_restore_takes_an_empty_database() {
    let Some(stage) = with_people() else { return };
    let file = stage.folder.path().join("backup").display().to_string();
    let backup = stage.run_as_superuser("backup/backup.sh", &[&file], "/nowhere");
    assert!(backup.status.success(), "{}", words(&backup));
    let mode = std::fs::metadata(&file).expect("the file is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = stage.run_as_superuser("backup/backup.sh", &[&file], "/nowhere");
    assert!(!again.status.success() && words(&again).contains("not written over"), "{}", words(&again));
    let restore = stage.run_as_superuser("backup/restore.sh", &[&file], "/nowhere");
    assert!(!restore.status.success() && words(&restore).contains("into an empty one"), "{}", words(&restore));
}

/// The statements that docs/operations.md has psql run before a restore, on `postgres`.
fn statements() -> Vec<String> {
    let path = workspace().join("docs/operations.md");
    let text = std::fs::read_to_string(path).expect("the page is there");
    let of = |line: &str| Some(line.trim().strip_prefix("--command '")?.split_once('\'')?.0.to_owned());
    text.lines().filter_map(of).filter(|statement| statement.contains("DATABASE concierge")).collect()
}

#[test]
fn a_database_in_use_is_restored_in_its_place() {
    let Some(stage) = with_people() else { return };
    let file = stage.folder.path().join("backup").display().to_string();
    let backup = stage.run_as_superuser("backup/backup.sh", &[&file], "/nowhere");
    assert!(backup.status.success(), "{}", words(&backup));
    stage.sql("DELETE FROM users");
    // A pod that is still connected.
    let _pod = postgres::connect(&stage.url).expect("it lets us in");
    let statements = statements();
    assert_eq!(statements.len(), 2, "{statements:?}");
    let owner = format!("OWNER {}", postgres::identifier(&stage.superuser.user));
    let mut client = postgres::connect(&stage.url_of("postgres")).expect("it lets us in");
    for statement in statements {
        client.batch_execute(&statement.replace("OWNER concierge", &owner)).expect("it is done");
    }
    let restore = stage.run_as_superuser("backup/restore.sh", &[&file], "/nowhere");
    assert!(restore.status.success(), "{}", words(&restore));
    let files = workspace().join("migrations").display().to_string();
    let migrate = stage.run_as_superuser("base/jobs/migrate.sh", &[&files], "/nowhere");
    let said = words(&migrate);
    assert!(migrate.status.success() && !said.contains("applied 0001"), "{said}");
    // The service has its rights again, and people are there.
    stage.sql("SET ROLE concierge_users; SELECT 1 / (count(*) = 50)::int FROM users");
}
