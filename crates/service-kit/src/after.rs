//! Work that runs after the response has been sent, so that no caller waits for it.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// The work to run after a response. It is lost if the process ends first, so whatever must not be lost is already in the
/// database.
#[derive(Clone, Default)]
pub(crate) struct After(Rc<RefCell<Vec<Work>>>);

impl After {
    /// Adds work.
    pub(crate) fn add(&self, work: impl Future<Output = ()> + 'static) {
        self.0.borrow_mut().push(Box::pin(work));
    }

    /// Runs it in order.
    pub(crate) async fn run(self) {
        for work in self.0.take() {
            work.await;
        }
    }
}

impl fmt::Debug for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("After(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Waker};

    /// Polls a future that never waits.
    fn finish(future: impl Future<Output = ()>) {
        assert!(pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }

    #[test]
    fn nothing_is_done_before_it_is_time_and_all_of_it_in_order_then() {
        let done = Rc::new(RefCell::new(Vec::new()));
        let after = After::default();
        for number in 0..3 {
            let done = Rc::clone(&done);
            after.add(async move { done.borrow_mut().push(number) });
        }
        assert!(done.borrow().is_empty());
        finish(after.clone().run());
        assert_eq!(*done.borrow(), [0, 1, 2]);
        finish(after.run());
        assert_eq!(done.borrow().len(), 3, "nothing is done twice");
    }
}
