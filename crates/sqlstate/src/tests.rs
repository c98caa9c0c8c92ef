//! The texts are recorded: PostgreSQL 15.18, read by the driver and the error type that Spin 3.6.3 is locked to
//! (tokio-postgres 0.7.12, anyhow 1.0.100). Names and values are made up.

use super::*;

fn assert_texts(texts: &[&str], code: SqlState) {
    for text in texts {
        assert_eq!(SqlState::in_text(text), Some(code), "{text}");
    }
}

#[test]
fn a_code_is_read_from_the_debug_form() {
    assert_texts(
        &[
            r#"Error { kind: Db, cause: Some(DbError { severity: "ERROR", parsed_severity: Some(Error), code: SqlState(E23505), message: "duplicate key value violates unique constraint \"users_email_key\"", detail: Some("Key (email_key)=(ada@example.org) already exists."), hint: None, position: None, where_: None, schema: Some("public"), table: Some("users"), column: None, datatype: None, constraint: Some("users_email_key"), file: Some("nbtinsert.c"), line: Some(664), routine: Some("_bt_check_unique") }) }"#,
        ],
        SqlState::UNIQUE_VIOLATION,
    );
    assert_texts(
        &[
            r#"Error { kind: Db, cause: Some(DbError { severity: "ERROR", parsed_severity: Some(Error), code: SqlState(Other("C0001")), message: "made up", detail: None }) }"#,
        ],
        SqlState(*b"C0001"),
    );
}

#[test]
fn a_code_is_known_by_the_message_of_the_display_form() {
    assert_texts(
        &[
            "db error: ERROR: duplicate key value violates unique constraint \"users_email_key\"\nDETAIL: Key (email_key)=(ada@example.org) already exists.\n\nCaused by:\n    ERROR: duplicate key value violates unique constraint \"users_email_key\"\n    DETAIL: Key (email_key)=(ada@example.org) already exists.",
            "db error\n\nCaused by:\n    ERROR: duplicate key value violates unique constraint \"users_email_key\"\n    DETAIL: Key (email_key)=(ada@example.org) already exists.",
        ],
        SqlState::UNIQUE_VIOLATION,
    );
    assert_texts(
        &[
            "db error: ERROR: insert or update on table \"sessions\" violates foreign key constraint \"sessions_user_id_fkey\"\nDETAIL: Key (user_id)=(7) is not present in table \"users\".\n\nCaused by:\n    ERROR: insert or update on table \"sessions\" violates foreign key constraint \"sessions_user_id_fkey\"\n    DETAIL: Key (user_id)=(7) is not present in table \"users\".",
        ],
        SqlState::FOREIGN_KEY_VIOLATION,
    );
    assert_texts(
        &[
            "db error: ERROR: cannot execute INSERT in a read-only transaction\n\nCaused by:\n    ERROR: cannot execute INSERT in a read-only transaction",
            "db error: ERROR: cannot execute nextval() during recovery\n\nCaused by:\n    ERROR: cannot execute nextval() during recovery",
        ],
        SqlState::READ_ONLY,
    );
    assert_texts(
        &[
            "db error: ERROR: could not serialize access due to concurrent update\n\nCaused by:\n    ERROR: could not serialize access due to concurrent update",
            "db error: ERROR: could not serialize access due to read/write dependencies among transactions\nDETAIL: Reason code: Canceled on identification as a pivot, during write.\nHINT: The transaction might succeed if retried.",
        ],
        SqlState::SERIALIZATION_FAILURE,
    );
    assert_texts(
        &[
            "db error: ERROR: deadlock detected\nDETAIL: Process 4011 waits for ShareLock on transaction 741; blocked by process 4012.\nProcess 4012 waits for ShareLock on transaction 740; blocked by process 4011.\nHINT: See server log for query details.",
        ],
        SqlState::DEADLOCK,
    );
    assert_texts(
        &[
            "db error: ERROR: canceling statement due to lock timeout\n\nCaused by:\n    ERROR: canceling statement due to lock timeout",
            "db error: ERROR: could not obtain lock on row in relation \"users\"",
        ],
        SqlState::LOCK_NOT_AVAILABLE,
    );
    assert_texts(
        &[
            "db error: ERROR: canceling statement due to statement timeout\n\nCaused by:\n    ERROR: canceling statement due to statement timeout",
            "db error: ERROR: canceling statement due to user request",
        ],
        SqlState::QUERY_CANCELED,
    );
    assert_texts(
        &[
            "db error: FATAL: terminating connection due to administrator command\n\nCaused by:\n    FATAL: terminating connection due to administrator command",
            "db error: PANIC: could not write to file \"pg_wal/xlogtemp.1\": No space left on device",
        ],
        SqlState::ADMIN_SHUTDOWN,
    );
    assert_texts(
        &[
            "db error: ERROR: could not extend file \"base/16384/16385\": No space left on device\nHINT: Check free disk space.",
        ],
        SqlState::DISK_FULL,
    );
}

#[test]
fn a_backtrace_changes_nothing() {
    assert_texts(
        &[
            "db error: ERROR: deadlock detected\n\nCaused by:\n    ERROR: deadlock detected\n\nStack backtrace:\n   0: anyhow::error::from\n",
        ],
        SqlState::DEADLOCK,
    );
}

#[test]
fn a_value_that_a_caller_sent_is_taken_for_nothing() {
    let in_detail = "db error: ERROR: value too long for type character varying(9)\nDETAIL: ERROR: deadlock detected";
    let in_message = "db error: ERROR: invalid input syntax for type uuid: \"deadlock detected\"";
    let in_debug =
        r#"Error { kind: Db, cause: Some(DbError { severity: "ERROR", message: "code: SqlState(E40P01)" }) }"#;
    assert_texts(&[in_detail, in_message, in_debug], SqlState::UNRECOGNISED);
    assert_eq!(SqlState::UNRECOGNISED.meaning(), Meaning::Fault);
}

#[test]
fn what_the_database_did_not_report_has_no_code() {
    for text in [
        "",
        "no answer in time",
        "connection closed",
        "Error { kind: Closed, cause: None }",
        "error communicating with the server: Connection reset by peer (os error 104)",
        "query result exceeds limit of 134217728 bytes",
    ] {
        assert_eq!(SqlState::in_text(text), None, "{text}");
    }
}

#[test]
fn each_code_has_its_meaning() {
    for (code, meaning) in [
        ("23505", Meaning::Conflict),
        ("23503", Meaning::Conflict),
        ("25006", Meaning::ReadOnly),
        ("40001", Meaning::Transient),
        ("40P01", Meaning::Transient),
        ("55P03", Meaning::Transient),
        ("57014", Meaning::Transient),
        ("08006", Meaning::Unavailable),
        ("53300", Meaning::Unavailable),
        ("57P03", Meaning::Unavailable),
        ("58030", Meaning::Unavailable),
        ("42P01", Meaning::Fault),
        ("22021", Meaning::Fault),
    ] {
        assert_eq!(SqlState::parse(code).unwrap().meaning(), meaning, "{code}");
    }
}

#[test]
fn only_five_digits_and_capitals_are_a_code() {
    for text in ["", "4000", "400011", "4000a", "40 01", "4000é"] {
        assert_eq!(SqlState::parse(text), None, "{text}");
    }
}
