//! A soak: reads, writes and logins for a long time, and what memory the app has had meanwhile.

use anyhow::{Context as _, Result, ensure};

use crate::load::Load;
use crate::process_time::megabytes;
use crate::report::{Row, SOAK, metric};
use crate::scenario::Scenario;
use crate::side::{Role, Side};
use crate::stage::Stage;
use crate::table;

/// Rounds at least, unless that leaves a load less than a second. After each, memory is looked at. Each has all of the load, one after the other.
const ROUNDS: u32 = 60;
const LOADS: u32 = 4;
const LOAD: [Scenario; LOADS as usize] = [Scenario::Health, Scenario::GetUser, Scenario::Refresh, Scenario::Login];
/// Connections: the more there are, the more is under way at once, which is not what this is about.
const CONNECTIONS: u32 = 4;

/// Measures the app alone, under load for so many minutes.
pub(crate) fn measure(stage: &Stage, minutes: u32) -> Result<Vec<Row>> {
    let process = Side::Spindle.start(stage, Role::Open)?;
    let url = process.url();
    let (rounds, seconds) = rounds(minutes);
    let (mut requests, mut points) = (0.0, Vec::new());
    for _ in 0..rounds {
        for scenario in LOAD {
            let file = stage.file(SOAK, &scenario.requests(stage, CONNECTIONS)?)?;
            let next = scenario.next();
            let load = Load { url: &url, requests: &file, connections: CONNECTIONS, seconds, next };
            let sample = load.run(stage).with_context(|| process.log_tail())?;
            let _ = std::fs::remove_file(file);
            ensure!(sample.refused == 0, "{} requests were refused: {}", sample.refused, process.log_tail());
            requests += sample.count();
        }
        points.push((requests / 1e6, megabytes(process.pid())));
    }
    let mut row = Row::new(SOAK, CONNECTIONS, Side::Spindle.name())
        .with(metric::MILLIONS, vec![requests / 1e6])
        .with(metric::MEGABYTES, points.iter().map(|(_, megabytes)| *megabytes).collect())
        .with(metric::RATIO, vec![growth(&points)]);
    row.curve = points;
    println!("{}", table::line(&row));
    Ok(vec![row])
}

/// How many rounds there are in so many minutes, and the seconds of each load in a round.
fn rounds(minutes: u32) -> (u32, u32) {
    // The generator counts in whole seconds.
    let of_one_second = minutes.saturating_mul(60) / LOADS;
    let seconds = (of_one_second / ROUNDS).max(1);
    (of_one_second / seconds, seconds)
}

/// The memory of the last quarter to that of the second: in the first, connections are opened and pools are filled.
fn growth(points: &[(f64, f64)]) -> f64 {
    let quarter = points.len() / 4;
    let middle = |points: &[(f64, f64)]| {
        let mut values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    middle(&points[points.len() - quarter..]) / middle(&points[quarter..2 * quarter])
}

#[cfg(test)]
mod tests {
    use super::{LOADS, growth, rounds};

    #[test]
    fn a_soak_takes_the_minutes_that_it_may() {
        assert_eq!(rounds(32), (60, 8));
        assert_eq!(rounds(8), (60, 2));
        assert_eq!(rounds(1), (15, 1));
        for minutes in 1..=600 {
            let (rounds, seconds) = rounds(minutes);
            let total = rounds * seconds * LOADS;
            assert!(total <= minutes * 60 && total > minutes * 58, "{minutes}: {total} s");
        }
    }

    #[test]
    fn what_grows_at_the_end_is_seen_and_the_beginning_is_not() {
        let points = |megabytes: fn(u32) -> f64| (0..60).map(|n| (f64::from(n), megabytes(n))).collect::<Vec<_>>();
        assert!((growth(&points(|n| if n < 10 { f64::from(n) } else { 50.0 })) - 1.0).abs() < 1e-9);
        assert!(growth(&points(|n| 50.0 + f64::from(n))) > 1.3);
    }
}
