//! Whose turn it is: what one call of the consumer knows about the queues.

use events::Queue;
use std::time::{Duration, Instant};

/// How long a queue that had nothing is asked after the others.
const REST: Duration = Duration::from_millis(100);

/// How long a queue that failed is not asked. Others are served meanwhile, and the broker may be well again before the call is over.
const FAILED: Duration = Duration::from_secs(2);

/// What one call knows about the queues.
pub(crate) struct Round {
    /// The queue whose turn it is.
    turn: usize,
    /// The queues that this call does not serve.
    is_none_of_ours: [bool; Queue::ALL.len()],
    /// Until when each queue is not asked: it failed a moment ago.
    failed_until: [Option<Instant>; Queue::ALL.len()],
    /// Until when each queue is asked after the others: it had nothing a moment ago.
    rests_until: [Option<Instant>; Queue::ALL.len()],
    /// How many messages were claimed.
    pub(crate) claimed: u32,
    /// How many messages to people, and how many webhooks, are being sent: an endpoint that hangs holds up no mail.
    pub(crate) in_flight: [usize; 2],
    /// Whether webhooks are no longer claimed in this call, so that waiting for their end does not hold up mail either.
    pub(crate) is_late: bool,
    /// After which time the next message is due, if known.
    pub(crate) due: Option<Duration>,
}

impl Round {
    /// Without endpoints, the queues of webhooks are none of this call.
    pub(crate) fn new(has_webhooks: bool) -> Self {
        let is_none_of_ours = Queue::ALL.map(|queue| queue.is_webhook() && !has_webhooks);
        let (failed_until, rests_until) = ([None; Queue::ALL.len()], [None; Queue::ALL.len()]);
        Self {
            turn: 0,
            is_none_of_ours,
            failed_until,
            rests_until,
            claimed: 0,
            in_flight: [0; 2],
            is_late: false,
            due: None,
        }
    }

    /// The queues to ask for a message, in this order: from the one whose turn it is, and last those that had nothing a moment
    /// ago.
    pub(crate) fn asked(&self, concurrency: usize) -> Vec<Queue> {
        let now = Instant::now();
        let indices = (0..Queue::ALL.len()).map(|step| (self.turn + step) % Queue::ALL.len());
        let is_wanted = |index: &usize| {
            let queue = Queue::ALL[*index];
            let is_not_now =
                self.in_flight[usize::from(queue.is_webhook())] >= concurrency || (queue.is_webhook() && self.is_late);
            let has_failed = self.failed_until[*index].is_some_and(|until| until > now);
            !self.is_none_of_ours[*index] && !has_failed && !is_not_now
        };
        let rests = |index: &usize| self.rests_until[*index].is_some_and(|until| until > now);
        let (resting, others): (Vec<_>, Vec<_>) = indices.filter(is_wanted).partition(rests);
        others.into_iter().chain(resting).map(|index| Queue::ALL[index]).collect()
    }

    /// Remembers that a queue has failed.
    pub(crate) fn give_up(&mut self, queue: Queue) {
        let until = Some(Instant::now() + FAILED);
        for (known, failed) in Queue::ALL.iter().zip(&mut self.failed_until) {
            if *known == queue {
                *failed = until;
            }
        }
    }

    /// Remembers that a message came from one of the queues that were asked, and that those before it had none. Gives its queue.
    pub(crate) fn took(&mut self, asked: &[Queue], place: usize) -> Option<Queue> {
        let queue = *asked.get(place)?;
        let rest = Instant::now() + REST;
        for (index, known) in Queue::ALL.iter().enumerate() {
            if asked[..place].contains(known) {
                self.rests_until[index] = Some(rest);
            }
            if *known == queue {
                self.rests_until[index] = None;
                self.turn = index + 1;
            }
        }
        self.claimed += 1;
        Some(queue)
    }
}
