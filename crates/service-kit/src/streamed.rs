//! A body that is sent while it is made: too much to be there as a whole.

use problem::Problem;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// The chunks of a body.
pub(crate) type Chunks = Box<dyn Iterator<Item = Result<Vec<u8>, Problem>>>;

/// What a handler streams; nothing, unless it says so.
#[derive(Clone, Default)]
pub(crate) struct Streamed(Rc<RefCell<Option<Chunks>>>);

impl Streamed {
    /// Streams these chunks.
    pub(crate) fn set(&self, chunks: impl Iterator<Item = Result<Vec<u8>, Problem>> + 'static) {
        *self.0.borrow_mut() = Some(Box::new(chunks));
    }

    /// What is streamed.
    pub(crate) fn take(&self) -> Option<Chunks> {
        self.0.borrow_mut().take()
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streamed(..)")
    }
}
