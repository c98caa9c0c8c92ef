//! Columns of results. One of a type without a mapping comes back as its bytes.

use std::error::Error;

use postgres_protocol::types::{self as wire, Range, RangeBound};
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;

use super::bindings::{DbDataType, DbValue, Interval, RangeBoundKind};
use super::calendar::{read_date, read_datetime, read_time};
use super::numeric;

type BoxError = Box<dyn Error + Sync + Send>;

/// One end of a range, as guests have it.
type Bound<T> = Option<(T, RangeBoundKind)>;

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

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use tokio_postgres::types::ToSql;

    use super::super::bindings::ParameterValue;
    use super::super::parameter::Parameter;
    use super::*;

    fn encode(value: ParameterValue, ty: &Type) -> Vec<u8> {
        let mut out = BytesMut::new();
        Parameter::new(value).unwrap().to_sql(ty, &mut out).unwrap();
        out.to_vec()
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
