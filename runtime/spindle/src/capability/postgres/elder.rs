//! The elder interfaces, `spin:postgres@3.0.0` and `fermyon:spin/postgres@2.0.0`: the newest one with fewer types of values,
//! and errors that are text.

use wasmtime::component::Resource;

use super::Access;
use super::bindings::{
    DbDataType, DbValue, Error, HostConnection, ParameterValue, QueryError, RowSet, v2, v2_types, v3,
};
use super::client::Connection;
use crate::capability::view::View;

/// Translates values, columns and errors for one of them. What is named has the same name on both sides.
macro_rules! elder {
    ($module:ident, $types:ident, values: [$($value:ident),*], parameters: [$($parameter:ident),*], refused: [$($refused:ident),*]) => {
        mod $module {
            use super::*;

            pub(super) fn error(error: Error) -> $types::Error {
                match error {
                    Error::ConnectionFailed(text) => $types::Error::ConnectionFailed(text),
                    Error::BadParameter(text) => $types::Error::BadParameter(text),
                    Error::QueryFailed(QueryError::Text(text)) => $types::Error::QueryFailed(text),
                    Error::QueryFailed(QueryError::DbError(error)) => $types::Error::QueryFailed(error.as_text),
                    Error::ValueConversionFailed(text) => $types::Error::ValueConversionFailed(text),
                    Error::Other(text) => $types::Error::Other(text),
                }
            }

            pub(super) fn parameters(
                values: Vec<$types::ParameterValue>,
            ) -> Result<Vec<ParameterValue>, $types::Error> {
                let translate = |value| Ok(match value {
                    $($types::ParameterValue::$parameter(value) => ParameterValue::$parameter(value),)*
                    $($types::ParameterValue::$refused(_) => {
                        let reason = "Postgres does not support unsigned integers".to_owned();
                        return Err($types::Error::ValueConversionFailed(reason));
                    })*
                    $types::ParameterValue::DbNull => ParameterValue::DbNull,
                });
                values.into_iter().map(translate).collect()
            }

            fn value(value: DbValue) -> $types::DbValue {
                match value {
                    $(DbValue::$value(value) => $types::DbValue::$value(value),)*
                    DbValue::DbNull => $types::DbValue::DbNull,
                    _ => $types::DbValue::Unsupported,
                }
            }

            fn column(name: String, data_type: &DbDataType) -> $types::Column {
                let data_type = match data_type {
                    $(DbDataType::$value => $types::DbDataType::$value,)*
                    _ => $types::DbDataType::Other,
                };
                $types::Column { name, data_type }
            }

            pub(super) fn rows(set: RowSet) -> $types::RowSet {
                $types::RowSet {
                    columns: set.columns.into_iter().map(|found| column(found.name, &found.data_type)).collect(),
                    rows: set.rows.into_iter().map(|row| row.into_iter().map(value).collect()).collect(),
                }
            }
        }
    };
}

elder!(
    second, v2_types,
    values: [Boolean, Int8, Int16, Int32, Int64, Floating32, Floating64, Str, Binary],
    parameters: [Boolean, Int8, Int16, Int32, Int64, Floating32, Floating64, Str, Binary],
    refused: [Uint8, Uint16, Uint32, Uint64]
);

elder!(
    third, v3,
    values: [Boolean, Int8, Int16, Int32, Int64, Floating32, Floating64, Str, Binary, Date, Time, Datetime, Timestamp],
    parameters: [Boolean, Int8, Int16, Int32, Int64, Floating32, Floating64, Str, Binary, Date, Time, Datetime, Timestamp],
    refused: []
);

/// Implements an elder interface by the newest.
macro_rules! by_the_newest {
    ($interface:ident, $types:ident, $module:ident) => {
        impl $interface::Host for View<'_, Access> {}

        impl $interface::HostConnection for View<'_, Access> {
            async fn open(&mut self, address: String) -> wasmtime::Result<Result<Resource<Connection>, $types::Error>> {
                Ok(HostConnection::open(self, address).await?.map_err($module::error))
            }

            async fn query(
                &mut self,
                connection: Resource<Connection>,
                statement: String,
                params: Vec<$types::ParameterValue>,
            ) -> wasmtime::Result<Result<$types::RowSet, $types::Error>> {
                let params = match $module::parameters(params) {
                    Ok(params) => params,
                    Err(error) => return Ok(Err(error)),
                };
                let result = HostConnection::query(self, connection, statement, params).await?;
                Ok(result.map($module::rows).map_err($module::error))
            }

            async fn execute(
                &mut self,
                connection: Resource<Connection>,
                statement: String,
                params: Vec<$types::ParameterValue>,
            ) -> wasmtime::Result<Result<u64, $types::Error>> {
                let params = match $module::parameters(params) {
                    Ok(params) => params,
                    Err(error) => return Ok(Err(error)),
                };
                Ok(HostConnection::execute(self, connection, statement, params).await?.map_err($module::error))
            }

            async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
                HostConnection::drop(self, connection)
            }
        }
    };
}

by_the_newest!(v2, v2_types, second);
by_the_newest!(v3, v3, third);

impl v2_types::Host for View<'_, Access> {}
