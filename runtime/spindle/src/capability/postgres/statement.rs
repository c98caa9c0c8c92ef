//! Whether a statement leaves the session as it found it.
//!
//! A connection goes back to the pool without being reset, which saves a round trip; that is safe only after statements
//! that cannot have changed the session. Everything that is not known to be harmless counts as harmful.

/// Words that begin statements without a lasting effect on the session.
const HARMLESS: [&str; 8] = ["select", "insert", "update", "delete", "with", "values", "merge", "table"];

/// What makes even those harmful: functions that set something for the session, and tables that last as long as it.
const HARMFUL_PARTS: [&str; 8] =
    ["set_config", "advisory_lock", "advisory_unlock", "into temp", "setseed", "dblink", "pg_reload_conf", "lo_open"];

/// Whether a connection can be handed on after a statement.
#[must_use]
pub(super) fn leaves_session_clean(sql: &str) -> bool {
    let word = first_word(sql);
    if !HARMLESS.iter().any(|harmless| word.eq_ignore_ascii_case(harmless)) {
        return false;
    }
    let folded: String = sql.split_whitespace().flat_map(|word| [word, " "]).collect::<String>().to_ascii_lowercase();
    !HARMFUL_PARTS.iter().any(|part| folded.contains(part))
}

/// The first word after blanks, comments and opening parentheses.
fn first_word(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = skip_comment(comment);
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            return &rest[..end];
        }
    }
}

/// Skips a comment, the opening of which is gone; comments nest.
fn skip_comment(text: &str) -> &str {
    let mut depth = 1;
    let mut rest = text;
    while depth > 0 {
        match (rest.find("/*"), rest.find("*/")) {
            (Some(open), Some(close)) if open < close => {
                depth += 1;
                rest = &rest[open + 2..];
            }
            (_, Some(close)) => {
                depth -= 1;
                rest = &rest[close + 2..];
            }
            _ => return "",
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_and_writing_rows_is_clean() {
        for sql in [
            "SELECT 1",
            "  select (select 1)",
            "-- why\n/* a /* nested */ one */ (SELECT 1)",
            "INSERT INTO t VALUES ($1)",
            "WITH x AS (INSERT INTO t DEFAULT VALUES RETURNING 1) SELECT * FROM x",
            "MERGE INTO t USING u ON true WHEN MATCHED THEN DO NOTHING",
            "SELECT pg_advisory_xact_lock(1)",
        ] {
            assert!(leaves_session_clean(sql), "{sql}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        for sql in [
            "",
            "BEGIN",
            "commit",
            "START TRANSACTION",
            "SAVEPOINT x",
            "SET search_path = x",
            "/* SELECT */ SET x = 1",
            "RESET ALL",
            "LISTEN x",
            "PREPARE s AS SELECT 1",
            "DECLARE c CURSOR FOR SELECT 1",
            "CREATE TEMP TABLE t ()",
            "DO $$ BEGIN END $$",
            "CALL p()",
            "COPY t FROM STDIN",
            "DISCARD ALL",
            "SELECT set_config('x', 'y', false)",
            "select pg_advisory_lock(1)",
            "select pg_try_advisory_lock_shared(1)",
            "SELECT 1 INTO\n  TEMPORARY x",
            "-- unfinished",
            "/* unfinished",
        ] {
            assert!(!leaves_session_clean(sql), "{sql}");
        }
    }
}
