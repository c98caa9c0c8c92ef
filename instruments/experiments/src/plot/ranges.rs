//! Two times of each of many things: a row for each, one below the other, and a limit that they are held to.

use super::{BLUE, GREEN, INK, SIZE, VERMILION, broken, finish, font};
use anyhow::{Result, bail};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// What is above the rows: the title, what the marks are, and the times.
const HEAD: i32 = 84;
const ROW: i32 = 20;
/// Where the bars begin and end, in pixels from the left.
const BARS: (i32, i32) = (250, 690);
/// How many steps the time has.
const STEPS: u32 = 5;

/// A row.
#[derive(Clone, Debug)]
pub struct Range {
    /// What it is about.
    pub name: String,
    /// The time that the bar is as long as, in seconds; it never came if there is none.
    pub bar: Option<f64>,
    /// The time at which there is a mark.
    pub mark: Option<f64>,
}

/// The rows, what bar and mark are, and the limit of the bars.
///
/// # Errors
/// If there are none, or they cannot be drawn.
pub fn ranges(title: &str, bar: &str, mark: &str, limit: f64, rows: &[Range]) -> Result<String> {
    if rows.is_empty() {
        bail!("there is nothing to draw");
    }
    let times = rows.iter().flat_map(|row| [row.bar, row.mark]).flatten();
    let end = times.fold(limit * 1.2, f64::max);
    let height = u32::try_from(HEAD)? + u32::try_from(rows.len() + 1)? * u32::try_from(ROW)?;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (SIZE.0, height)).into_drawing_area();
        let text = |words: &str, place: (i32, i32), size: u32, side: HPos| {
            let style = font(size).color(&INK).pos(Pos::new(side, VPos::Center));
            area.draw(&Text::new(words.to_owned(), place, style)).map_err(broken)
        };
        let at = |time: f64| {
            let place = f64::from(BARS.0) + time / end * f64::from(BARS.1 - BARS.0);
            #[expect(clippy::cast_possible_truncation, reason = "it is a place within the picture")]
            let place = place.round() as i32;
            place
        };
        let line = |x: i32, from: i32, to: i32, style: ShapeStyle| {
            area.draw(&PathElement::new([(x, from), (x, to)], style)).map_err(broken)
        };
        text(title, (i32::try_from(SIZE.0)? / 2, 18), 18, HPos::Center)?;
        area.draw(&Rectangle::new([(8, 38), (28, 50)], BLUE.filled())).map_err(broken)?;
        text(bar, (34, 44), 14, HPos::Left)?;
        area.draw(&Circle::new((258, 44), 4, GREEN.stroke_width(2))).map_err(broken)?;
        text(mark, (270, 44), 14, HPos::Left)?;
        line(562, 36, 52, VERMILION.stroke_width(2))?;
        text(&format!("goal: {limit:.0} s"), (570, 44), 14, HPos::Left)?;
        let bottom = i32::try_from(height)? - ROW / 2;
        for step in 0..=STEPS {
            let time = end * f64::from(step) / f64::from(STEPS);
            line(at(time), HEAD - 8, bottom, INK.mix(0.15).stroke_width(1))?;
            text(&format!("{time:.0} s"), (at(time), HEAD - 16), 14, HPos::Center)?;
        }
        for (number, row) in (0..).zip(rows) {
            let middle = HEAD + ROW / 2 + number * ROW;
            text(&row.name, (8, middle), 14, HPos::Left)?;
            let (length, colour) = row.bar.map_or((end, VERMILION), |time| (time, BLUE));
            let bar = Rectangle::new([(BARS.0, middle - 5), (at(length).max(BARS.0 + 2), middle + 5)], colour.filled());
            area.draw(&bar).map_err(broken)?;
            if let Some(time) = row.mark {
                area.draw(&Circle::new((at(time), middle), 4, GREEN.stroke_width(2))).map_err(broken)?;
            }
            let shown = row.bar.map_or_else(|| "never".to_owned(), |time| format!("{time:.1} s"));
            let right = row.mark.into_iter().fold(length, f64::max);
            text(&shown, (at(right) + 10, middle), 14, HPos::Left)?;
        }
        line(at(limit), HEAD - 8, bottom, VERMILION.stroke_width(2))?;
        area.present().map_err(broken)?;
    }
    Ok(finish(&svg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_name_and_time_and_what_never_came_is_said() {
        let row = |name: &str, bar, mark| Range { name: name.into(), bar, mark };
        let rows = [row("Redis, cut", Some(2.5), Some(31.0)), row("Redis, kill", None, None)];
        let svg = ranges("Healing", "healed", "backlog delivered", 10.0, &rows).unwrap();
        for part in ["Healing", "backlog delivered", "Redis, cut", "2.5 s", "31 s", "never", "goal: 10 s"] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        assert!(svg.contains("prefers-color-scheme:dark"));
        assert!(ranges("t", "b", "m", 1.0, &[]).is_err());
    }
}
