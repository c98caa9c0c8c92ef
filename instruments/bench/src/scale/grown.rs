//! What else was measured of many pods and many rows: the table of hashing permits, and migrations.

use std::fmt::Write as _;

use super::costs::value;
use crate::number::{counted, number};
use crate::report::{Report, metric};
use crate::{migrating, permits};

/// The table of hashing permits under ever more pods; nothing if it was not measured.
pub(super) fn permits_text(report: &Report) -> String {
    let mut text = String::new();
    for row in &report.rows {
        let Some(pods) = row.scenario.strip_prefix(permits::OF).and_then(|rest| rest.strip_suffix(permits::PODS_NAME))
        else {
            continue;
        };
        let cell = |metric: &str| number(value(row, metric));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {pods} | {} | {} | {} | {} | {} |",
            number(permits::most_of(row.connections)),
            cell(metric::THROUGHPUT),
            cell(metric::P50),
            cell(metric::P99),
            cell(metric::OF_POSTGRES),
        );
    }
    if text.is_empty() {
        return text;
    }
    let at_once = report.rows.iter().filter(|row| row.scenario == permits::AT_ONCE);
    let most = at_once.map(|row| value(row, metric::THROUGHPUT)).fold(0.0, f64::max);
    format!(
        "The table of hashing permits under ever more pods of 4 cores, each core with a sign-in that acquires a permit, waits as long \
         as a hash takes, and releases it (`--only permits`); milliseconds are those of both statements together:\n\n\
         | pods | sign-ins a second at most | sign-ins a second | p50, ms | p99, ms | PostgreSQL, µs of a core |\n|---|---|---|---|---|---|\n\
         {text}\nConnections that acquire and release permits one after the other, as fast as they can, come to {most:.0} a second here: \
         what PostgreSQL takes on cores that it shares with whoever asks, so measure on yours before you order for more. The model \
         below knows nothing of what they wait for each other.\n",
    )
}

/// Migrations of the most people while requests go on; nothing if they were not measured.
pub(super) fn migrations_text(report: &Report) -> String {
    let mut text = String::new();
    let mut people = "";
    for row in &report.rows {
        let parts = row.scenario.strip_prefix(migrating::NAME).and_then(|rest| rest.split_once(": "));
        let Some((of, name)) = parts else { continue };
        people = of;
        let seconds = number(value(row, metric::MILLISECONDS) / 1e3);
        let (longest, refused) = (number(value(row, metric::LONGEST)), number(value(row, metric::REFUSED)));
        let _ = writeln!(text, "| {name} | {seconds} | {longest} | {refused} |");
    }
    if text.is_empty() {
        return text;
    }
    format!(
        "Migrations of the table of {people} people while requests read and change them; none may make a request wait for 500 ms:\n\n\
         | migration | seconds | longest request, ms | refused |\n|---|---|---|---|\n{text}\n",
        people = counted(people.parse().unwrap_or(0.0)),
    )
}
