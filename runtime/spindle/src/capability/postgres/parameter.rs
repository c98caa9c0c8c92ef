//! Parameters of statements, strictly typed as Spin has them: a parameter fits the types that it names and no others.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use postgres_protocol::IsNull as ElementNull;
use postgres_protocol::types::{self as wire, ArrayDimension, RangeBound};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use super::bindings::{ParameterValue, RangeBoundKind};
use super::calendar::{date_days, datetime_micros, time_micros, timestamp_micros};
use super::numeric;

type BoxError = Box<dyn Error + Sync + Send>;

/// One end of a range, as guests have it.
type Bound<T> = Option<(T, RangeBoundKind)>;

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
                Uuid::parse_str(text).map_err(|_| "a uuid parameter is not a uuid")?;
            }
            ParameterValue::Jsonb(bytes) => {
                serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map_err(|_| "a jsonb parameter is not JSON")?;
            }
            ParameterValue::Date((year, month, day)) => {
                date_days(*year, *month, *day).ok_or("a date parameter is not a date")?;
            }
            ParameterValue::Time((hour, minute, second, nano)) => {
                time_micros(*hour, *minute, *second, *nano).ok_or("a time parameter is not a time of day")?;
            }
            ParameterValue::Datetime(datetime) => {
                datetime_micros(*datetime).ok_or("a datetime parameter is not a date with a time of day")?;
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
                wire::date_to_sql(date_days(*year, *month, *day).ok_or("no date")?, out);
            }
            ParameterValue::Time((hour, minute, second, nano)) => {
                wire::time_to_sql(time_micros(*hour, *minute, *second, *nano).ok_or("no time")?, out);
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
                write_array(array, &Type::NUMERIC, out, |n, out| numeric::encode(n, out))?;
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
