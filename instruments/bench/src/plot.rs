//! Plots as SVG: throughput and p99 over the number of connections, and the distribution of latencies.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::number::number;
use crate::pace::CONNECTIONS;
use crate::report::{ROWS, Report, Row, SOAK, metric};
use crate::scenario::Scenario;
use crate::side::Side;

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
    let rows = over_people(report);
    if !rows.is_empty() {
        let axes = ("people", "requests a second, of those among the fewest");
        plots.insert(ROWS.to_owned(), ("throughput with more and more people".to_owned(), axes, rows));
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

/// Each question's throughput, as a part of what it is among the fewest people.
fn over_people(report: &Report) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for row in report.rows.iter().filter(|row| row.side == Side::Spindle.name()) {
        let parts = row.scenario.strip_suffix(" people").and_then(|scenario| scenario.rsplit_once(", "));
        let Some((name, people)) = parts.and_then(|(name, people)| Some((name, people.parse::<f64>().ok()?))) else {
            continue;
        };
        let Some(throughput) = row.metrics.get(metric::THROUGHPUT) else { continue };
        let point = (people.log10(), throughput.median);
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { name: name.to_owned(), side: name.to_owned(), points: vec![point] }),
        }
    }
    for line in &mut lines {
        let first = line.points[0].1;
        line.points.iter_mut().for_each(|point| point.1 /= first);
    }
    lines
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

/// Colours that people tell apart who see fewer of them (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x33, 0x33, 0x33),
];

fn colour(side: &str, place: usize) -> RGBColor {
    match side {
        "native" => RGBColor(0x66, 0x66, 0x66),
        "spindle" => RGBColor(0x1f, 0x6f, 0xb4),
        "spin" => RGBColor(0xd9, 0x5f, 0x02),
        _ => COLOURS[place % COLOURS.len()],
    }
}

fn draw(title: &str, axes: (&str, &str), lines: &[Line]) -> Result<String> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let right = points().map(|point| point.0).fold(f64::MIN_POSITIVE, f64::max);
    // Logarithms of people begin where the fewest are, and what has no line there leaves room for the names.
    let is_of_people = axes.0 == "people";
    let left = if is_of_people { points().map(|point| point.0).fold(right, f64::min) } else { 0.0 };
    let top = points().map(|point| point.1).fold(0.0, f64::max) * 1.08;
    let axis = axes.0;
    let mark = move |x: &f64| match axis {
        "percentile" => number(100.0 - 100.0 * 10f64.powf(-x)),
        "connections" => format!("{:.0}", x.exp2()),
        "people" => format!("{:.0}", 10f64.powf(*x)),
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
            .build_cartesian_2d(left..right, 0.0..top.max(f64::MIN_POSITIVE))
            .map_err(|error| failed(&error))?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_labels(if is_of_people { 4 } else { 9 })
            .x_desc(axes.0)
            .y_desc(axes.1)
            .x_label_formatter(&mark)
            .y_label_formatter(&|y| number(*y))
            .draw()
            .map_err(|error| failed(&error))?;
        for (place, line) in lines.iter().enumerate() {
            let colour = colour(&line.side, place);
            // More lines than colours: the later ones have larger points.
            let size = if place < COLOURS.len() { 3 } else { 6 };
            chart
                .draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)).point_size(size))
                .map_err(|error| failed(&error))?
                .label(&line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(if is_of_people { SeriesLabelPosition::LowerLeft } else { SeriesLabelPosition::UpperLeft })
            .background_style(WHITE)
            .border_style(RGBColor(0xcc, 0xcc, 0xcc))
            .draw()
            .map_err(|error| failed(&error))?;
        area.present().map_err(|error| failed(&error))?;
    }
    Ok(svg)
}
