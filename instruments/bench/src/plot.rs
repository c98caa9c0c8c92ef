//! Plots as SVG: throughput and p99 over the number of connections, and the distribution of latencies.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::number::number;
use crate::pace::CONNECTIONS;
use crate::report::{Report, Row, SOAK, metric};
use crate::scenario::Scenario;

const SIZE: (u32, u32) = (760, 420);

/// A line: what it is called, its side, and its points.
struct Line {
    name: String,
    side: String,
    points: Vec<(f64, f64)>,
}

/// The names of the plots that a report leads to.
pub(crate) fn names(report: &Report) -> Vec<String> {
    lines(report).into_keys().collect()
}

/// All plots, by their names.
pub(crate) fn all(report: &Report) -> Result<Vec<(String, String)>> {
    lines(report).into_iter().map(|(name, (title, axes, lines))| Ok((name, draw(&title, axes, &lines)?))).collect()
}

type Plot = (String, (&'static str, &'static str), Vec<Line>);

fn lines(report: &Report) -> BTreeMap<String, Plot> {
    let mut plots = BTreeMap::new();
    for scenario in Scenario::RANGED.map(Scenario::name) {
        let rows: Vec<&Row> = report.rows.iter().filter(|row| row.scenario == scenario).collect();
        let over = |wanted: &str| over_connections(&rows, wanted);
        if rows.iter().map(|row| row.connections).collect::<BTreeSet<_>>().len() > 1 {
            let axes = ("connections", "requests a second");
            let title = format!("{scenario}: throughput");
            plots.insert(format!("{scenario}-throughput"), (title, axes, over(metric::THROUGHPUT)));
        }
        let curves: Vec<Line> =
            rows.iter().filter(|row| row.connections == CONNECTIONS).map(|row| curve(row)).collect();
        if !curves.is_empty() {
            let axes = ("percentile", "latency, ms");
            let title = format!("{scenario}: latency with {CONNECTIONS} connections");
            plots.insert(format!("{scenario}-latency"), (title, axes, curves));
        }
    }
    let soak = report.rows.iter().filter(|row| row.scenario == SOAK).map(over_time).collect::<Vec<_>>();
    if !soak.is_empty() {
        let axes = ("million requests", "resident memory, MB");
        plots.insert(SOAK.to_owned(), ("soak: memory over requests".to_owned(), axes, soak));
    }
    plots
}

fn over_connections(rows: &[&Row], wanted: &str) -> Vec<Line> {
    let sides: BTreeSet<&str> = rows.iter().map(|row| row.side.as_str()).collect();
    sides
        .into_iter()
        .map(|side| {
            let mine = rows.iter().filter(|row| row.side == side);
            let mut points: Vec<(f64, f64)> = mine
                .filter_map(|row| Some((f64::from(row.connections).log2(), row.metrics.get(wanted)?.median)))
                .collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            Line { name: side.to_owned(), side: side.to_owned(), points }
        })
        .collect()
}

/// Percentiles on an axis that stretches towards the slowest: 90, 99 and 99.9 are equally far apart.
fn curve(row: &Row) -> Line {
    let nines = |percentile: f64| -(1.0 - percentile / 100.0).log10();
    let points = row
        .curve
        .iter()
        .filter(|(percentile, _)| *percentile < 100.0)
        .map(|(percentile, ms)| (nines(*percentile), *ms));
    Line { name: row.side.clone(), side: row.side.clone(), points: points.collect() }
}

/// The points of a soak as they are.
fn over_time(row: &Row) -> Line {
    Line { name: row.side.clone(), side: row.side.clone(), points: row.curve.clone() }
}

fn colour(side: &str) -> RGBColor {
    match side {
        "spindle" => RGBColor(0x1f, 0x6f, 0xb4),
        "spin" => RGBColor(0xd9, 0x5f, 0x02),
        _ => RGBColor(0x66, 0x66, 0x66),
    }
}

fn draw(title: &str, axes: (&str, &str), lines: &[Line]) -> Result<String> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let right = points().map(|point| point.0).fold(f64::MIN_POSITIVE, f64::max);
    let top = points().map(|point| point.1).fold(0.0, f64::max) * 1.08;
    let axis = axes.0;
    let mark = move |x: &f64| match axis {
        "percentile" => number(100.0 - 100.0 * 10f64.powf(-x)),
        "connections" => format!("{:.0}", x.exp2()),
        _ => number(*x),
    };
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let failed = |error: &dyn std::fmt::Display| anyhow!("cannot draw {title}: {error}");
        area.fill(&WHITE).map_err(|error| failed(&error))?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(68)
            .build_cartesian_2d(0.0..right, 0.0..top.max(f64::MIN_POSITIVE))
            .map_err(|error| failed(&error))?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_labels(9)
            .x_desc(axes.0)
            .y_desc(axes.1)
            .x_label_formatter(&mark)
            .y_label_formatter(&|y| number(*y))
            .draw()
            .map_err(|error| failed(&error))?;
        for line in lines {
            let colour = colour(&line.side);
            chart
                .draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)).point_size(3))
                .map_err(|error| failed(&error))?
                .label(&line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(RGBColor(0xcc, 0xcc, 0xcc))
            .draw()
            .map_err(|error| failed(&error))?;
        area.present().map_err(|error| failed(&error))?;
    }
    Ok(svg)
}
