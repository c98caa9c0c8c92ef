//! What the host functions of a capability work on: what the component was given of it, and the resources that the guest
//! holds. The state of a call puts the views together, and no capability knows it.

use std::marker::PhantomData;

use wasmtime::component::{HasData, ResourceTable};

use crate::telemetry::Trace;

/// A capability's part of a call.
pub(crate) struct View<'a, C> {
    /// What the component was given, the same for all of its calls.
    pub(crate) context: &'a C,
    /// What the guest holds.
    pub(crate) table: &'a mut ResourceTable,
    /// What it does is a part of this.
    pub(crate) trace: &'a Trace,
}

/// The state of a call that has a capability.
pub(crate) trait Provides<C>: Send + 'static {
    /// Its part of the state.
    fn view(&mut self) -> View<'_, C>;
}

/// Tells wasmtime which view the host functions of a capability work on.
pub(crate) struct ViewOf<C>(PhantomData<C>);

impl<C: 'static> HasData for ViewOf<C> {
    type Data<'a> = View<'a, C>;
}
