//! Rust bindings of `fermyon:spin/redis@2.0.0`.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        interfaces: "import fermyon:spin/redis@2.0.0;",
        imports: { default: async | trappable, "fermyon:spin/redis@2.0.0.[drop]connection": trappable },
        with: { "fermyon:spin/redis@2.0.0.connection": crate::capability::redis::client::Connection },
    });
}

pub(super) use generated::fermyon::spin2_0_0::redis::*;
