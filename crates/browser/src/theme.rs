//! What an operator may change of the look: a colour, whose contrast is checked (WCAG 2.2, 1.4.3 and 1.4.11).

/// The least contrast of text.
const MIN_CONTRAST: f64 = 4.5;
/// The background of pages in the dark, as in the style sheet.
const DARK: Colour = Colour([0x12, 0x16, 0x1c]);
/// The background of panels in the dark.
const DARK_PANEL: Colour = Colour([0x1b, 0x21, 0x2a]);
/// The background of panels in the light.
const WHITE: Colour = Colour([0xff; 3]);
/// The background of pages in the light.
const LIGHT: Colour = Colour([0xf5, 0xf6, 0xf8]);

/// A colour in sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Colour([u8; 3]);

/// The colour of buttons and links, in the light and in the dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// On buttons, below white text, and of links in the light.
    accent: Colour,
    /// Of links in the dark: the same, as much lighter as it takes.
    accent_in_the_dark: Colour,
}

impl Theme {
    /// Reads a colour such as `#1d4ed8`.
    ///
    /// # Errors
    /// What is wrong with it: it must be one that is dark enough for white text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let accent = Colour::parse(text.trim()).ok_or("must be a colour such as #1d4ed8")?;
        if contrast(accent, WHITE) < MIN_CONTRAST || contrast(accent, LIGHT) < MIN_CONTRAST {
            return Err("must be darker: white text on it, and it on the page, need a contrast of 4.5 to 1");
        }
        let mixes = (0..=20).map(|step| accent.lighter(step));
        let is_readable =
            |colour: &Colour| [DARK, DARK_PANEL].iter().all(|back| contrast(*colour, *back) >= MIN_CONTRAST);
        let accent_in_the_dark = mixes.into_iter().find(is_readable).unwrap_or(WHITE);
        Ok(Self { accent, accent_in_the_dark })
    }

    /// The beginning of the style sheet.
    #[must_use]
    pub fn css(&self) -> String {
        let (light, dark) = (self.accent.hex(), self.accent_in_the_dark.hex());
        format!(":root{{--button:{light};--link:{light}}}@media(prefers-color-scheme:dark){{:root{{--link:{dark}}}}}\n")
    }
}

impl Colour {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        Some(Self([part(0)?, part(2)?, part(4)?]))
    }

    fn hex(self) -> String {
        let [red, green, blue] = self.0;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// Mixed with so many twentieths of white.
    fn lighter(self, twentieths: u16) -> Self {
        Self(self.0.map(|part| {
            let mixed = (u16::from(part) * (20 - twentieths) + 255 * twentieths) / 20;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        }))
    }

    /// The relative luminance.
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

fn contrast(one: Colour, other: Colour) -> f64 {
    let (one, other) = (one.luminance(), other.luminance());
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_as_the_guidelines_have_it() {
        let black = Colour([0; 3]);
        assert!((contrast(black, WHITE) - 21.0).abs() < 0.01);
        assert!((contrast(Colour::parse("#767676").unwrap(), WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn a_colour_that_nobody_can_read_is_refused() {
        assert!(Theme::parse("#1d4ed8").is_ok() && Theme::parse(" #000000 ").is_ok());
        for wrong in ["#ffff00", "#767676", "#fff", "blue", "", "#1d4ed", "#1d4ed8;x", "#ü1d4e"] {
            assert!(Theme::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn in_the_dark_the_colour_is_as_much_lighter_as_it_takes() {
        let theme = Theme::parse("#1d4ed8").unwrap();
        for back in [DARK, DARK_PANEL] {
            assert!(contrast(theme.accent_in_the_dark, back) >= MIN_CONTRAST);
        }
        assert!(theme.css().starts_with(":root{--button:#1d4ed8;--link:#1d4ed8}@media"));
    }
}
