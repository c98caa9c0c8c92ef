//! Dates and times between guests, who have years, months and so on, and PostgreSQL, which counts from 2000-01-01.

use std::error::Error;

use time::{Date, Month, Time};

type BoxError = Box<dyn Error + Sync + Send>;

/// A date with a time of day: year, month, day, hour, minute, second, nanosecond.
type Datetime = (i32, u8, u8, u8, u8, u8, u32);

/// The Julian day of 2000-01-01, the start of PostgreSQL's time.
const EPOCH_JULIAN_DAY: i32 = 2_451_545;
/// Seconds from the start of Unix time to that of PostgreSQL's.
const EPOCH_UNIX_SECONDS: i64 = 946_684_800;
const DAY_MICROS: i64 = 86_400_000_000;

/// Days since 2000-01-01 of a date that exists.
pub(super) fn date_days(year: i32, month: u8, day: u8) -> Option<i32> {
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    Some(date.to_julian_day() - EPOCH_JULIAN_DAY)
}

/// The date of a number of days since 2000-01-01.
pub(super) fn read_date(days: i32) -> Result<(i32, u8, u8), BoxError> {
    if days == i32::MAX || days == i32::MIN {
        return Err("an infinite date".into());
    }
    let date = days.checked_add(EPOCH_JULIAN_DAY).and_then(|day| Date::from_julian_day(day).ok());
    let (year, month, day) = date.ok_or("a date beyond the year 9999")?.to_calendar_date();
    Ok((year, month.into(), day))
}

/// Microseconds since midnight.
pub(super) fn time_micros(hour: u8, minute: u8, second: u8, nano: u32) -> Option<i64> {
    let time = Time::from_hms_nano(hour, minute, second, nano).ok()?;
    i64::try_from((time - Time::MIDNIGHT).whole_microseconds()).ok()
}

/// The time of day. PostgreSQL has 24:00:00 as well, which `time` has not.
pub(super) fn read_time(micros: i64) -> Result<(u8, u8, u8, u32), BoxError> {
    let seconds = micros / 1_000_000;
    let nano = u32::try_from(micros % 1_000_000 * 1000)?;
    Ok((u8::try_from(seconds / 3600)?, u8::try_from(seconds / 60 % 60)?, u8::try_from(seconds % 60)?, nano))
}

/// Microseconds since 2000-01-01.
pub(super) fn datetime_micros((year, month, day, hour, minute, second, nano): Datetime) -> Option<i64> {
    let days = i64::from(date_days(year, month, day)?);
    days.checked_mul(DAY_MICROS)?.checked_add(time_micros(hour, minute, second, nano)?)
}

pub(super) fn read_datetime(micros: i64) -> Result<Datetime, BoxError> {
    if micros == i64::MAX || micros == i64::MIN {
        return Err("an infinite timestamp".into());
    }
    let (year, month, day) = read_date(i32::try_from(micros.div_euclid(DAY_MICROS))?)?;
    let (hour, minute, second, nano) = read_time(micros.rem_euclid(DAY_MICROS))?;
    Ok((year, month, day, hour, minute, second, nano))
}

/// Microseconds since 2000-01-01 of a Unix time.
pub(super) fn timestamp_micros(seconds: i64) -> Option<i64> {
    seconds.checked_sub(EPOCH_UNIX_SECONDS)?.checked_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_survive() {
        for date in [(2000, 1, 1), (1970, 1, 1), (2024, 2, 29), (1999, 12, 31), (-1, 3, 1), (9999, 12, 31)] {
            assert_eq!(read_date(date_days(date.0, date.1, date.2).unwrap()).unwrap(), date);
        }
        assert_eq!(date_days(2000, 1, 1), Some(0));
        assert_eq!(date_days(1970, 1, 1), Some(-10_957));
        assert_eq!(date_days(2023, 2, 29), None);
        assert_eq!(date_days(2023, 13, 1), None);
        assert!(read_date(3_000_000).is_err() && read_date(i32::MAX - 1).is_err());
    }

    #[test]
    fn times_survive() {
        let moment = (2024, 2, 29, 23, 59, 58, 123_456_000);
        assert_eq!(read_datetime(datetime_micros(moment).unwrap()).unwrap(), moment);
        let early = (1969, 7, 20, 20, 17, 40, 0);
        assert_eq!(read_datetime(datetime_micros(early).unwrap()).unwrap(), early);
        assert!(time_micros(24, 0, 0, 0).is_none());
        assert_eq!(timestamp_micros(946_684_800), Some(0));
    }
}
