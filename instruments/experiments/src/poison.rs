//! A message that the mail provider fails at each time: it is tried five times with growing delay and ends among the dead
//! letters, while the others keep flowing.

use crate::plot::{self, Line};
use crate::split::to_f64;
use crate::stage::{Plan, Stage, TRIES};
use crate::table::table;
use crate::{Report, broker, fate};
use anyhow::{Result, bail};
use blackbox::broker::{DeadLetter, LOGIN_EMAIL, LOGIN_SMS, login_event};
use std::time::{Duration, Instant};

/// How long it may take until the message is dead: the delays are 1, 2, 4 and 8 seconds.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often is looked.
const STEP: Duration = Duration::from_millis(50);
/// Whom the provider's fault is about.
const NOBODY: &str = "poison@experiments.example";

pub(crate) fn run(plan: &Plan) -> Result<Report> {
    let stage = Stage::set(plan)?;
    // The queues are there once the first message was handled.
    let first = stage.sign_in(1);
    stage.wait_for(2 * first)?;
    println!("One poisoned message, and {} others", plan.messages);
    let start = Instant::now();
    stage.mail.refuse_recipient(NOBODY);
    broker::publish(&stage.backend, &login_event(&uuid::Uuid::new_v4().to_string(), NOBODY));
    let sent = std::thread::scope(|scope| {
        let sign_ins = scope.spawn(|| stage.sign_in(plan.messages));
        let (mut arrivals, mut marks) = (vec![(0.0, 0.0)], Vec::new());
        let mut dead = [(LOGIN_EMAIL, Vec::new()), (LOGIN_SMS, Vec::new())];
        loop {
            if start.elapsed() > PATIENCE {
                bail!("the poisoned message is not dead after {} seconds", PATIENCE.as_secs());
            }
            let now = start.elapsed().as_secs_f64();
            arrivals.push((now, to_f64(stage.arrived())));
            for (queue, letters) in dead.iter_mut().filter(|(_, letters)| letters.is_empty()) {
                *letters = broker::dead_letters(&stage.backend, queue);
                if !letters.is_empty() {
                    marks.push((now, format!("dead letter of {queue}")));
                }
            }
            if dead.iter().all(|(_, letters)| !letters.is_empty()) {
                break;
            }
            std::thread::sleep(STEP);
        }
        let sent = sign_ins.join().map_err(|_| anyhow::anyhow!("signing in failed"))?;
        Ok((sent, dead, arrivals, marks))
    });
    let (sent, dead, arrivals, marks) = sent?;
    stage.wait_for(2 * (first + sent))?;
    let fates = fate::fates(first + sent, &stage.mail.taken());
    let rows: Vec<_> =
        dead.iter().flat_map(|(queue, letters)| letters.iter().map(move |letter| row(queue, letter))).collect();
    // The provider tells, and refuses nothing else: one step for each delivery, in either queue.
    let refused = stage.mail.refused_at();
    let mut deliveries = vec![(0.0, 0.0)];
    for (number, at) in refused.iter().enumerate() {
        let at = at.saturating_duration_since(start).as_secs_f64();
        deliveries.extend([(at, to_f64(number)), (at, to_f64(number + 1))]);
    }
    let most = arrivals.iter().map(|(_, count)| *count).fold(1.0, f64::max);
    let top = to_f64(refused.len());
    // Both on one scale.
    let scaled = arrivals.into_iter().map(|(at, count)| (at, top * count / most)).collect();
    Ok(Report {
        name: "poison",
        text: format!("{}\n{}", table(&["dead letter of", "deliveries", "reason"], &rows), fate::shown(&fates)),
        svg: plot::lines(
            "A poisoned message, and the others",
            "deliveries",
            &[
                Line::bad("the poisoned message, by mail and SMS", deliveries),
                Line::main("the others (all of them at the top)", scaled),
            ],
            &marks,
        )?,
        is_kept: refused.len() == 2 * usize::try_from(TRIES)?
            && dead.iter().all(|(_, letters)| letters.len() == 1 && letters[0].deliveries == TRIES)
            && fates.iter().all(|fate| fate.once == fate.sent),
    })
}

fn row(queue: &str, letter: &DeadLetter) -> Vec<String> {
    vec![queue.to_owned(), letter.deliveries.to_string(), letter.reason.clone()]
}
