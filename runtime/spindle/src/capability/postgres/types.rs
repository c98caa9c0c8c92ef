//! Values between guests and PostgreSQL, strictly typed as Spin has them: a parameter fits the types that it names and
//! no others, and a column of a type without a mapping comes back as its bytes.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use postgres_protocol::IsNull as ElementNull;
use postgres_protocol::types::{self as wire, ArrayDimension, Range, RangeBound};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use super::numeric;
use crate::bindings::postgres::{DbDataType, DbValue, Interval, ParameterValue, RangeBoundKind};

type BoxError = Box<dyn Error + Sync + Send>;

/// One end of a range, as guests have it.
type Bound<T> = Option<(T, RangeBoundKind)>;

/// Days from 1970-01-01, the start of Unix time, to 2000-01-01, the start of PostgreSQL's.
const EPOCH_DAYS: i64 = 10_957;
const DAY_MICROS: i64 = 86_400_000_000;

/// A parameter that has been checked.
#[derive(Debug)]
pub(super) struct Parameter(ParameterValue);

impl Parameter {
    /// Checks what can be checked without knowing the type that the server expects.
    ///
    /// # Errors
    /// What is wrong with it, without the value.
    pub(super) fn new(value: ParameterValue) -> Result<Self, String> {
        match &value {
            ParameterValue::Uuid(text) => {
                Uuid::parse_str(text).map_err(|_| "a uuid parameter is no uuid")?;
            }
            ParameterValue::Jsonb(bytes) => {
                serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map_err(|_| "a jsonb parameter is no JSON")?;
            }
            ParameterValue::Date((year, month, day)) => {
                days(*year, *month, *day).ok_or("a date parameter is no date")?;
            }
            ParameterValue::Time((hour, minute, second, nano)) => {
                micros(*hour, *minute, *second, *nano).ok_or("a time parameter is no time")?;
            }
            ParameterValue::Datetime(datetime) => {
                datetime_micros(*datetime).ok_or("a datetime parameter is no time")?;
            }
            ParameterValue::Timestamp(seconds) => {
                timestamp_micros(*seconds).ok_or("a timestamp parameter is out of range")?;
            }
            _ => {}
        }
        Ok(Self(value))
    }

    fn fits(&self, ty: &Type) -> bool {
        match &self.0 {
            ParameterValue::Boolean(_) => *ty == Type::BOOL,
            ParameterValue::Int8(_) => *ty == Type::CHAR,
            ParameterValue::Int16(_) => *ty == Type::INT2,
            ParameterValue::Int32(_) => *ty == Type::INT4,
            ParameterValue::Int64(_) => *ty == Type::INT8,
            ParameterValue::Floating32(_) => *ty == Type::FLOAT4,
            ParameterValue::Floating64(_) => *ty == Type::FLOAT8,
            ParameterValue::Str(_) => <&str as ToSql>::accepts(ty),
            ParameterValue::Binary(_) => *ty == Type::BYTEA,
            ParameterValue::Date(_) => *ty == Type::DATE,
            ParameterValue::Time(_) => *ty == Type::TIME,
            ParameterValue::Datetime(_) => *ty == Type::TIMESTAMP,
            ParameterValue::Timestamp(_) => *ty == Type::TIMESTAMPTZ,
            ParameterValue::Uuid(_) => *ty == Type::UUID,
            ParameterValue::Jsonb(_) => matches!(*ty, Type::JSON | Type::JSONB),
            ParameterValue::Decimal(_) => *ty == Type::NUMERIC,
            ParameterValue::RangeInt32(_) => *ty == Type::INT4_RANGE,
            ParameterValue::RangeInt64(_) => *ty == Type::INT8_RANGE,
            ParameterValue::RangeDecimal(_) => *ty == Type::NUM_RANGE,
            ParameterValue::ArrayInt32(_) => *ty == Type::INT4_ARRAY,
            ParameterValue::ArrayInt64(_) => *ty == Type::INT8_ARRAY,
            ParameterValue::ArrayDecimal(_) => *ty == Type::NUMERIC_ARRAY,
            ParameterValue::ArrayStr(_) => matches!(*ty, Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY),
            ParameterValue::Interval(_) => *ty == Type::INTERVAL,
            ParameterValue::DbNull => true,
        }
    }

    fn kind(&self) -> &'static str {
        match &self.0 {
            ParameterValue::Boolean(_) => "boolean",
            ParameterValue::Int8(_) => "int8 (8 bits)",
            ParameterValue::Int16(_) => "int16",
            ParameterValue::Int32(_) => "int32",
            ParameterValue::Int64(_) => "int64",
            ParameterValue::Floating32(_) => "floating32",
            ParameterValue::Floating64(_) => "floating64",
            ParameterValue::Str(_) => "str",
            ParameterValue::Binary(_) => "binary",
            ParameterValue::Date(_) => "date",
            ParameterValue::Time(_) => "time",
            ParameterValue::Datetime(_) => "datetime",
            ParameterValue::Timestamp(_) => "timestamp",
            ParameterValue::Uuid(_) => "uuid",
            ParameterValue::Jsonb(_) => "jsonb",
            ParameterValue::Decimal(_) => "decimal",
            ParameterValue::RangeInt32(_) => "range-int32",
            ParameterValue::RangeInt64(_) => "range-int64",
            ParameterValue::RangeDecimal(_) => "range-decimal",
            ParameterValue::ArrayInt32(_) => "array-int32",
            ParameterValue::ArrayInt64(_) => "array-int64",
            ParameterValue::ArrayDecimal(_) => "array-decimal",
            ParameterValue::ArrayStr(_) => "array-str",
            ParameterValue::Interval(_) => "interval",
            ParameterValue::DbNull => "db-null",
        }
    }
}

impl ToSql for Parameter {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        if !self.fits(ty) {
            return Err(format!("a {} parameter does not fit the PostgreSQL type {ty}", self.kind()).into());
        }
        match &self.0 {
            ParameterValue::Boolean(value) => wire::bool_to_sql(*value, out),
            ParameterValue::Int8(value) => wire::char_to_sql(*value, out),
            ParameterValue::Int16(value) => wire::int2_to_sql(*value, out),
            ParameterValue::Int32(value) => wire::int4_to_sql(*value, out),
            ParameterValue::Int64(value) => wire::int8_to_sql(*value, out),
            ParameterValue::Floating32(value) => wire::float4_to_sql(*value, out),
            ParameterValue::Floating64(value) => wire::float8_to_sql(*value, out),
            ParameterValue::Str(value) => return value.as_str().to_sql(ty, out),
            ParameterValue::Binary(value) => wire::bytea_to_sql(value, out),
            ParameterValue::Date((year, month, day)) => {
                wire::date_to_sql(days(*year, *month, *day).ok_or("no date")?, out);
            }
            ParameterValue::Time((hour, minute, second, nano)) => {
                wire::time_to_sql(micros(*hour, *minute, *second, *nano).ok_or("no time")?, out);
            }
            ParameterValue::Datetime(datetime) => {
                wire::timestamp_to_sql(datetime_micros(*datetime).ok_or("no time")?, out);
            }
            ParameterValue::Timestamp(seconds) => {
                wire::timestamp_to_sql(timestamp_micros(*seconds).ok_or("no time")?, out);
            }
            ParameterValue::Uuid(text) => wire::uuid_to_sql(*Uuid::parse_str(text)?.as_bytes(), out),
            ParameterValue::Jsonb(bytes) => {
                if *ty == Type::JSONB {
                    out.put_u8(1);
                }
                out.put_slice(bytes);
            }
            ParameterValue::Decimal(text) => numeric::encode(text, out)?,
            ParameterValue::RangeInt32(range) => write_range(range, out, |n, out| {
                wire::int4_to_sql(*n, out);
                Ok(())
            })?,
            ParameterValue::RangeInt64(range) => write_range(range, out, |n, out| {
                wire::int8_to_sql(*n, out);
                Ok(())
            })?,
            ParameterValue::RangeDecimal(range) => write_range(range, out, |n, out| numeric::encode(n, out))?,
            ParameterValue::ArrayInt32(array) => write_array(array, &Type::INT4, out, |n, out| {
                wire::int4_to_sql(*n, out);
                Ok(())
            })?,
            ParameterValue::ArrayInt64(array) => write_array(array, &Type::INT8, out, |n, out| {
                wire::int8_to_sql(*n, out);
                Ok(())
            })?,
            ParameterValue::ArrayDecimal(array) => {
                write_array(array, &Type::NUMERIC, out, |n, out| numeric::encode(n, out))?
            }
            ParameterValue::ArrayStr(array) => {
                let element = match *ty {
                    Type::VARCHAR_ARRAY => &Type::VARCHAR,
                    Type::BPCHAR_ARRAY => &Type::BPCHAR,
                    _ => &Type::TEXT,
                };
                write_array(array, element, out, |text, out| {
                    wire::text_to_sql(text, out);
                    Ok(())
                })?;
            }
            ParameterValue::Interval(interval) => {
                out.put_i64(interval.micros);
                out.put_i32(interval.days);
                out.put_i32(interval.months);
            }
            ParameterValue::DbNull => return Ok(IsNull::Yes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        // Which types fit depends on the value; `to_sql` looks.
        true
    }

    to_sql_checked!();
}

fn write_range<T>(
    range: &(Bound<T>, Bound<T>),
    out: &mut BytesMut,
    write: impl Fn(&T, &mut BytesMut) -> Result<(), String>,
) -> Result<(), BoxError> {
    let bound = |bound: &Bound<T>, out: &mut BytesMut| match bound {
        None => Ok(RangeBound::Unbounded),
        Some((value, kind)) => {
            write(value, out)?;
            Ok::<_, BoxError>(match kind {
                RangeBoundKind::Inclusive => RangeBound::Inclusive(ElementNull::No),
                RangeBoundKind::Exclusive => RangeBound::Exclusive(ElementNull::No),
            })
        }
    };
    wire::range_to_sql(|out| bound(&range.0, out), |out| bound(&range.1, out), out)
}

fn write_array<T>(
    array: &[Option<T>],
    element: &Type,
    out: &mut BytesMut,
    write: impl Fn(&T, &mut BytesMut) -> Result<(), String>,
) -> Result<(), BoxError> {
    let dimension = ArrayDimension { len: i32::try_from(array.len())?, lower_bound: 1 };
    wire::array_to_sql(
        Some(dimension),
        element.oid(),
        array,
        |value, out| match value {
            None => Ok(ElementNull::Yes),
            Some(value) => write(value, out).map(|()| ElementNull::No).map_err(Into::into),
        },
        out,
    )
}

/// The kind of value that a column holds.
pub(super) fn data_type(ty: &Type) -> DbDataType {
    match *ty {
        Type::BOOL => DbDataType::Boolean,
        Type::INT2 => DbDataType::Int16,
        Type::INT4 => DbDataType::Int32,
        Type::INT8 => DbDataType::Int64,
        Type::FLOAT4 => DbDataType::Floating32,
        Type::FLOAT8 => DbDataType::Floating64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => DbDataType::Str,
        Type::BYTEA => DbDataType::Binary,
        Type::DATE => DbDataType::Date,
        Type::TIME => DbDataType::Time,
        Type::TIMESTAMP => DbDataType::Datetime,
        Type::UUID => DbDataType::Uuid,
        Type::JSONB => DbDataType::Jsonb,
        Type::NUMERIC => DbDataType::Decimal,
        Type::INT4_RANGE => DbDataType::RangeInt32,
        Type::INT8_RANGE => DbDataType::RangeInt64,
        Type::NUM_RANGE => DbDataType::RangeDecimal,
        Type::INT4_ARRAY => DbDataType::ArrayInt32,
        Type::INT8_ARRAY => DbDataType::ArrayInt64,
        Type::NUMERIC_ARRAY => DbDataType::ArrayDecimal,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => DbDataType::ArrayStr,
        Type::INTERVAL => DbDataType::Interval,
        _ => DbDataType::Other(ty.name().to_owned()),
    }
}

/// A column's value, read from a row.
pub(super) struct Column(pub(super) DbValue);

impl<'a> FromSql<'a> for Column {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(Self(match *ty {
            Type::BOOL => DbValue::Boolean(wire::bool_from_sql(raw)?),
            Type::INT2 => DbValue::Int16(wire::int2_from_sql(raw)?),
            Type::INT4 => DbValue::Int32(wire::int4_from_sql(raw)?),
            Type::INT8 => DbValue::Int64(wire::int8_from_sql(raw)?),
            Type::FLOAT4 => DbValue::Floating32(wire::float4_from_sql(raw)?),
            Type::FLOAT8 => DbValue::Floating64(wire::float8_from_sql(raw)?),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR => DbValue::Str(wire::text_from_sql(raw)?.to_owned()),
            Type::BYTEA => DbValue::Binary(raw.to_vec()),
            Type::DATE => DbValue::Date(read_date(wire::date_from_sql(raw)?)?),
            Type::TIME => DbValue::Time(read_time(wire::time_from_sql(raw)?)?),
            Type::TIMESTAMP => DbValue::Datetime(read_datetime(wire::timestamp_from_sql(raw)?)?),
            Type::UUID => DbValue::Uuid(Uuid::from_bytes(wire::uuid_from_sql(raw)?).to_string()),
            Type::JSONB => match raw.split_first() {
                Some((1, json)) => DbValue::Jsonb(json.to_vec()),
                _ => return Err("a jsonb value has an unknown version".into()),
            },
            Type::NUMERIC => DbValue::Decimal(numeric::decode(raw)?),
            Type::INT4_RANGE => DbValue::RangeInt32(read_range(raw, 0, wire::int4_from_sql)?),
            Type::INT8_RANGE => DbValue::RangeInt64(read_range(raw, 0, wire::int8_from_sql)?),
            Type::NUM_RANGE => {
                DbValue::RangeDecimal(read_range(raw, String::new(), |b| numeric::decode(b).map_err(Into::into))?)
            }
            Type::INT4_ARRAY => DbValue::ArrayInt32(read_array(raw, wire::int4_from_sql)?),
            Type::INT8_ARRAY => DbValue::ArrayInt64(read_array(raw, wire::int8_from_sql)?),
            Type::NUMERIC_ARRAY => DbValue::ArrayDecimal(read_array(raw, |b| numeric::decode(b).map_err(Into::into))?),
            Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => {
                DbValue::ArrayStr(read_array(raw, |b| Ok(wire::text_from_sql(b)?.to_owned()))?)
            }
            Type::INTERVAL => match <[u8; 16]>::try_from(raw) {
                Ok([a, b, c, d, e, f, g, h, days @ .., i, j, k, l]) => DbValue::Interval(Interval {
                    micros: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
                    days: i32::from_be_bytes(days),
                    months: i32::from_be_bytes([i, j, k, l]),
                }),
                Err(_) => return Err("an interval is not 16 bytes long".into()),
            },
            _ => DbValue::Unsupported(raw.to_vec()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxError> {
        Ok(Self(DbValue::DbNull))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn read_range<T: Clone>(
    raw: &[u8],
    empty: T,
    read: impl Fn(&[u8]) -> Result<T, BoxError>,
) -> Result<(Bound<T>, Bound<T>), BoxError> {
    let bound = |bound: RangeBound<Option<&[u8]>>| -> Result<Bound<T>, BoxError> {
        Ok(match bound {
            RangeBound::Inclusive(Some(bytes)) => Some((read(bytes)?, RangeBoundKind::Inclusive)),
            RangeBound::Exclusive(Some(bytes)) => Some((read(bytes)?, RangeBoundKind::Exclusive)),
            _ => None,
        })
    };
    Ok(match wire::range_from_sql(raw)? {
        Range::Nonempty(lower, upper) => (bound(lower)?, bound(upper)?),
        // Guests have no empty range: nothing lies in [x, x).
        Range::Empty => (Some((empty.clone(), RangeBoundKind::Inclusive)), Some((empty, RangeBoundKind::Exclusive))),
    })
}

fn read_array<T>(raw: &[u8], read: impl Fn(&[u8]) -> Result<T, BoxError>) -> Result<Vec<Option<T>>, BoxError> {
    use fallible_iterator::FallibleIterator;
    let array = wire::array_from_sql(raw)?;
    if array.dimensions().count()? > 1 {
        return Err("an array has more than one dimension".into());
    }
    array.values().map(|value| value.map(&read).transpose()).collect()
}

/// Days since 2000-01-01 of a date that exists.
fn days(year: i32, month: u8, day: u8) -> Option<i32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u8::from(leap),
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Counted in years that begin with March, so that the leap day comes last.
    let (month, day) = (i64::from(month), i64::from(day));
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + day_of_era - 719_468 - EPOCH_DAYS).ok()
}

/// The date of a number of days since 2000-01-01.
fn read_date(days: i32) -> Result<(i32, u8, u8), BoxError> {
    if days == i32::MAX || days == i32::MIN {
        return Err("an infinite date".into());
    }
    let days = i64::from(days) + EPOCH_DAYS + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Ok((i32::try_from(year)?, u8::try_from(month)?, u8::try_from(day)?))
}

/// Microseconds since midnight.
fn micros(hour: u8, minute: u8, second: u8, nano: u32) -> Option<i64> {
    if hour > 23 || minute > 59 || second > 59 || nano > 999_999_999 {
        return None;
    }
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    Some(seconds * 1_000_000 + i64::from(nano) / 1000)
}

fn read_time(micros: i64) -> Result<(u8, u8, u8, u32), BoxError> {
    let seconds = micros / 1_000_000;
    let nano = u32::try_from(micros % 1_000_000 * 1000)?;
    Ok((u8::try_from(seconds / 3600)?, u8::try_from(seconds / 60 % 60)?, u8::try_from(seconds % 60)?, nano))
}

type Datetime = (i32, u8, u8, u8, u8, u8, u32);

fn datetime_micros((year, month, day, hour, minute, second, nano): Datetime) -> Option<i64> {
    i64::from(days(year, month, day)?).checked_mul(DAY_MICROS)?.checked_add(micros(hour, minute, second, nano)?)
}

fn read_datetime(micros: i64) -> Result<Datetime, BoxError> {
    if micros == i64::MAX || micros == i64::MIN {
        return Err("an infinite timestamp".into());
    }
    let (year, month, day) = read_date(i32::try_from(micros.div_euclid(DAY_MICROS))?)?;
    let (hour, minute, second, nano) = read_time(micros.rem_euclid(DAY_MICROS))?;
    Ok((year, month, day, hour, minute, second, nano))
}

fn timestamp_micros(seconds: i64) -> Option<i64> {
    seconds.checked_sub(EPOCH_DAYS * 86_400)?.checked_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(value: ParameterValue, ty: &Type) -> Vec<u8> {
        let mut out = BytesMut::new();
        Parameter::new(value).unwrap().to_sql(ty, &mut out).unwrap();
        out.to_vec()
    }

    #[test]
    fn dates_survive() {
        for date in [(2000, 1, 1), (1970, 1, 1), (2024, 2, 29), (1999, 12, 31), (-1, 3, 1), (9999, 12, 31)] {
            assert_eq!(read_date(days(date.0, date.1, date.2).unwrap()).unwrap(), date);
        }
        assert_eq!(days(2000, 1, 1), Some(0));
        assert_eq!(days(1970, 1, 1), Some(-10_957));
        assert_eq!(days(2023, 2, 29), None);
        assert_eq!(days(2023, 13, 1), None);
    }

    #[test]
    fn times_survive() {
        let moment = (2024, 2, 29, 23, 59, 58, 123_456_000);
        assert_eq!(read_datetime(datetime_micros(moment).unwrap()).unwrap(), moment);
        let early = (1969, 7, 20, 20, 17, 40, 0);
        assert_eq!(read_datetime(datetime_micros(early).unwrap()).unwrap(), early);
        assert!(micros(24, 0, 0, 0).is_none());
        assert_eq!(timestamp_micros(946_684_800), Some(0));
    }

    #[test]
    fn a_parameter_fits_its_own_type_only() {
        let fits = |value: ParameterValue, ty: &Type| Parameter::new(value).unwrap().fits(ty);
        assert!(fits(ParameterValue::Int32(1), &Type::INT4));
        assert!(!fits(ParameterValue::Int32(1), &Type::INT8));
        assert!(!fits(ParameterValue::Str("x".into()), &Type::UUID));
        assert!(!fits(ParameterValue::Str("{}".into()), &Type::JSONB));
        assert!(fits(ParameterValue::Str("x".into()), &Type::VARCHAR));
        assert!(fits(ParameterValue::Timestamp(0), &Type::TIMESTAMPTZ));
        assert!(!fits(ParameterValue::Timestamp(0), &Type::TIMESTAMP));
        assert!(fits(ParameterValue::DbNull, &Type::CIRCLE));
    }

    #[test]
    fn bad_parameters_are_refused_without_showing_them() {
        for value in [
            ParameterValue::Uuid("secret".into()),
            ParameterValue::Jsonb(b"secret".to_vec()),
            ParameterValue::Date((2023, 2, 30)),
            ParameterValue::Timestamp(i64::MAX),
        ] {
            assert!(!Parameter::new(value).unwrap_err().contains("secret"));
        }
    }

    #[test]
    fn arrays_and_ranges_survive() {
        let array = vec![Some(1), None, Some(-3)];
        let wire = encode(ParameterValue::ArrayInt32(array.clone()), &Type::INT4_ARRAY);
        let Column(DbValue::ArrayInt32(back)) = Column::from_sql(&Type::INT4_ARRAY, &wire).unwrap() else { panic!() };
        assert_eq!(back, array);
        let range = (Some((1_i64, RangeBoundKind::Inclusive)), None);
        let wire = encode(ParameterValue::RangeInt64(range), &Type::INT8_RANGE);
        let Column(DbValue::RangeInt64(back)) = Column::from_sql(&Type::INT8_RANGE, &wire).unwrap() else { panic!() };
        assert!(matches!(back, (Some((1, RangeBoundKind::Inclusive)), None)));
        let interval = Interval { micros: 1, days: -2, months: 3 };
        let wire = encode(ParameterValue::Interval(interval), &Type::INTERVAL);
        let Column(DbValue::Interval(back)) = Column::from_sql(&Type::INTERVAL, &wire).unwrap() else { panic!() };
        assert_eq!((back.micros, back.days, back.months), (1, -2, 3));
    }

    #[test]
    fn types_without_a_mapping_are_bytes() {
        for ty in [Type::TIMESTAMPTZ, Type::JSON, Type::INET] {
            assert!(matches!(Column::from_sql(&ty, b"x").unwrap().0, DbValue::Unsupported(_)));
            assert!(matches!(data_type(&ty), DbDataType::Other(_)));
        }
    }
}
