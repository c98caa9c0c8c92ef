//! Migrations of a large table while requests go on: what each takes, and the longest that a request waited.

use anyhow::{Context as _, Result, anyhow};
use dev_servers::migrations;

use crate::folders::workspace;
use crate::load::{Load, Next, Sample};
use crate::report::{Row, metric};
use crate::side::{Process, Side};
use crate::stage::Stage;
use crate::table;

/// What a later version may want of a table, as migrations are written here.
const FILES: [(&str, &str); 5] = [
    ("a column", "ALTER TABLE users ADD COLUMN measured bigint;"),
    (
        "an index",
        "-- Not in a transaction.\nCREATE INDEX CONCURRENTLY users_measured ON users (lower(surname), created_at);",
    ),
    (
        "a rule for new rows",
        "ALTER TABLE users ADD CONSTRAINT users_measured CHECK (length(surname) < 1000) NOT VALID;",
    ),
    ("the rule for all rows", "ALTER TABLE users VALIDATE CONSTRAINT users_measured;"),
    (
        "200,000 rows in steps",
        "-- Not in a transaction.
DO $$
BEGIN
    FOR step IN 0..99 LOOP
        UPDATE users SET measured = id WHERE id > step * 2000 AND id <= (step + 1) * 2000;
        COMMIT;
    END LOOP;
END
$$;",
    ),
];
/// What the row without a migration is called, and how many seconds it takes.
const NONE: (&str, u32) = ("none", 4);
/// Connections of the load, and how long each rests after an answer, in milliseconds: a machine that is busy, not full.
const CONNECTIONS: u32 = 4;
const REST: u32 = 5;

/// What the rows are called.
pub(crate) const NAME: &str = "migration among ";

/// Measures them among so many people; `requests` are about all of them, and write too.
pub(crate) fn measure(stage: &Stage, process: &Process, requests: &[u8], people: u32) -> Result<Vec<Row>> {
    let folder = stage.path("migrations");
    std::fs::create_dir_all(&folder)?;
    let mut last = 0;
    for entry in std::fs::read_dir(workspace().join("migrations"))? {
        let entry = entry?;
        std::fs::copy(entry.path(), folder.join(entry.file_name()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        last = last.max(name.split('_').next().and_then(|number| number.parse::<u32>().ok()).unwrap_or(0));
    }
    let requests = stage.file("migrating", requests)?;
    let url = process.url();
    let load = |seconds: u32| {
        let load = Load { url: &url, requests: &requests, connections: CONNECTIONS, seconds, next: Next::After(REST) };
        load.run(stage).with_context(|| process.log_tail())
    };
    let row = |name: &str, seconds: f64, samples: &[Sample]| {
        let longest = samples.iter().map(|sample| sample.percentile(100.0)).fold(0.0, f64::max);
        let refused = samples.iter().map(|sample| sample.refused as f64).sum();
        let row = Row::new(&format!("{NAME}{people}: {name}"), CONNECTIONS, Side::Spindle.name())
            .with(metric::MILLISECONDS, vec![seconds * 1e3])
            .with(metric::LONGEST, vec![longest])
            .with(metric::REFUSED, vec![refused]);
        println!("{}", table::line(&row));
        row
    };
    let mut rows = vec![row(NONE.0, f64::from(NONE.1), &[load(NONE.1)?])];
    for ((name, sql), number) in FILES.into_iter().zip(last + 1..) {
        std::fs::write(folder.join(format!("{number:04}_measured.sql")), sql)?;
        let owner = stage.owner_url();
        let (seconds, samples) = std::thread::scope(|scope| {
            let migration = scope.spawn(|| {
                let begun = std::time::Instant::now();
                migrations::run(&owner, &folder).map(|_| begun.elapsed().as_secs_f64())
            });
            let mut samples = vec![load(1)?];
            while !migration.is_finished() {
                samples.push(load(1)?);
            }
            let seconds = migration.join().map_err(|_| anyhow!("the migrations have failed"))??;
            Ok::<_, anyhow::Error>((seconds, samples))
        })?;
        rows.push(row(name, seconds, &samples));
    }
    Ok(rows)
}
