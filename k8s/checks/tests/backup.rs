//! The drill: a database is dumped, restored and compared, on a real PostgreSQL.

use dev_servers::install::{self, Found, Tool};
use dev_servers::migrations;
use dev_servers::postgres::{self, Address, Options, Postgres};
use k8s_checks::app::workspace;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// PostgreSQL with a database that has something in it.
struct Stage {
    _postgres: Postgres,
    address: Address,
    url: String,
    folder: tempfile::TempDir,
    programs: PathBuf,
}

impl Stage {
    /// Nothing, after saying why, where PostgreSQL's programs are in a container.
    fn set() -> Option<Self> {
        let Ok(Found::Programs(programs)) = install::locate(Tool::Postgres) else {
            println!("skipped: pg_dump is not on this machine");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder can be made");
        // Its server may run as somebody else, who has to get there.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        let postgres = Postgres::start(folder.path(), Options::for_tests()).expect("PostgreSQL starts");
        let url = postgres.create_database("concierge").expect("a database can be made");
        migrations::run(&url, &workspace().join("migrations")).expect("the migrations apply");
        postgres::connect(&url).expect("it lets us in").batch_execute(PEOPLE).expect("people can be put in");
        let address = Address::parse(&url).expect("a URL");
        Some(Self { _postgres: postgres, address, url, folder, programs })
    }

    fn run(&self, script: &str, arguments: &[&str], database: &str, path: &Path) -> Output {
        let (host, port) = self.address.host.split_once(':').expect("an address has a port");
        let own = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command.arg(workspace().join("k8s/backup").join(script)).args(arguments);
        command.env("PATH", format!("{}:{}:{own}", path.display(), self.programs.display()));
        command.envs([("PGHOST", host), ("PGPORT", port), ("PGUSER", &self.address.user)]);
        command.envs([("PGPASSWORD", self.address.password.as_str()), ("PGDATABASE", database)]);
        command.output().expect("sh can be started")
    }

    fn databases(&self) -> Vec<String> {
        let mut client = postgres::connect(&self.url).expect("it lets us in");
        let rows = client.query("SELECT datname::text FROM pg_database ORDER BY 1", &[]).expect("databases are listed");
        rows.iter().map(|row| row.get(0)).collect()
    }
}

const PEOPLE: &str = "INSERT INTO users (name, surname, email, email_key, password_hash)
    SELECT 'Ada', 'Lovelace', 'ada' || n || '@example.org', 'ada' || n || '@example.org', 'v1:$2b$04$' || repeat('a', 53)
    FROM generate_series(1, 50) n";

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_backup_restores_to_the_same_content() {
    let Some(stage) = Stage::set() else { return };
    let before = stage.databases();
    let drill = stage.run("drill.sh", &[], "concierge", Path::new("/nowhere"));
    assert!(drill.status.success(), "{}", words(&drill));
    let said = words(&drill);
    assert!(said.lines().any(|line| line.starts_with("users ") && line.contains(" 50 ")), "{said}");
    assert!(said.contains("restores to the same content"), "{said}");
    assert_eq!(stage.databases(), before, "the copy is gone");
}

#[test]
fn a_row_that_is_missing_after_a_restore_is_found() {
    let Some(stage) = Stage::set() else { return };
    // A pg_restore that loses one person.
    let bad = stage.folder.path().join("bad");
    std::fs::create_dir(&bad).expect("a folder can be made");
    let lose =
        "[ \"$1\" = --list ] || psql --quiet --command='DELETE FROM users WHERE id = (SELECT max(id) FROM users)'";
    // The real one is the next on the path.
    let script = format!("#!/bin/sh\nPATH=\"${{PATH#*:}}\"\npg_restore \"$@\"\n{lose}\n");
    std::fs::write(bad.join("pg_restore"), script).expect("a script can be written");
    std::fs::set_permissions(bad.join("pg_restore"), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let before = stage.databases();
    let drill = stage.run("drill.sh", &[], "concierge", &bad);
    let said = words(&drill);
    assert!(!drill.status.success() && said.contains("not what was dumped") && said.contains("< users|50|"), "{said}");
    assert_eq!(stage.databases(), before, "the copy is gone");
}

#[test]
fn a_backup_is_private_and_a_restore_takes_an_empty_database() {
    let Some(stage) = Stage::set() else { return };
    let file = stage.folder.path().join("backup").display().to_string();
    let backup = stage.run("backup.sh", &[&file], "concierge", Path::new("/nowhere"));
    assert!(backup.status.success(), "{}", words(&backup));
    let mode = std::fs::metadata(&file).expect("the file is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = stage.run("backup.sh", &[&file], "concierge", Path::new("/nowhere"));
    assert!(!again.status.success() && words(&again).contains("not written over"), "{}", words(&again));
    let restore = stage.run("restore.sh", &[&file], "concierge", Path::new("/nowhere"));
    assert!(!restore.status.success() && words(&restore).contains("into an empty one"), "{}", words(&restore));
}
