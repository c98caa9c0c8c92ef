//! Rust bindings of `spin:sqlite/sqlite@3.0.0`, and of its elder `fermyon:spin/sqlite@2.0.0` with the same types.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        interfaces: "import spin:sqlite/sqlite@3.0.0;",
        imports: { default: async | trappable },
        with: { "spin:sqlite/sqlite@3.0.0.connection": crate::capability::sqlite::database::Connection },
    });
}

mod generated_v2 {
    wasmtime::component::bindgen!({
        path: "../../wit",
        interfaces: "import fermyon:spin/sqlite@2.0.0;",
        imports: { default: async | trappable },
        with: { "fermyon:spin/sqlite@2.0.0.connection": crate::capability::sqlite::database::Connection },
    });
}

pub(super) use generated::spin::sqlite::sqlite::*;

/// The elder interface.
pub(super) mod v2 {
    pub(in super::super) use super::generated_v2::fermyon::spin2_0_0::sqlite::*;
}
