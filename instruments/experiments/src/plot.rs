//! Plots, as SVG: readable at 600 pixels, on light and on dark pages, and without telling colours apart.

mod ranges;
mod steps;
mod waterfall;

pub use ranges::{Range, ranges};
pub use steps::{Panel, steps};
pub use waterfall::{Row, waterfall};

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const SIZE: (u32, u32) = (760, 420);
/// Text and axes. The style below gives it the page's colour.
const INK: RGBColor = RGBColor(1, 2, 3);
const INK_IN_SVG: &str = "\"#010203\"";
/// What makes the plot fit to light and to dark pages.
const STYLE: &str = "<style>svg{color:#1f2328;background:#fff}\
    @media(prefers-color-scheme:dark){svg{color:#e6edf3;background:#0d1117}}</style>";
/// Where the title ends and the names of the lines begin, in pixels from above.
const LEGEND: i32 = 44;
/// The part of the height that is free for the names of marks.
const ROOM: f64 = 0.2;
const ROWS_OF_MARKS: usize = 3;

/// Colours that people with any colour vision tell apart (Okabe and Ito), each at least 3:1 against both pages.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const VERMILION: RGBColor = RGBColor(213, 94, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
/// A purple of Paul Tol's, for what is neither.
const PURPLE: RGBColor = RGBColor(170, 68, 153);

/// How a line looks: by colour, and by pattern too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Solid,
    Dashed,
    Dotted,
    LongDashed,
}

impl Look {
    /// Colour, width, and length of strokes and gaps in pixels.
    fn parts(self) -> (RGBColor, u32, Option<(i32, i32)>) {
        match self {
            Self::Solid => (BLUE, 2, None),
            Self::Dashed => (VERMILION, 2, Some((8, 4))),
            Self::Dotted => (GREEN, 2, Some((2, 3))),
            Self::LongDashed => (PURPLE, 2, Some((16, 5))),
        }
    }
}

/// A line over time.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    name: &'a str,
    points: Vec<(f64, f64)>,
    look: Look,
}

impl<'a> Line<'a> {
    /// What a plot is about, and what is as it should be: blue. The points are seconds and values.
    #[must_use]
    pub fn main(name: &'a str, points: Vec<(f64, f64)>) -> Self {
        Self { name, points, look: Look::Solid }
    }

    /// What is not as it should be: red and dashed.
    #[must_use]
    pub fn bad(name: &'a str, points: Vec<(f64, f64)>) -> Self {
        Self { name, points, look: Look::Dashed }
    }

    /// What stands beside: green and dotted.
    #[must_use]
    pub fn other(name: &'a str, points: Vec<(f64, f64)>) -> Self {
        Self { name, points, look: Look::Dotted }
    }

    /// A third of the same rank: purple, in long dashes.
    #[must_use]
    pub fn third(name: &'a str, points: Vec<(f64, f64)>) -> Self {
        Self { name, points, look: Look::LongDashed }
    }
}

/// A moment, in seconds, at which the experiment did something.
pub type Mark = (f64, String);

/// Bars, each with a name and a number.
///
/// # Errors
/// If they cannot be drawn.
pub fn bars(title: &str, unit: &str, bars: &[(String, f64)]) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let top = bars.iter().map(|(_, value)| *value).fold(1.0, f64::max) * 1.1;
        let count = u32::try_from(bars.len())?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, font(18).color(&INK))
            .margin(16)
            .x_label_area_size(36)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..f64::from(count.max(1)), 0.0..top)
            .map_err(broken)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(0)
            .max_light_lines(0)
            .bold_line_style(INK.mix(0.15))
            .axis_style(INK)
            .label_style(font(14).color(&INK))
            .axis_desc_style(font(14).color(&INK))
            .y_desc(unit)
            .y_label_formatter(&|value| value.to_string())
            .draw()
            .map_err(broken)?;
        let placed = || (0..count).map(f64::from).zip(bars);
        let columns = placed().map(|(place, (_, value))| {
            let mut bar = Rectangle::new([(place, 0.0), (place + 1.0, *value)], BLUE.filled());
            bar.set_margin(0, 0, 12, 12);
            bar
        });
        chart.draw_series(columns).map_err(broken)?;
        let style = |vertical| font(14).color(&INK).pos(Pos::new(HPos::Center, vertical));
        let values = placed()
            .map(|(place, (_, value))| Text::new(value.to_string(), (place + 0.5, *value), style(VPos::Bottom)));
        chart.draw_series(values).map_err(broken)?;
        let names = placed().map(|(place, (name, _))| {
            EmptyElement::at((place + 0.5, 0.0)) + Text::new(name.clone(), (0, 10), style(VPos::Top))
        });
        chart.draw_series(names).map_err(broken)?;
        area.present().map_err(broken)?;
    }
    Ok(finish(&svg))
}

/// Lines over time in seconds, and marks where something was done.
///
/// # Errors
/// If they cannot be drawn.
pub fn lines(title: &str, unit: &str, lines: &[Line<'_>], marks: &[Mark]) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let centred = font(18).color(&INK).pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(title.to_owned(), (i32::try_from(SIZE.0)? / 2, 12), centred)).map_err(broken)?;
        legend(&area, lines)?;
        let points = || lines.iter().flat_map(|line| &line.points);
        let right = points().map(|(x, _)| *x).chain(marks.iter().map(|(x, _)| *x)).fold(1.0, f64::max);
        let most = points().map(|(_, y)| *y).fold(1.0, f64::max);
        let top = if marks.is_empty() { most * 1.1 } else { most / (1.0 - ROOM) };
        let mut chart = ChartBuilder::on(&area)
            .margin(16)
            .margin_top(LEGEND + 18)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..right, 0.0..top)
            .map_err(broken)?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .bold_line_style(INK.mix(0.15))
            .axis_style(INK)
            .label_style(font(14).color(&INK))
            .axis_desc_style(font(14).color(&INK))
            .x_labels(10)
            .y_labels(6)
            .x_label_formatter(&|value| value.to_string())
            .y_label_formatter(&|value| value.to_string())
            .x_desc("seconds")
            .y_desc(unit)
            .draw()
            .map_err(broken)?;
        for Line { points, look, .. } in lines {
            let (colour, width, pattern) = look.parts();
            let points = points.iter().copied();
            match pattern {
                None => chart.draw_series(LineSeries::new(points, colour.stroke_width(width))).map(drop),
                Some((stroke, gap)) => {
                    chart.draw_series(DashedLineSeries::new(points, stroke, gap, colour.stroke_width(width))).map(drop)
                }
            }
            .map_err(broken)?;
        }
        for (place, (at, name)) in marks.iter().enumerate() {
            let line = [(*at, 0.0), (*at, top)];
            chart.draw_series(DashedLineSeries::new(line, 1, 3, INK.stroke_width(1))).map_err(broken)?;
            let row = f64::from(u32::try_from(place % ROWS_OF_MARKS)?);
            let height = top * (1.0 - ROOM * row / f64::from(u32::try_from(ROWS_OF_MARKS)?));
            // A name that would not fit on the right stands on the left of its mark.
            let (side, name) =
                if *at > 0.75 * right { (HPos::Right, format!("{name} ")) } else { (HPos::Left, format!(" {name}")) };
            let style = font(13).color(&INK).pos(Pos::new(side, VPos::Top));
            chart.draw_series([Text::new(name, (*at, height), style)]).map_err(broken)?;
        }
        area.present().map_err(broken)?;
    }
    Ok(finish(&svg))
}

/// The names of the lines, each beside a piece of it.
fn legend<B: DrawingBackend>(area: &DrawingArea<B, Shift>, lines: &[Line<'_>]) -> Result<()>
where
    B::ErrorType: 'static,
{
    let mut left = 80;
    for Line { name, look, .. } in lines {
        let (colour, width, pattern) = look.parts();
        let (stroke, gap) = pattern.unwrap_or((28, 0));
        let mut at = left;
        while at < left + 28 {
            let piece =
                PathElement::new([(at, LEGEND), ((at + stroke).min(left + 28), LEGEND)], colour.stroke_width(width));
            area.draw(&piece).map_err(broken)?;
            at += stroke + gap;
        }
        let style = font(14).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new((*name).to_owned(), (left + 34, LEGEND), style)).map_err(broken)?;
        left += 34 + 8 * i32::try_from(name.chars().count())? + 16;
    }
    Ok(())
}

fn font(size: u32) -> FontDesc<'static> {
    ("sans-serif", size).into_font()
}

/// Leaves colour of text and axes to the page that the plot is on.
fn finish(svg: &str) -> String {
    let svg = svg.replace(INK_IN_SVG, "\"currentColor\"");
    match svg.find('>') {
        Some(end) => format!("{}\n{STYLE}{}", &svg[..=end], &svg[end + 1..]),
        None => svg,
    }
}

fn broken<E: std::error::Error>(error: E) -> anyhow::Error {
    anyhow!("the plot cannot be drawn: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_its_names_and_units_in_it_and_fits_to_dark_pages() {
        let svg = bars("Shares", "messages", &[("one".into(), 3.0), ("two".into(), 4.0)]).unwrap();
        for name in ["Shares", "messages", "one", "two", "prefers-color-scheme:dark"] {
            assert!(svg.contains(name), "{name}");
        }
        let marks = [(1.0, "it breaks".to_owned())];
        let svg = lines("Over time", "messages", &[Line::main("all", vec![(0.0, 1.0), (2.0, 5.0)])], &marks).unwrap();
        for name in ["Over time", "messages", "seconds", "all", "it breaks", "currentColor"] {
            assert!(svg.contains(name), "{name}");
        }
        assert!(svg.starts_with("<svg") && !svg.contains(INK_IN_SVG));
    }

    #[test]
    fn bars_have_no_empty_place_beside_them() {
        let one = |count: usize| (0..count).map(|place| (format!("bar {place}"), 3.0)).collect::<Vec<_>>();
        for count in [1, 3] {
            let svg = bars("t", "u", &one(count)).unwrap();
            let ends: Vec<u32> = svg
                .match_indices("<rect")
                .filter_map(|(at, _)| {
                    let rect = svg[at..].split_once("/>")?.0;
                    let number =
                        |name: &str| rect.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0.parse::<u32>().ok();
                    Some(number("x")? + number("width")?)
                })
                .collect();
            assert_eq!(ends.len(), count, "{svg}");
            assert!(ends.last().is_some_and(|end| *end > SIZE.0 - 40), "{ends:?}");
        }
    }

    #[test]
    fn what_failed_is_told_by_colour_and_by_pattern() {
        let points = || vec![(0.0, 1.0), (9.0, 1.0)];
        let good = lines("t", "u", &[Line::main("answered", points())], &[]).unwrap();
        let bad = lines("t", "u", &[Line::bad("failed", points())], &[]).unwrap();
        assert!(good.contains("#0072B2") && !good.contains("#D55E00"), "{good}");
        assert!(bad.contains("#D55E00") && !bad.contains("#0072B2"), "{bad}");
        let pieces = |svg: &str, colour: &str| svg.matches(colour).count();
        assert!(pieces(&bad, "#D55E00") > 10 && pieces(&good, "#0072B2") == 2, "one is dashed, the other is not");
    }
}
