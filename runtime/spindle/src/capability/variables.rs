//! Variables: `fermyon:spin/variables@2.0.0`.

use std::collections::HashMap;

use wasmtime::component::Linker;

use self::bindings::{Error as GuestError, Host};
use super::view::{Provides, View, ViewOf};
use crate::template::is_variable_name;

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        interfaces: "import fermyon:spin/variables@2.0.0;",
        imports: { default: trappable },
    });
}
use generated::fermyon::spin2_0_0::variables as bindings;

/// The variables of one component, resolved.
pub(crate) type Values = HashMap<String, String>;

/// Offers the capability to components.
///
/// # Errors
/// When the linker has it already.
pub(crate) fn link<T: Provides<Values>>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    bindings::add_to_linker::<T, ViewOf<Values>>(linker, T::view)
}

impl Host for View<'_, Values> {
    fn get(&mut self, name: String) -> wasmtime::Result<Result<String, GuestError>> {
        Ok(match self.context.get(&name) {
            Some(value) => Ok(value.clone()),
            None if !is_variable_name(&name) => Err(GuestError::InvalidName(name)),
            None => Err(GuestError::Undefined(name)),
        })
    }
}
