//! What is broken, and how: the steps of a run.

use crate::broker;
use clap::ValueEnum;

/// What the services stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Part {
    /// The database of users.
    Postgresql,
    /// The broker.
    Redis,
    /// The broker.
    Rabbitmq,
    /// The Redis beside RabbitMQ: the delivery log and the deduplication keys.
    Log,
    /// The mail provider.
    Mail,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Cause {
    /// It dies at once, and is started again after the time away.
    Kill,
    /// It is stopped by SIGSTOP, and continues.
    Pause,
    /// Each packet takes 100 ms more, there and back.
    Slow,
    /// Packets vanish, and nobody is told.
    Cut,
    /// Its disk is full; the mail provider answers 507.
    Disk,
    /// Its memory is full.
    Memory,
    /// It takes what it is given, and its answers are lost.
    Answers,
}

impl Part {
    /// The name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgresql => "PostgreSQL",
            Self::Redis => "Redis",
            Self::Rabbitmq => "RabbitMQ",
            Self::Log => "Redis (log)",
            Self::Mail => "mail",
        }
    }

    /// What there is beside this broker.
    fn of(broker: broker::Kind) -> &'static [Self] {
        match broker {
            broker::Kind::Redis => &[Self::Postgresql, Self::Redis, Self::Mail],
            broker::Kind::Rabbitmq => &[Self::Postgresql, Self::Rabbitmq, Self::Log, Self::Mail],
        }
    }

    /// What can happen to it.
    fn causes(self) -> &'static [Cause] {
        match self {
            Self::Postgresql => &[Cause::Kill, Cause::Pause, Cause::Slow, Cause::Cut, Cause::Disk],
            Self::Redis | Self::Rabbitmq | Self::Log => {
                &[Cause::Kill, Cause::Pause, Cause::Slow, Cause::Cut, Cause::Disk, Cause::Memory]
            }
            Self::Mail => &[Cause::Kill, Cause::Pause, Cause::Slow, Cause::Cut, Cause::Disk, Cause::Answers],
        }
    }
}

impl Cause {
    /// The name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Slow => "slow",
            Self::Cut => "cut",
            Self::Disk => "disk full",
            Self::Memory => "memory full",
            Self::Answers => "answers lost",
        }
    }
}

/// What pairs of parts go through: the same, or two kinds of silence.
const TOGETHER: [(Cause, Cause); 5] = [
    (Cause::Kill, Cause::Kill),
    (Cause::Pause, Cause::Pause),
    (Cause::Cut, Cause::Cut),
    (Cause::Disk, Cause::Disk),
    (Cause::Kill, Cause::Cut),
];

/// What is broken at once.
pub(super) type Harm = Vec<(Part, Cause)>;

/// The steps: each cause of each part, or those of each pair.
pub(super) fn steps(broker: broker::Kind, has_pairs: bool, only: Option<Part>, cause: Option<Cause>) -> Vec<Harm> {
    let parts = Part::of(broker);
    let all: Vec<Harm> = if has_pairs {
        let pairs =
            parts.iter().enumerate().flat_map(|(place, one)| parts[place + 1..].iter().map(move |two| (*one, *two)));
        pairs.flat_map(|(one, two)| TOGETHER.map(|(first, second)| vec![(one, first), (two, second)])).collect()
    } else {
        parts.iter().flat_map(|part| part.causes().iter().map(|cause| vec![(*part, *cause)])).collect()
    };
    let is_wanted = |harm: &Harm| {
        only.is_none_or(|part| harm.iter().any(|(broken, _)| *broken == part))
            && cause.is_none_or(|cause| harm.iter().any(|(_, how)| *how == cause))
    };
    all.into_iter().filter(is_wanted).collect()
}

/// What a step is called.
pub(super) fn named(harm: &Harm) -> String {
    harm.iter().map(|(part, cause)| format!("{}, {}", part.name(), cause.name())).collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_causes_and_each_pair_its_mixtures() {
        let names =
            |broker, pairs, only, cause| steps(broker, pairs, only, cause).iter().map(named).collect::<Vec<_>>();
        let alone = names(broker::Kind::Redis, false, None, None);
        assert_eq!(alone.len(), 17);
        assert_eq!(alone[0], "PostgreSQL, kill");
        assert!(alone.contains(&"mail, answers lost".to_owned()));
        assert_eq!(names(broker::Kind::Rabbitmq, false, None, None).len(), 23);
        assert_eq!(names(broker::Kind::Redis, true, None, None).len(), 15);
        assert_eq!(names(broker::Kind::Rabbitmq, true, None, None).len(), 30);
        assert_eq!(names(broker::Kind::Redis, false, Some(Part::Mail), Some(Cause::Cut)), ["mail, cut"]);
        let mixed = names(broker::Kind::Redis, true, Some(Part::Mail), Some(Cause::Disk));
        assert_eq!(mixed, ["PostgreSQL, disk full + mail, disk full", "Redis, disk full + mail, disk full"]);
    }
}
