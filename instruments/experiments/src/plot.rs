//! Plots, as SVG.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

const SIZE: (u32, u32) = (760, 420);
const BLUE_GREY: RGBColor = RGBColor(60, 110, 160);

/// Bars, each with a name and a number.
///
/// # Errors
/// If they cannot be drawn.
pub fn bars(title: &str, unit: &str, bars: &[(String, f64)]) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(broken)?;
        let top = bars.iter().map(|(_, value)| *value).fold(1.0, f64::max) * 1.1;
        let count = i32::try_from(bars.len())?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 20))
            .margin(16)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d((0..count).into_segmented(), 0.0..top)
            .map_err(broken)?;
        let name = |place: &SegmentValue<i32>| match place {
            SegmentValue::CenterOf(place) => usize::try_from(*place)
                .ok()
                .and_then(|place| bars.get(place))
                .map_or_else(String::new, |bar| bar.0.clone()),
            _ => String::new(),
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .y_desc(unit)
            .x_labels(bars.len())
            .x_label_formatter(&name)
            .draw()
            .map_err(broken)?;
        let columns = (0..count).zip(bars).map(|(place, (_, value))| {
            let mut bar = Rectangle::new(
                [(SegmentValue::Exact(place), 0.0), (SegmentValue::Exact(place + 1), *value)],
                BLUE_GREY.filled(),
            );
            bar.set_margin(0, 0, 12, 12);
            bar
        });
        chart.draw_series(columns).map_err(broken)?;
        area.present().map_err(broken)?;
    }
    Ok(svg)
}

/// Lines over time in seconds, each with a name.
///
/// # Errors
/// If they cannot be drawn.
pub fn lines(title: &str, unit: &str, lines: &[(&str, Vec<(f64, f64)>)]) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(broken)?;
        let points = || lines.iter().flat_map(|(_, points)| points);
        let right = points().map(|(x, _)| *x).fold(1.0, f64::max);
        let top = points().map(|(_, y)| *y).fold(1.0, f64::max) * 1.1;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 20))
            .margin(16)
            .x_label_area_size(40)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..right, 0.0..top)
            .map_err(broken)?;
        chart.configure_mesh().x_desc("seconds").y_desc(unit).draw().map_err(broken)?;
        for (place, (name, points)) in lines.iter().enumerate() {
            let colour = Palette99::pick(place).to_rgba();
            chart
                .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))
                .map_err(broken)?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
        }
        chart
            .configure_series_labels()
            .background_style(WHITE)
            .border_style(BLACK)
            .position(SeriesLabelPosition::LowerRight)
            .draw()
            .map_err(broken)?;
        area.present().map_err(broken)?;
    }
    Ok(svg)
}

fn broken<E: std::error::Error>(error: E) -> anyhow::Error {
    anyhow!("the plot cannot be drawn: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_its_names_in_it() {
        let svg = bars("Shares", "messages", &[("one".into(), 3.0), ("two".into(), 4.0)]).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("Shares") && svg.contains("one") && svg.contains("two"));
        let svg = lines("Over time", "messages", &[("all", vec![(0.0, 1.0), (2.0, 5.0)])]).unwrap();
        assert!(svg.contains("Over time") && svg.contains("all"));
    }
}
