//! Rust bindings of `fermyon:spin/mqtt@2.0.0`.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        interfaces: "import fermyon:spin/mqtt@2.0.0;",
        imports: { default: async | trappable, "fermyon:spin/mqtt@2.0.0.[drop]connection": trappable, "fermyon:spin/mqtt@2.0.0.[static]connection.open": trappable },
        with: { "fermyon:spin/mqtt@2.0.0.connection": crate::capability::mqtt::client::Connection },
    });
}

pub(super) use generated::fermyon::spin2_0_0::mqtt::*;
