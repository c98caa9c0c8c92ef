//! Rust bindings of `spin:postgres/postgres@4.0.0`.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        interfaces: "import spin:postgres/postgres@4.0.0;",
        imports: { default: async | trappable },
        with: { "spin:postgres/postgres@4.0.0.connection": crate::capability::postgres::client::Connection },
    });
}

pub(super) use generated::spin::postgres::postgres::*;
