//! What a password's hash costs natively: the limit of logins a second.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::pace::Pace;
use crate::report::{Row, metric};
use crate::stage::{PASSWORD, Stage};
use crate::table;

/// Measures one hash by itself, and as many at once as there are cores.
pub(crate) fn measure(stage: &Stage, pace: &Pace) -> Result<Vec<Row>> {
    let (hash, pepper) = (stage.hash()?, stage.pepper()?);
    let verify = || hash.verify(PASSWORD, &pepper).unwrap_or(false);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut alone, mut all) = (Vec::new(), Vec::new());
    for _ in 0..pace.runs {
        let begun = Instant::now();
        ensure!(verify(), "the hash does not fit the password");
        alone.push(begun.elapsed().as_secs_f64() * 1e3);
        let begun = Instant::now();
        std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(verify))));
        all.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let limit = |times: &[f64]| times.iter().map(|ms| cores as f64 * 1e3 / ms).collect::<Vec<_>>();
    let row = |name: &str, times: Vec<f64>| {
        Row::new(name, 0, "native").with(metric::THROUGHPUT, limit(&times)).with(metric::MILLISECONDS, times)
    };
    let rows = vec![row("hash alone", alone), row("hash on all cores", all)];
    rows.iter().for_each(|row| println!("{}", table::line(row)));
    Ok(rows)
}
