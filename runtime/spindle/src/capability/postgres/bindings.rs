//! Rust bindings of `spin:postgres/postgres@4.0.0`, and of its elders.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        interfaces: "import spin:postgres/postgres@4.0.0;",
        imports: { default: async | trappable, "spin:postgres/postgres@4.0.0.[drop]connection": trappable },
        with: { "spin:postgres/postgres@4.0.0.connection": crate::capability::postgres::client::Connection },
    });
}

mod generated_v3 {
    wasmtime::component::bindgen!({
        path: "../../wit",
        interfaces: "import spin:postgres/postgres@3.0.0;",
        imports: { default: async | trappable },
        with: { "spin:postgres/postgres@3.0.0.connection": crate::capability::postgres::client::Connection },
    });
}

mod generated_v2 {
    wasmtime::component::bindgen!({
        path: "../../wit",
        interfaces: "import fermyon:spin/postgres@2.0.0;",
        imports: { default: async | trappable },
        with: { "fermyon:spin/postgres@2.0.0.connection": crate::capability::postgres::client::Connection },
    });
}

pub(super) use generated::spin::postgres4_0_0::postgres::*;
pub(super) use generated_v2::fermyon::spin2_0_0::{postgres as v2, rdbms_types as v2_types};
pub(super) use generated_v3::spin::postgres3_0_0::postgres as v3;
