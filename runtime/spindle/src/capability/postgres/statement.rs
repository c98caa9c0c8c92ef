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
    let folded = fold(sql);
    !HARMFUL_PARTS.iter().any(|part| folded.contains(part))
}

/// A statement in lower case, with one blank in place of blanks and comments. What looks like a comment within a quoted text goes
/// too, so the statement itself is looked at as well.
fn fold(sql: &str) -> String {
    let blank =
        |text: &str| text.split_whitespace().flat_map(|word| [word, " "]).collect::<String>().to_ascii_lowercase();
    let mut bare = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(['-', '/']) {
        let (before, comment) = rest.split_at(at);
        bare.push_str(before);
        rest = match after_comment(comment) {
            Some(after) => {
                bare.push(' ');
                after
            }
            None => {
                bare.push_str(&comment[..1]);
                &comment[1..]
            }
        };
    }
    bare.push_str(rest);
    format!("{}\n{}", blank(sql), blank(&bare))
}

/// The first word after blanks, comments and opening parentheses.
fn first_word(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
        match after_comment(rest) {
            Some(after) => rest = after,
            None => break,
        }
    }
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    &rest[..end]
}

/// What follows the comment with which a text begins; none if it begins with none. Comments in `/*` and `*/` nest.
fn after_comment(text: &str) -> Option<&str> {
    if let Some(comment) = text.strip_prefix("--") {
        return Some(comment.split_once('\n').map_or("", |(_, after)| after));
    }
    let comment = text.strip_prefix("/*")?;
    let (mut depth, mut at) = (1, 0);
    let bytes = comment.as_bytes();
    while depth > 0 {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            Some(_) => at += 1,
            None => return Some(""),
        }
    }
    comment.get(at..)
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

    #[test]
    fn blanks_and_comments_hide_nothing() {
        use crate::fuzz::{fuzz, text};
        const BLANKS: [&str; 7] = [" ", "\n", "\t", "/* x */", "/* a /* b */ */", "-- c\n", "/**/"];
        const HARMFUL: [&[&str]; 6] = [
            &["SET", "search_path", "=", "x"],
            &["SELECT", "1", "INTO", "TEMP", "x"],
            &["select", "set_config", "(", "'a'", ",", "'b'", ",", "false", ")"],
            &["(", "SELECT", "pg_try_advisory_lock", "(", "1", ")", ")"],
            &["BEGIN"],
            &["WITH", "a", "AS", "(", "SELECT", "1", ")", "SELECT", "*", "INTO", "TEMPORARY", "x", "FROM", "a"],
        ];
        fuzz(|random| {
            let mut sql = String::new();
            for word in *random.choose(&HARMFUL)? {
                sql.push_str(&text(random, &BLANKS, 3)?.replace(|c: char| !c.is_ascii(), ""));
                sql.push_str(random.choose(&BLANKS)?);
                sql.push_str(word);
            }
            let is_text_of_ours = sql.chars().all(|c| c.is_ascii_graphic() || c.is_ascii_whitespace());
            assert!(!is_text_of_ours || !leaves_session_clean(&sql), "{sql:?}");
            Ok(())
        });
    }

    #[test]
    fn a_long_statement_is_read_once() {
        let start = std::time::Instant::now();
        assert!(!leaves_session_clean(&"/*".repeat(1 << 20)));
        assert!(!leaves_session_clean(&"/**/".repeat(1 << 20)));
        assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
    }
}
