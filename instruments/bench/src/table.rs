//! Results as Markdown.

use std::fmt::Write as _;

use crate::number::number;
use crate::plot;
use crate::report::{Goal, Report, Row};
use crate::spread::Spread;

/// One row, for the terminal.
pub(crate) fn line(row: &Row) -> String {
    let metrics: Vec<String> = row.metrics.iter().map(|(name, spread)| format!("{} {name}", shown(spread))).collect();
    let load = if row.connections > 0 { format!(" x{}", row.connections) } else { String::new() };
    format!("{:<34}{:<11}{}", format!("{}{load}", row.scenario), row.side, metrics.join(", "))
}

/// The goals.
pub(crate) fn goals(goals: &[Goal]) -> String {
    let mut text = String::from("| measure | goal | measured | |\n|---|---|---|---|\n");
    for Goal { measure, goal, measured, met } in goals {
        let measured = measured.map_or_else(|| "-".to_owned(), number);
        let met = match met {
            Some(true) => "met",
            Some(false) => "**not met**",
            None => "not measured",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {measure} | {goal} | {measured} | {met} |");
    }
    text
}

/// The whole page.
pub(crate) fn page(report: &Report) -> String {
    let machine = &report.machine;
    let length = if report.quick { "the quick run" } else { "the full run" };
    let mut text = format!(
        "# Results: {}\n\n{length}, {} runs each, {}. {} cores ({}), {} GB, Linux {}; {}; {}; {}; {}.\n\n",
        report.name,
        report.runs,
        report.at.split('.').next().unwrap_or_default(),
        machine.cores,
        machine.processor,
        machine.memory_gb,
        machine.kernel,
        machine.rust,
        machine.postgres,
        machine.redis.split(" sha=").next().unwrap_or_default(),
        machine.wrk,
    );
    let measured: Vec<_> = report.goals.iter().filter(|goal| goal.measured.is_some()).cloned().collect();
    if !measured.is_empty() {
        let _ = writeln!(text, "{}", goals(&measured));
    }
    text.push_str("Each value is the median of its runs, with the smallest and the largest in brackets.\n\n");
    text.push_str("| scenario | connections | side | |\n|---|---|---|---|\n");
    for row in &report.rows {
        let metrics: Vec<String> =
            row.metrics.iter().map(|(name, spread)| format!("{} {name}", shown(spread))).collect();
        let connections = if row.connections > 0 { row.connections.to_string() } else { String::new() };
        let _ = writeln!(text, "| {} | {connections} | {} | {} |", row.scenario, row.side, metrics.join(", "));
    }
    for name in plot::names(report) {
        let _ = write!(text, "\n![{name}]({}.{name}.svg)\n", report.name);
    }
    text
}

fn shown(spread: &Spread) -> String {
    if spread.runs.len() < 2 {
        return number(spread.median);
    }
    format!("{} ({} to {})", number(spread.median), number(spread.min), number(spread.max))
}
