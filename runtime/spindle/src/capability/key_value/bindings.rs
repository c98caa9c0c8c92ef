//! Rust bindings of `fermyon:spin/key-value@2.0.0`.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        interfaces: "import fermyon:spin/key-value@2.0.0;",
        imports: { default: async | trappable, "fermyon:spin/key-value@2.0.0.[drop]store": trappable, "fermyon:spin/key-value@2.0.0.[static]store.open": trappable },
        with: { "fermyon:spin/key-value@2.0.0.store": crate::capability::key_value::store::OpenStore },
    });
}

pub(super) use generated::fermyon::spin2_0_0::key_value::*;
