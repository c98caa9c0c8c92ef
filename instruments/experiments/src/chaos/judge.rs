//! What became of requests and messages: told from the answers and from what has arrived at the mail provider alone.

use super::matrix::{Cause, Harm, Part};
use std::collections::BTreeMap;

/// Within which time, in seconds, there has to be an answer.
const ANSWER: f64 = 10.0;
/// Within which time a message has to arrive once all is well again.
pub(super) const MESSAGE: f64 = 5.0;
/// How long a send may take: what the provider has accepted so long before something happened to it may have got no answer.
const SEND: f64 = 10.0;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Keys,
    Refresh,
    SignIn,
    SignUp,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Read, Self::Keys, Self::Refresh, Self::SignIn, Self::SignUp];

    /// The name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "reads",
            Self::Keys => "keys",
            Self::Refresh => "refreshes",
            Self::SignIn => "sign-ins",
            Self::SignUp => "sign-ups",
        }
    }

    /// Whether it cannot be done without one of these parts: only the database is needed, and not for the public keys.
    fn needs(self, harm: &Harm) -> bool {
        self != Self::Keys && harm.iter().any(|(part, _)| *part == Part::Postgresql)
    }

    /// The messages that it leads to, by the tags that they arrive with.
    fn messages(self) -> &'static [&'static str] {
        match self {
            Self::SignIn => &["email", "sms"],
            Self::SignUp => &["email"],
            _ => &[],
        }
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// 503, with when to come back.
    Refused,
    /// Any other answer, or none in time.
    Failed,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) kind: Kind,
    /// When it began, in seconds since the beginning of the run.
    pub(super) at: f64,
    /// How long it took.
    pub(super) seconds: f64,
    /// The status; 0 if there was no answer.
    pub(super) status: u16,
    pub(super) says_when: bool,
    /// What was wrong, for whoever looks for the reason.
    pub(super) problem: String,
    /// Whom its messages go to, and no other's.
    pub(super) to: Option<String>,
}

impl Sample {
    pub(super) fn outcome(&self) -> Outcome {
        match self.status {
            _ if self.seconds > ANSWER => Outcome::Failed,
            200 | 201 => Outcome::Done,
            503 if self.says_when => Outcome::Refused,
            _ => Outcome::Failed,
        }
    }

    fn is_done(&self) -> bool {
        self.outcome() == Outcome::Done
    }
}

/// Which messages have arrived, by recipient and tag, and when.
#[derive(Debug, Default)]
pub(super) struct Arrivals(BTreeMap<(String, String), Vec<f64>>);

impl Arrivals {
    /// Adds one.
    pub(super) fn add(&mut self, to: &str, tag: &str, at: f64) {
        self.0.entry((to.to_owned(), tag.to_owned())).or_default().push(at);
    }

    fn of(&self, to: &str, tag: &str) -> &[f64] {
        self.0.get(&(to.to_owned(), tag.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// The messages of a request: when each has arrived.
    fn each<'a>(&'a self, sample: &'a Sample) -> impl Iterator<Item = &'a [f64]> {
        let to = sample.to.as_deref().unwrap_or_default();
        sample.kind.messages().iter().map(move |tag| self.of(to, tag))
    }
}

/// When what was done, in seconds since the beginning of the run.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) harm: Harm,
    /// The calm before.
    pub(super) calm: f64,
    /// Something is broken.
    pub(super) broken: f64,
    /// The cause is gone.
    pub(super) mended: f64,
    /// The calm before the next step begins.
    pub(super) over: f64,
}

/// How many requests were done, refused and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) done: usize,
    pub(super) refused: usize,
    pub(super) failed: usize,
}

impl Counts {
    fn of<'a>(samples: impl Iterator<Item = &'a Sample>) -> Self {
        let mut counts = Self::default();
        for sample in samples {
            let count = match sample.outcome() {
                Outcome::Done => &mut counts.done,
                Outcome::Refused => &mut counts.refused,
                Outcome::Failed => &mut counts.failed,
            };
            *count += 1;
        }
        counts
    }
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    /// The requests that began while something was broken, by kind.
    pub(super) counts: [Counts; Kind::ALL.len()],
    /// Those of the whole step that failed.
    pub(super) failed: usize,
    /// Requests that need nothing of what was broken, and were not done meanwhile.
    pub(super) disturbed: usize,
    /// Within which time 99 of 100 of those were answered, in milliseconds: of the slowest kind.
    pub(super) others_p99: f64,
    /// Messages that did not arrive, of requests that were done.
    pub(super) lost: usize,
    /// Messages that arrived again although an acceptance had been answered.
    pub(super) doubled: usize,
    /// Messages that arrived again after the provider had accepted them and its answer was lost.
    pub(super) again: usize,
    /// How long after the mending the last request began that was not done, or whose messages were late; none if it still
    /// went on.
    pub(super) healed: Option<f64>,
    /// How long after the mending the last message of earlier requests arrived; none if one did not.
    pub(super) drained: Option<f64>,
    /// Messages that were late although nothing that they need was broken.
    pub(super) late: usize,
}

/// For how long, in seconds, everything has to be well before something counts as healed.
pub(super) const PROOF: f64 = 2.0;

/// The times, from when until when, in which an acceptance by the mail provider may not have been heard of.
pub(super) fn losses(steps: &[Step]) -> Vec<(f64, f64)> {
    let silent = steps.iter().filter(|step| may_lose_answers(&step.harm));
    silent.map(|step| (step.broken - SEND, step.mended + 1.0)).collect()
}

/// Judges a step by all samples and arrivals, and by the times of [`losses`] in the whole run.
pub(super) fn judge(step: &Step, losses: &[(f64, f64)], samples: &[Sample], arrivals: &Arrivals) -> Verdict {
    let during = |from: f64, to: f64| samples.iter().filter(move |sample| (from..to).contains(&sample.at));
    let broken = || during(step.broken, step.mended);
    let others = |kind: Kind| broken().filter(move |sample| sample.kind == kind && !kind.needs(&step.harm));
    let mut verdict = Verdict {
        counts: Kind::ALL.map(|kind| Counts::of(broken().filter(|sample| sample.kind == kind))),
        failed: Counts::of(during(step.broken, step.over)).failed,
        disturbed: Kind::ALL.into_iter().flat_map(others).filter(|sample| !sample.is_done()).count(),
        others_p99: Kind::ALL.into_iter().map(|kind| p99(others(kind))).fold(0.0, f64::max),
        lost: 0,
        doubled: 0,
        again: 0,
        healed: healed(step, samples, arrivals, step.over),
        drained: drained(step, samples, arrivals),
        late: 0,
    };
    for sample in during(step.calm, step.over) {
        for times in arrivals.each(sample) {
            verdict.lost += usize::from(sample.is_done() && times.is_empty());
            if times.len() > 1 {
                let before_the_last = &times[..times.len() - 1];
                let is_excused =
                    losses.iter().any(|(from, to)| before_the_last.iter().any(|at| (*from..*to).contains(at)));
                verdict.again += usize::from(is_excused);
                verdict.doubled += usize::from(!is_excused);
            }
        }
    }
    if step.harm.iter().all(|(part, _)| *part == Part::Log) {
        verdict.late = broken().filter(|sample| is_late(sample, arrivals, f64::INFINITY)).count();
    }
    verdict
}

/// Whether an acceptance by the mail provider may not have been heard of.
fn may_lose_answers(harm: &Harm) -> bool {
    let loses = |cause| matches!(cause, Cause::Kill | Cause::Pause | Cause::Cut | Cause::Answers);
    harm.iter().any(|(part, cause)| *part == Part::Mail && loses(*cause))
}

/// Whether a message of what was done took too long, as far as it is known now.
fn is_late(sample: &Sample, arrivals: &Arrivals, now: f64) -> bool {
    let due = sample.at + sample.seconds + MESSAGE;
    sample.is_done() && arrivals.each(sample).any(|times| times.first().map_or(now > due, |at| *at > due))
}

/// How long after the mending the last request began that was not done, or whose messages were late, as far as it is known at
/// `now`; none if that is not over.
pub(super) fn healed(step: &Step, samples: &[Sample], arrivals: &Arrivals, now: f64) -> Option<f64> {
    let later = samples.iter().filter(|sample| (step.mended..now - PROOF).contains(&sample.at));
    let bad = later.filter(|sample| !sample.is_done() || is_late(sample, arrivals, now));
    let last = bad.map(|sample| sample.at).fold(step.mended, f64::max);
    (last <= now - 2.0 * PROOF).then_some(last - step.mended)
}

/// Why it took until then, for whoever looks for the reason: what was wrong how often after the mending, and last when.
pub(super) fn reasons(step: &Step, samples: &[Sample], arrivals: &Arrivals) -> Vec<String> {
    let mut reasons = BTreeMap::<String, (usize, f64)>::new();
    for sample in samples.iter().filter(|sample| (step.mended..step.over - PROOF).contains(&sample.at)) {
        let reason = match sample.outcome() {
            Outcome::Done if is_late(sample, arrivals, f64::INFINITY) => "late messages",
            Outcome::Done => continue,
            _ if sample.problem.is_empty() => "no answer in time",
            _ => &sample.problem,
        };
        let (count, last) = reasons.entry(format!("{}: {reason}", sample.kind.name())).or_default();
        *count += 1;
        *last = sample.at - step.mended;
    }
    reasons.into_iter().map(|(reason, (count, last))| format!("{count} {reason}, the last after {last:.1} s")).collect()
}

/// How long after the mending the last message of what was done before arrived; none if one has not.
pub(super) fn drained(step: &Step, samples: &[Sample], arrivals: &Arrivals) -> Option<f64> {
    let before = samples.iter().filter(|sample| (step.calm..step.mended).contains(&sample.at) && sample.is_done());
    let mut last = step.mended;
    for times in before.flat_map(|sample| arrivals.each(sample)) {
        last = last.max(*times.first()?);
    }
    Some(last - step.mended)
}

/// The time, in milliseconds, within which 99 of 100 were answered.
fn p99<'a>(samples: impl Iterator<Item = &'a Sample>) -> f64 {
    let mut times: Vec<_> = samples.map(|sample| sample.seconds * 1000.0).collect();
    times.sort_by(f64::total_cmp);
    let place = (times.len() * 99).div_ceil(100).max(1) - 1;
    times.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(part: Part, cause: Cause) -> Step {
        Step { harm: vec![(part, cause)], calm: 8.0, broken: 10.0, mended: 20.0, over: 40.0 }
    }

    fn sample(kind: Kind, at: f64, status: u16, to: &str) -> Sample {
        let to = Some(to.to_owned()).filter(|to| !to.is_empty());
        Sample { kind, at, seconds: 0.1, status, says_when: status == 503, problem: String::new(), to }
    }

    fn arrivals(list: &[(&str, &str, f64)]) -> Arrivals {
        let mut arrivals = Arrivals::default();
        for (to, tag, at) in list {
            arrivals.add(to, tag, *at);
        }
        arrivals
    }

    fn judged(step: &Step, samples: &[Sample], arrivals: &Arrivals) -> Verdict {
        judge(step, &losses(std::slice::from_ref(step)), samples, arrivals)
    }

    #[test]
    fn an_answer_that_says_nothing_or_is_late_has_failed() {
        let of =
            |status, seconds, says_when| Sample { seconds, says_when, ..sample(Kind::Read, 1.0, status, "") }.outcome();
        assert_eq!(of(200, 9.0, false), Outcome::Done);
        assert_eq!(of(503, 9.0, true), Outcome::Refused);
        for (status, seconds, says_when) in [(503, 1.0, false), (500, 1.0, true), (0, 1.0, false), (200, 11.0, false)] {
            assert_eq!(of(status, seconds, says_when), Outcome::Failed, "{status} after {seconds} s");
        }
    }

    #[test]
    fn what_was_done_has_each_message_once_and_what_was_refused_may_have_one() {
        let samples = [
            sample(Kind::SignIn, 12.0, 200, "a"),
            sample(Kind::SignIn, 13.0, 503, "b"),
            sample(Kind::SignUp, 14.0, 201, "c"),
            sample(Kind::SignUp, 15.0, 201, "d"),
        ];
        let list = [("a", "email", 13.0), ("a", "sms", 13.0), ("b", "email", 14.0), ("c", "email", 15.0)];
        let verdict = judged(&step(Part::Redis, Cause::Kill), &samples, &arrivals(&list));
        assert_eq!((verdict.lost, verdict.doubled, verdict.drained), (1, 0, None));
        assert_eq!(verdict.counts[Kind::SignIn as usize], Counts { done: 1, refused: 1, failed: 0 });

        let list = [&list[..], &[("d", "email", 16.0), ("d", "email", 23.0), ("b", "email", 30.0)]].concat();
        let verdict = judged(&step(Part::Redis, Cause::Kill), &samples, &arrivals(&list));
        assert_eq!((verdict.lost, verdict.doubled, verdict.again, verdict.drained), (0, 2, 0, Some(0.0)));
        // The provider's own lost answers are told apart.
        let verdict = judged(&step(Part::Mail, Cause::Answers), &samples, &arrivals(&list));
        assert_eq!((verdict.doubled, verdict.again), (0, 2));
        let verdict = judged(&step(Part::Mail, Cause::Disk), &samples, &arrivals(&list));
        assert_eq!((verdict.doubled, verdict.again), (2, 0));
    }

    #[test]
    fn it_is_healed_when_requests_are_done_and_their_messages_come_soon() {
        let redis = step(Part::Redis, Cause::Cut);
        let samples = [
            sample(Kind::Read, 21.0, 503, ""),
            sample(Kind::SignUp, 24.0, 201, "a"),
            sample(Kind::Read, 30.0, 200, ""),
        ];
        let healed_with = |list: &[(&str, &str, f64)], now| healed(&redis, &samples, &arrivals(list), now);
        assert_eq!(healed_with(&[("a", "email", 26.0)], 40.0), Some(1.0));
        assert_eq!(healed_with(&[("a", "email", 31.0)], 40.0), Some(4.0));
        assert_eq!(healed_with(&[], 28.0), Some(1.0), "it may still come in time");
        assert_eq!(healed_with(&[], 40.0), Some(4.0));
        assert_eq!(healed_with(&[], 22.0), None, "nothing has proved it yet");
        let drained_with =
            |at| drained(&redis, &[sample(Kind::SignUp, 11.0, 201, "b")], &arrivals(&[("b", "email", at)]));
        assert_eq!((drained_with(33.0), drained_with(12.0)), (Some(13.0), Some(0.0)));
    }

    #[test]
    fn what_needs_nothing_of_what_is_broken_is_looked_at_by_itself() {
        let slow = Sample { seconds: 2.0, ..sample(Kind::Keys, 12.0, 200, "") };
        let samples = [slow, sample(Kind::Read, 13.0, 503, ""), sample(Kind::Read, 5.0, 500, "")];
        let verdict = judged(&step(Part::Postgresql, Cause::Pause), &samples, &Arrivals::default());
        assert_eq!((verdict.disturbed, verdict.failed), (0, 0));
        assert!((verdict.others_p99 - 2000.0).abs() < 0.1);
        let verdict = judged(&step(Part::Mail, Cause::Pause), &samples, &Arrivals::default());
        assert_eq!(verdict.disturbed, 1);
    }

    #[test]
    fn without_the_delivery_log_messages_are_not_late() {
        let samples = [sample(Kind::SignUp, 12.0, 201, "a")];
        let late = |part, at| judged(&step(part, Cause::Kill), &samples, &arrivals(&[("a", "email", at)])).late;
        assert_eq!((late(Part::Log, 13.0), late(Part::Log, 21.0), late(Part::Rabbitmq, 21.0)), (0, 1, 0));
    }
}
