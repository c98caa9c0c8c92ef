//! What became of several things at each step: a panel for each unit, one below the other.

use super::{INK, LEGEND, Line, SIZE, broken, finish, font, legend};
use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// How high a panel is, in pixels.
const HEIGHT: u32 = 210;
/// What the title and the names of the lines need above the first panel.
const HEAD: u32 = 62;

/// Lines over steps, with a logarithmic scale: a value that is ten times another is as far from it everywhere.
#[derive(Debug)]
pub struct Panel<'a> {
    /// What the values are.
    pub unit: &'a str,
    /// The points are the places of steps, from 0 on, and values. Those that are not positive are left out.
    pub lines: &'a [Line<'a>],
}

/// Panels over the same steps, which have these names. The names of the lines are those of the first panel.
///
/// # Errors
/// If they cannot be drawn.
pub fn steps(title: &str, about: &str, names: &[String], panels: &[Panel<'_>]) -> Result<String> {
    let mut svg = String::new();
    {
        let size = (SIZE.0, HEAD + HEIGHT * u32::try_from(panels.len())?);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let centred = font(18).color(&INK).pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(title.to_owned(), (i32::try_from(SIZE.0)? / 2, 12), centred)).map_err(broken)?;
        legend(&area, panels.first().map_or(&[], |panel| panel.lines))?;
        let (_, below) = area.split_vertically(HEAD);
        for (panel, place) in panels.iter().zip(below.split_evenly((panels.len(), 1))) {
            draw(&place, about, names, panel)?;
        }
        area.present().map_err(broken)?;
    }
    Ok(finish(&svg))
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    about: &str,
    names: &[String],
    panel: &Panel<'_>,
) -> Result<()>
where
    B::ErrorType: 'static,
{
    let last = f64::from(u32::try_from(names.len().saturating_sub(1).max(1))?);
    let values = || panel.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value).filter(|it| *it > 0.0);
    let (least, most) = (values().fold(f64::INFINITY, f64::min).min(1.0e6), values().fold(1.0, f64::max));
    let name = |place: &f64| {
        // Between two steps there is none.
        let at = (0_u32..).zip(names).find(|(number, _)| (f64::from(*number) - place).abs() < 0.01);
        at.map_or_else(String::new, |(_, name)| name.clone())
    };
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_right(24)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..last, (least / 1.5..most * 1.5).log_scale())
        .map_err(broken)?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .bold_line_style(INK.mix(0.15))
        .axis_style(INK)
        .label_style(font(14).color(&INK))
        .axis_desc_style(font(14).color(&INK))
        .x_labels(names.len())
        .y_labels(5)
        .x_label_formatter(&name)
        .y_label_formatter(&|value| value.to_string())
        .x_desc(about)
        .y_desc(panel.unit)
        .draw()
        .map_err(broken)?;
    for Line { points, look, .. } in panel.lines {
        let (colour, width, pattern) = look.parts();
        let points: Vec<_> = points.iter().copied().filter(|(_, value)| *value > 0.0).collect();
        let dots = points.iter().map(|point| Circle::new(*point, 3, colour.filled())).collect::<Vec<_>>();
        let style = colour.stroke_width(width);
        match pattern {
            None => chart.draw_series(LineSeries::new(points, style)).map(drop),
            Some((stroke, gap)) => chart.draw_series(DashedLineSeries::new(points, stroke, gap, style)).map(drop),
        }
        .map_err(broken)?;
        chart.draw_series(dots).map_err(broken)?;
    }
    Ok(())
}

const _: () = assert!(LEGEND < HEAD.cast_signed(), "the names of the lines are above the panels");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_panel_has_its_unit_and_the_names_of_the_steps() {
        let lines = [Line::main("reads", vec![(0.0, 100.0), (1.0, 200.0)]), Line::third("sign-ins", vec![(0.0, 0.0)])];
        let panels = [Panel { unit: "per second", lines: &lines }, Panel { unit: "p99, ms", lines: &lines }];
        let svg = steps("Load", "clients", &["3".into(), "6".into()], &panels).unwrap();
        for name in ["Load", "reads", "sign-ins", "per second", "p99, ms", "clients", ">\n3\n<", ">\n6\n<"] {
            assert!(svg.contains(name), "{name}: {svg}");
        }
        assert!(svg.contains("prefers-color-scheme:dark"));
    }
}
