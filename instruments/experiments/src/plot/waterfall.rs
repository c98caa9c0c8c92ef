//! One trace: a row for each span, one below the other, each where it was in time.

use super::{BLUE, GREEN, INK, PURPLE, SIZE, VERMILION, broken, finish, font};
use anyhow::{Result, bail};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// What is above the rows: the title, and the times.
const HEAD: i32 = 76;
const ROW: i32 = 22;
/// Where the bars begin and end, in pixels from the left. Beside them there is room for how long they took.
const BARS: (i32, i32) = (376, 690);
/// How far a span is set in for each one that it is a part of, and up to which depth.
const STEP: i32 = 9;
const DEEPEST: usize = 8;
/// About as wide as a letter of a row is.
const LETTER: i32 = 7;
/// How many steps the time has.
const STEPS: u32 = 4;

/// The colours of services; whichever it is is said by the row too.
const COLOURS: [RGBColor; 4] = [BLUE, VERMILION, GREEN, PURPLE];

/// A span.
#[derive(Clone, Debug)]
pub struct Row {
    /// Who did it.
    pub service: String,
    /// What it is called.
    pub name: String,
    /// Of how many others it is a part.
    pub depth: usize,
    /// When it began, in milliseconds.
    pub from: f64,
    /// When it ended.
    pub to: f64,
}

/// The spans of a trace.
///
/// # Errors
/// If there are none, or they cannot be drawn.
pub fn waterfall(title: &str, rows: &[Row]) -> Result<String> {
    let end = rows.iter().map(|row| row.to).fold(0.0, f64::max);
    if end <= 0.0 {
        bail!("there is nothing to draw");
    }
    let services = services(rows);
    let height = u32::try_from(HEAD)? + u32::try_from(rows.len() + 1)? * u32::try_from(ROW)?;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (SIZE.0, height)).into_drawing_area();
        let text = |words: &str, place: (i32, i32), size: u32, side: HPos| {
            let style = font(size).color(&INK).pos(Pos::new(side, VPos::Center));
            area.draw(&Text::new(words.to_owned(), place, style)).map_err(broken)
        };
        text(title, (i32::try_from(SIZE.0)? / 2, 18), 18, HPos::Center)?;
        legend(&area, &services)?;
        let at = |time: f64| {
            let place = f64::from(BARS.0) + time / end * f64::from(BARS.1 - BARS.0);
            // Between the ends of the bars, so it is small.
            #[expect(clippy::cast_possible_truncation, reason = "it is a place within the picture")]
            let place = place.round() as i32;
            place
        };
        let bottom = i32::try_from(height)? - ROW / 2;
        for step in 0..=STEPS {
            let time = end * f64::from(step) / f64::from(STEPS);
            let line = PathElement::new([(at(time), HEAD - 8), (at(time), bottom)], INK.mix(0.15).stroke_width(1));
            area.draw(&line).map_err(broken)?;
            text(&format!("{time:.0} ms"), (at(time), HEAD - 16), 14, HPos::Center)?;
        }
        for (number, row) in (0..).zip(rows) {
            let middle = HEAD + ROW / 2 + number * ROW;
            let left = 8 + STEP * i32::try_from(row.depth.min(DEEPEST))?;
            let room = usize::try_from((BARS.0 - left) / LETTER)?;
            text(&cut(&format!("{}: {}", row.service, row.name), room), (left, middle), 15, HPos::Left)?;
            let colour = services.iter().position(|service| *service == row.service).unwrap_or_default();
            let (from, to) = (at(row.from), at(row.to).max(at(row.from) + 2));
            let bar = Rectangle::new([(from, middle - 6), (to, middle + 6)], COLOURS[colour % COLOURS.len()].filled());
            area.draw(&bar).map_err(broken)?;
            text(&format!("{:.1} ms", row.to - row.from), (to + 6, middle), 14, HPos::Left)?;
        }
        area.present().map_err(broken)?;
    }
    Ok(finish(&svg))
}

fn legend<B: DrawingBackend>(area: &DrawingArea<B, plotters::coord::Shift>, services: &[&str]) -> Result<()>
where
    B::ErrorType: 'static,
{
    let mut left = 8;
    for (service, colour) in services.iter().zip(COLOURS.iter().cycle()) {
        area.draw(&Rectangle::new([(left, 40), (left + 16, 52)], colour.filled())).map_err(broken)?;
        let style = font(14).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new((*service).to_owned(), (left + 22, 46), style)).map_err(broken)?;
        left += 22 + 8 * i32::try_from(service.len())? + 16;
    }
    Ok(())
}

/// The services, in the order in which they come.
fn services(rows: &[Row]) -> Vec<&str> {
    let mut services = Vec::new();
    for row in rows {
        if !services.contains(&row.service.as_str()) {
            services.push(row.service.as_str());
        }
    }
    services
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_span_has_a_row_with_service_name_and_duration() {
        let row = |service: &str, name: &str, from, to| Row {
            service: service.into(),
            name: name.into(),
            depth: 1,
            from,
            to,
        };
        let rows = [row("auth", "verify password", 1.0, 81.5), row("users", &"long ".repeat(40), 2.0, 100.0)];
        let svg = waterfall("A sign-in", &rows).unwrap();
        for part in ["A sign-in", "auth: verify password", "80.5 ms", "98.0 ms", "users: long", "…", "100 ms", "50 ms"]
        {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        assert!(svg.contains("#0072B2") && svg.contains("#D55E00") && svg.contains("prefers-color-scheme:dark"));
        assert!(waterfall("nothing", &[]).is_err());
    }
}
