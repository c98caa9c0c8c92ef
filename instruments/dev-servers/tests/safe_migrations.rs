//! Migrations are applied while the services work, and before those that need them. So none may keep others from a table for as long as
//! it takes to read or to write it, and none may take away what the version before it needs.

use dev_servers::fill;
use squawk_linter::{Linter, Rule};
use squawk_syntax::SourceFile;
use squawk_syntax::ast::{AstNode as _, Stmt};
use std::path::Path;

/// The last migration from before there were tables of millions of rows anywhere.
const BEFORE: u32 = 53;
/// What reads or writes a whole table under a lock, and what breaks the version before it.
const RULES: [Rule; 17] = [
    Rule::RequireConcurrentIndexCreation,
    Rule::RequireConcurrentIndexDeletion,
    Rule::RequireConcurrentReindex,
    Rule::RequireConcurrentPartitionDetach,
    Rule::ConstraintMissingNotValid,
    Rule::AddingForeignKeyConstraint,
    Rule::DisallowedUniqueConstraint,
    Rule::AddingSerialPrimaryKeyField,
    Rule::AddingFieldWithDefault,
    Rule::AddingNotNullableField,
    Rule::AddingRequiredField,
    Rule::ChangingColumnType,
    Rule::RenamingColumn,
    Rule::RenamingTable,
    Rule::BanDropColumn,
    Rule::BanDropTable,
    Rule::TransactionNesting,
];

/// What is wrong with the text of a migration.
fn faults(text: &str) -> Vec<String> {
    let parsed = SourceFile::parse(text);
    let mut faults: Vec<String> = parsed.errors().iter().map(|error| format!("{error:?}")).collect();
    let mut linter = Linter::from(RULES);
    let is_in_transaction = !text.starts_with("-- Not in a transaction.");
    linter.settings.assume_in_transaction = is_in_transaction;
    faults.extend(linter.lint(&parsed, text).into_iter().map(|found| {
        let help = found.help.unwrap_or_default();
        format!("{:?}: {} {help}: {}", found.code, found.message, &text[found.text_range])
    }));
    let writes = parsed.tree().stmts().filter(|statement| matches!(statement, Stmt::Update(_) | Stmt::Delete(_)));
    let texts = writes.map(|statement| statement.syntax().text().to_string());
    let of_large = texts.filter(|text| {
        fill::tables().any(|table| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == table))
    });
    if is_in_transaction {
        faults.extend(of_large.map(|text| {
            format!("a whole large table is written in one transaction; write it in steps, in a file that is in none: {text}")
        }));
    }
    faults
}

#[test]
fn no_new_migration_locks_or_writes_a_whole_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let number: u32 = name.split('_').next().unwrap().parse().unwrap();
        seen += 1;
        if number > BEFORE {
            let faults = faults(&std::fs::read_to_string(&path).unwrap());
            assert!(faults.is_empty(), "{name}:\n{}", faults.join("\n"));
        }
    }
    assert!(seen >= BEFORE, "the migrations are there");
}

#[test]
fn what_would_lock_or_rewrite_is_found_and_what_does_not_passes() {
    let bad = [
        "CREATE INDEX users_phone ON users (phone);",
        "-- Not in a transaction.\nCREATE INDEX users_phone ON users (phone);",
        "DROP INDEX users_search;",
        "ALTER TABLE users ADD COLUMN seen timestamptz NOT NULL DEFAULT clock_timestamp();",
        "ALTER TABLE users ADD COLUMN seen timestamptz NOT NULL;",
        "ALTER TABLE users ALTER COLUMN phone SET NOT NULL;",
        "ALTER TABLE users ALTER COLUMN id TYPE numeric;",
        "ALTER TABLE users ADD CONSTRAINT short CHECK (length(name) < 100);",
        "ALTER TABLE sessions ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES users;",
        "ALTER TABLE users ADD CONSTRAINT one_phone UNIQUE (phone);",
        "ALTER TABLE users DROP COLUMN phone;",
        "ALTER TABLE users RENAME COLUMN phone TO number;",
        "DROP TABLE attempts;",
        "UPDATE users SET locale = 'en' WHERE locale IS NULL;",
        "DELETE FROM audit_log WHERE action = 'login';",
        "ALTER TABLE users ADD COLUMN;",
    ];
    for text in bad {
        assert!(!faults(text).is_empty(), "{text}");
    }
    let good = [
        "CREATE TABLE devices (id bigint PRIMARY KEY, user_id bigint NOT NULL);\nCREATE INDEX devices_user ON devices (user_id);",
        "-- Not in a transaction.\nDROP INDEX CONCURRENTLY IF EXISTS users_phone;\n\nCREATE INDEX CONCURRENTLY users_phone ON users (phone);",
        "ALTER TABLE users ADD COLUMN seen_at timestamptz;",
        "ALTER TABLE users ADD COLUMN is_old boolean NOT NULL DEFAULT false;",
        "ALTER TABLE users ADD CONSTRAINT short CHECK (length(name) < 100) NOT VALID;",
        "-- Not in a transaction.\nUPDATE users SET locale = 'en' WHERE locale IS NULL AND id < 1000;",
        "CREATE OR REPLACE FUNCTION two() RETURNS int LANGUAGE sql AS $$ SELECT 2 $$;",
    ];
    for text in good {
        assert_eq!(faults(text), Vec::<String>::new(), "{text}");
    }
}
