//! How evenly consumers that are alike share the work of a queue.

use crate::Report;
use crate::stage::{Plan, Stage};
use crate::table::table;
use crate::{fate, plot};
use anyhow::Result;
use blackbox::deliveries::count_by;

/// How much more the busiest may have done than the idlest.
const PROMISED: f64 = 1.1;

pub(crate) fn run(plan: &Plan) -> Result<Report> {
    let stage = Stage::set(plan)?;
    println!("Signing in {} times", plan.messages);
    let sent = stage.sign_in(plan.messages);
    stage.wait_for(2 * sent)?;
    let fates = fate::fates(sent, &stage.mail.taken());
    let deliveries: Vec<_> = stage.consumers[0]
        .1
        .all_deliveries()
        .into_iter()
        .filter(|delivery| delivery.queue.starts_with("login_"))
        .collect();
    let shares = count_by(&deliveries, |delivery| &delivery.consumer);
    let all = deliveries.len().max(1);
    let of = |name: &str| shares.get(name).copied().unwrap_or(0);
    let percent = |count: usize| format!("{:.1} %", 100.0 * to_f64(count) / to_f64(all));
    let rows: Vec<_> =
        stage.consumers.iter().map(|(name, _)| vec![name.clone(), of(name).to_string(), percent(of(name))]).collect();
    let counts: Vec<_> = stage.consumers.iter().map(|(name, _)| of(name)).collect();
    let (most, least) = (counts.iter().max().copied().unwrap_or(0), counts.iter().min().copied().unwrap_or(0));
    let ratio = to_f64(most) / to_f64(least.max(1));
    let bars: Vec<_> = stage.consumers.iter().map(|(name, _)| (name.clone(), to_f64(of(name)))).collect();
    Ok(Report {
        name: "split",
        text: format!(
            "{}\nmost / least: {ratio:.3}\n\n{}",
            table(&["consumer", "messages", "share"], &rows),
            fate::shown(&fates)
        ),
        svg: plot::bars("Messages handled by each consumer", "messages", &bars)?,
        is_kept: ratio <= PROMISED && fates.iter().all(|fate| fate.once == fate.sent),
    })
}

/// Counts are far below where this loses anything.
#[expect(clippy::cast_precision_loss, reason = "counts of messages, at most some thousands")]
pub(crate) fn to_f64(count: usize) -> f64 {
    count as f64
}
