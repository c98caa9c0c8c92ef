//! The numbered SQL files of `migrations/`, each applied exactly once.
//!
//! A file is called `NNNN_name.sql`, numbered from 1 without gaps. It runs in one transaction together with its row in the
//! table `schema_migrations`, so it is there wholly or not at all. The row keeps the file's SHA-256: a file that changes after
//! it was applied is an error, since the database no longer has what the files say. Two runners at once are no harm: the
//! second waits for the first and finds nothing to do.
//!
//! The services go on meanwhile. Who waits for the lock on a table makes all wait who come after, so a statement waits half a
//! second for it, and its file is tried again. What cannot be in a transaction, as `CREATE INDEX CONCURRENTLY`, has a file
//! whose first line is `-- Not in a transaction.`; its statements are separated by empty lines, and each can be repeated.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::postgres::error::{DbError, ErrorPosition, SqlState};
use ::postgres::{Client, Transaction};
use sha2::{Digest as _, Sha256};

use crate::secret;

/// How long one runner waits for another.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a statement of a file waits for the lock on a table.
const TABLE_LOCK_TIMEOUT: &str = "500ms";
/// How often a file is tried that does not get one, and the pause after each try.
const TABLE_LOCK_TRIES: u32 = 120;
const TABLE_LOCK_PAUSE: Duration = Duration::from_millis(500);
/// The first line of a file whose statements are not in a transaction.
const NO_TRANSACTION: &str = "-- Not in a transaction.";
/// The advisory lock that runners take: the ASCII letters "concierg".
const LOCK_KEY: i64 = 0x636f_6e63_6965_7267;

const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version int PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)";

const RECORD: &str = "INSERT INTO public.schema_migrations (version, name, checksum) VALUES ($1, $2, $3)";

/// What a run has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The files that were applied, in order.
    pub applied: Vec<String>,
    /// How many were there already.
    pub already: usize,
}

/// Why migrations were not applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The folder or a file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file's name is not `NNNN_name.sql`.
    #[error("{0} is not called like a migration: NNNN_name.sql, with a number of at least four digits")]
    Name(String),
    /// Two files have one number.
    #[error("{first} and {second} have the same number: give one of them the next free one")]
    Duplicate {
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// A number is left out.
    #[error("number {expected:04} is missing: {found} comes next in the folder")]
    Gap {
        /// The number that is left out.
        expected: i32,
        /// The file after the gap.
        found: String,
    },
    /// The database cannot be reached.
    #[error(transparent)]
    Connect(#[from] crate::Error),
    /// Another runner holds the lock.
    #[error("another run of the migrations has not ended for {} s: look for it, or try again later", LOCK_TIMEOUT.as_secs())]
    Locked,
    /// A file is not what was applied.
    #[error(
        "{file} changed after it was applied: it is {now}, the database has {then}. Put the file back as it was, and write a new \
         migration for the change (a database for development alone can be removed: `cargo xtask clean`)"
    )]
    Changed {
        /// The file.
        file: String,
        /// The start of its checksum.
        now: String,
        /// The start of the checksum that was applied.
        then: String,
    },
    /// The database has a migration that is not in the folder.
    #[error(
        "the database has migration {version:04}_{name}, for which there is no file: this code is older than the database"
    )]
    Unknown {
        /// Its number.
        version: i32,
        /// Its name.
        name: String,
    },
    /// A file takes its transaction into its own hands.
    #[error("{0} ends the transaction that it runs in: take BEGIN, COMMIT and ROLLBACK out of it")]
    OwnTransaction(String),
    /// Somebody else keeps a lock that a statement needs.
    #[error(
        "{0} does not get the lock on a table: somebody keeps it, in a transaction that does not end. Nothing of this file was \
         applied. Look for it in pg_stat_activity, and run the migrations again"
    )]
    TableLocked(String),
    /// PostgreSQL refused a statement of a file.
    #[error("{file}{place}: {message}; nothing of this file was applied")]
    Statement {
        /// The file.
        file: String,
        /// Line and column, as `:3:14`; empty if PostgreSQL does not say.
        place: String,
        /// What PostgreSQL said.
        message: String,
    },
    /// PostgreSQL refused one of our own statements.
    #[error("the table schema_migrations cannot be used: {0}")]
    Bookkeeping(#[source] ::postgres::Error),
}

/// One file.
#[derive(Debug)]
struct Migration {
    version: i32,
    name: String,
    file: String,
    sql: String,
    checksum: String,
}

/// Applies what the database does not have yet.
pub fn run(database_url: &str, dir: &Path) -> Result<Report, MigrationError> {
    let files = read(dir)?;
    let mut client = crate::postgres::connect(database_url)?;
    lock(&mut client)?;
    // The lock ends with the connection, also when an error ends the run.
    client.batch_execute(CREATE_TABLE).map_err(MigrationError::Bookkeeping)?;
    let already = compare(&mut client, &files)?;
    let mut applied = Vec::new();
    for migration in &files[already..] {
        apply_when_unlocked(&mut client, migration)?;
        applied.push(migration.file.clone());
    }
    Ok(Report { applied, already })
}

/// Reads and checks the folder: names, numbers, gaps.
fn read(dir: &Path) -> Result<Vec<Migration>, MigrationError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| MigrationError::Read { path, source }
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(fail(dir))? {
        let path = entry.map_err(fail(dir))?.path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (version, name) = parse_name(&file).ok_or_else(|| MigrationError::Name(file.clone()))?;
        let sql = std::fs::read_to_string(&path).map_err(fail(&path))?;
        let checksum = secret::hex(&Sha256::digest(sql.as_bytes()));
        files.push(Migration { version, name, file, sql, checksum });
    }
    files.sort_by(|one, other| (one.version, &one.file).cmp(&(other.version, &other.file)));
    for (expected, (index, migration)) in (1..).zip(files.iter().enumerate()) {
        if migration.version < expected {
            let first = index.checked_sub(1).map_or_else(String::new, |before| files[before].file.clone());
            return Err(MigrationError::Duplicate { first, second: migration.file.clone() });
        }
        if migration.version > expected {
            return Err(MigrationError::Gap { expected, found: migration.file.clone() });
        }
    }
    Ok(files)
}

/// Takes `0001_users.sql` apart.
fn parse_name(file: &str) -> Option<(i32, String)> {
    let (number, name) = file.strip_suffix(".sql")?.split_once('_')?;
    let plain = number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty();
    let version = number.parse().ok().filter(|&version: &i32| plain && version > 0)?;
    Some((version, name.to_owned()))
}

fn lock(client: &mut Client) -> Result<(), MigrationError> {
    let statement = format!(
        "SET client_min_messages = warning; SET lock_timeout = '{}s'; SELECT pg_advisory_lock({LOCK_KEY}); RESET lock_timeout",
        LOCK_TIMEOUT.as_secs()
    );
    client.batch_execute(&statement).map_err(|error| match error.as_db_error().map(DbError::code) {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => MigrationError::Locked,
        _ => MigrationError::Bookkeeping(error),
    })
}

/// Compares the files with what was applied before; gives how many of them that is.
fn compare(client: &mut Client, files: &[Migration]) -> Result<usize, MigrationError> {
    let rows = client
        .query("SELECT version, name, checksum FROM schema_migrations ORDER BY version", &[])
        .map_err(MigrationError::Bookkeeping)?;
    for (index, row) in rows.iter().enumerate() {
        let version: i32 = row.get(0);
        let then: String = row.get(2);
        match files.get(index) {
            Some(file) if file.version == version && file.checksum == then => {}
            Some(file) if file.version == version => {
                return Err(MigrationError::Changed {
                    file: file.file.clone(),
                    now: short(&file.checksum),
                    then: short(&then),
                });
            }
            _ => {
                return Err(MigrationError::Unknown { version, name: row.get(1) });
            }
        }
    }
    Ok(rows.len())
}

fn short(checksum: &str) -> String {
    checksum.chars().take(12).collect()
}

/// Applies a file. Nobody who wants to use its tables waits long meanwhile.
fn apply_when_unlocked(client: &mut Client, migration: &Migration) -> Result<(), MigrationError> {
    for _ in 0..TABLE_LOCK_TRIES {
        let applied = if migration.sql.starts_with(NO_TRANSACTION) {
            apply_by_statement(client, migration)
        } else {
            apply(client, migration)
        };
        match applied {
            Err(MigrationError::TableLocked(_)) => std::thread::sleep(TABLE_LOCK_PAUSE),
            applied => return applied,
        }
    }
    Err(MigrationError::TableLocked(migration.file.clone()))
}

/// Applies a file whose statements cannot be in a transaction. What was done before one failed is done again.
fn apply_by_statement(client: &mut Client, migration: &Migration) -> Result<(), MigrationError> {
    client.batch_execute(&format!("SET lock_timeout = '{TABLE_LOCK_TIMEOUT}'")).map_err(MigrationError::Bookkeeping)?;
    let mut applied = Ok(());
    for statement in migration.sql.split("\n\n") {
        applied =
            applied.and_then(|()| client.batch_execute(statement).map_err(|error| statement_error(migration, &error)));
    }
    client.batch_execute("RESET lock_timeout").map_err(MigrationError::Bookkeeping)?;
    applied?;
    client
        .execute(RECORD, &[&migration.version, &migration.name, &migration.checksum])
        .map(drop)
        .map_err(MigrationError::Bookkeeping)
}

fn apply(client: &mut Client, migration: &Migration) -> Result<(), MigrationError> {
    let mut transaction = client.transaction().map_err(MigrationError::Bookkeeping)?;
    transaction
        .batch_execute(&format!("SET LOCAL lock_timeout = '{TABLE_LOCK_TIMEOUT}'"))
        .map_err(MigrationError::Bookkeeping)?;
    let before = transaction_id(&mut transaction)?;
    transaction.batch_execute(&migration.sql).map_err(|error| statement_error(migration, &error))?;
    if transaction_id(&mut transaction)? != before {
        return Err(MigrationError::OwnTransaction(migration.file.clone()));
    }
    transaction
        .execute(RECORD, &[&migration.version, &migration.name, &migration.checksum])
        .map_err(MigrationError::Bookkeeping)?;
    // A deferred constraint may still refuse.
    transaction.commit().map_err(|error| statement_error(migration, &error))
}

fn transaction_id(transaction: &mut Transaction<'_>) -> Result<i64, MigrationError> {
    let row = transaction.query_one("SELECT txid_current()", &[]).map_err(MigrationError::Bookkeeping)?;
    Ok(row.get(0))
}

fn statement_error(migration: &Migration, error: &::postgres::Error) -> MigrationError {
    let file = migration.file.clone();
    let Some(refusal) = error.as_db_error() else {
        return MigrationError::Statement { file, place: String::new(), message: error.to_string() };
    };
    if *refusal.code() == SqlState::LOCK_NOT_AVAILABLE {
        return MigrationError::TableLocked(file);
    }
    let place = match refusal.position() {
        Some(ErrorPosition::Original(position)) => line_and_column(&migration.sql, *position),
        _ => String::new(),
    };
    let extras = [refusal.detail(), refusal.hint()].into_iter().flatten().map(|extra| format!(" ({extra})"));
    let message = format!("{}: {}{}", refusal.code().code(), refusal.message(), extras.collect::<String>());
    MigrationError::Statement { file, place, message }
}

/// PostgreSQL counts characters from 1.
fn line_and_column(sql: &str, position: u32) -> String {
    let before: String = sql.chars().take((position as usize).saturating_sub(1)).collect();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
    format!(":{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::{Options, Postgres, connect};

    struct Case {
        _server: Postgres,
        url: String,
        _dir: tempfile::TempDir,
        files: PathBuf,
    }

    impl Case {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let server = Postgres::start(&dir.path().join("postgres"), Options::for_tests()).unwrap();
            let url = server.create_database("app").unwrap();
            let files = dir.path().join("migrations");
            std::fs::create_dir(&files).unwrap();
            Self { _server: server, url, _dir: dir, files }
        }

        fn write(&self, name: &str, sql: &str) {
            std::fs::write(self.files.join(name), sql).unwrap();
        }

        fn run(&self) -> Result<Report, MigrationError> {
            run(&self.url, &self.files)
        }

        fn count(&self, from: &str) -> Option<i64> {
            let row = connect(&self.url).unwrap().query_one(&format!("SELECT count(*) FROM {from}"), &[]).ok()?;
            Some(row.get(0))
        }
    }

    #[test]
    fn files_are_applied_once_in_order_and_later_ones_afterwards() {
        let case = Case::new();
        assert_eq!(case.run().unwrap(), Report { applied: vec![], already: 0 }, "an empty folder is no error");
        case.write("0002_fill.sql", "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2);");
        case.write("0001_table.sql", "CREATE TABLE t (n int);");
        let report = case.run().unwrap();
        assert_eq!(report.applied, ["0001_table.sql", "0002_fill.sql"]);
        assert_eq!(case.run().unwrap(), Report { applied: vec![], already: 2 });
        case.write("0003_more.sql", "INSERT INTO t VALUES (3)");
        assert_eq!(case.run().unwrap(), Report { applied: vec!["0003_more.sql".into()], already: 2 });
        assert_eq!(case.count("t"), Some(3));
    }

    #[test]
    fn a_file_that_changed_after_it_was_applied_is_refused() {
        let case = Case::new();
        case.write("0001_table.sql", "CREATE TABLE t (n int);");
        case.run().unwrap();
        case.write("0001_table.sql", "CREATE TABLE t (n bigint);");
        let error = case.run().unwrap_err();
        assert!(error.to_string().starts_with("0001_table.sql changed after it was applied"), "{error}");
    }

    #[test]
    fn an_applied_migration_without_a_file_is_refused() {
        let case = Case::new();
        case.write("0001_table.sql", "CREATE TABLE t (n int);");
        case.run().unwrap();
        std::fs::remove_file(case.files.join("0001_table.sql")).unwrap();
        let error = case.run().unwrap_err();
        assert!(matches!(error, MigrationError::Unknown { version: 1, .. }), "{error}");
    }

    #[test]
    fn a_failing_file_leaves_nothing_behind_and_names_the_place() {
        let case = Case::new();
        case.write("0001_table.sql", "CREATE TABLE t (n int);");
        case.write(
            "0002_half.sql",
            "CREATE TABLE u (n int);\nINSERT INTO t VALUES (1);\nINSERT INTO nowhere VALUES (1);\n",
        );
        let error = case.run().unwrap_err();
        assert!(error.to_string().starts_with("0002_half.sql:3:13: 42P01: relation \"nowhere\""), "{error}");
        assert_eq!(case.count("t"), Some(0));
        assert_eq!(case.count("u"), None);
        assert_eq!(case.count("schema_migrations"), Some(1));
    }

    #[test]
    fn a_file_may_not_end_its_transaction() {
        let case = Case::new();
        case.write("0001_table.sql", "CREATE TABLE t (n int); COMMIT; BEGIN;");
        assert!(matches!(case.run().unwrap_err(), MigrationError::OwnTransaction(_)));
        assert_eq!(case.count("schema_migrations"), Some(0));
    }

    #[test]
    fn who_uses_a_table_waits_no_longer_than_half_a_second_while_a_migration_waits_for_it() {
        let case = Case::new();
        case.write("0001_table.sql", "CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
        case.run().unwrap();
        case.write("0002_column.sql", "ALTER TABLE t ADD COLUMN m int");
        let mut busy = connect(&case.url).unwrap();
        let mut transaction = busy.transaction().unwrap();
        transaction.execute("SELECT FROM t", &[]).unwrap();
        std::thread::scope(|scope| {
            let runner = scope.spawn(|| case.run().unwrap());
            let (start, mut longest) = (std::time::Instant::now(), Duration::ZERO);
            let mut user = connect(&case.url).unwrap();
            while start.elapsed() < Duration::from_secs(3) {
                let asked = std::time::Instant::now();
                user.execute("UPDATE t SET n = n + 1", &[]).unwrap();
                longest = longest.max(asked.elapsed());
            }
            assert!(!runner.is_finished());
            assert!(longest > Duration::from_millis(200), "it did wait for the migration: {longest:?}");
            assert!(longest < Duration::from_millis(900), "{longest:?}");
            transaction.commit().unwrap();
            assert_eq!(runner.join().unwrap().applied, ["0002_column.sql"]);
        });
        assert_eq!(case.count("t WHERE m IS NULL"), Some(1));
    }

    #[test]
    fn a_file_that_is_not_in_a_transaction_makes_an_index_beside_the_work_and_can_be_repeated() {
        let case = Case::new();
        case.write("0001_table.sql", "CREATE TABLE t (n int); INSERT INTO t VALUES (1), (1)");
        let index = "-- Not in a transaction.\nDROP INDEX CONCURRENTLY IF EXISTS t_n;\n\n\
            CREATE UNIQUE INDEX CONCURRENTLY t_n ON t (n);\n";
        case.write("0002_index.sql", index);
        let error = case.run().unwrap_err();
        assert!(error.to_string().contains("23505"), "{error}");
        assert_eq!(case.count("schema_migrations"), Some(1));
        connect(&case.url).unwrap().batch_execute("DELETE FROM t").unwrap();
        assert_eq!(case.run().unwrap().applied, ["0002_index.sql"]);
        assert_eq!(case.count("pg_index WHERE indexrelid = 't_n'::regclass AND indisvalid"), Some(1));
    }

    #[test]
    fn two_runners_at_once_apply_each_file_once() {
        let case = Case::new();
        case.write("0001_table.sql", "CREATE TABLE t (n int); SELECT pg_sleep(0.5);");
        case.write("0002_fill.sql", "INSERT INTO t VALUES (1);");
        let reports = std::thread::scope(|scope| {
            let runners: Vec<_> = (0..2).map(|_| scope.spawn(|| case.run().unwrap())).collect();
            runners.into_iter().map(|runner| runner.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(reports.iter().map(|report| report.applied.len()).sum::<usize>(), 2);
        assert_eq!(reports.iter().map(|report| report.already).sum::<usize>(), 2);
        assert_eq!(case.count("t"), Some(1));
    }

    #[test]
    fn gaps_duplicates_and_odd_names_are_refused_before_anything_is_applied() {
        let cases = [
            (vec!["0001_a.sql", "0003_c.sql"], "number 0002 is missing"),
            (vec!["0001_a.sql", "0001_b.sql"], "0001_a.sql and 0001_b.sql have the same number"),
            (vec!["0002_b.sql"], "number 0001 is missing"),
            (vec!["1_a.sql"], "1_a.sql is not called like a migration"),
            (vec!["0000_a.sql"], "0000_a.sql is not called like a migration"),
            (vec!["0001.sql"], "0001.sql is not called like a migration"),
        ];
        for (names, expected) in cases {
            let dir = tempfile::tempdir().unwrap();
            for name in names {
                std::fs::write(dir.path().join(name), "SELECT 1").unwrap();
            }
            let error = read(dir.path()).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }
}
