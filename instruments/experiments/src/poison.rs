//! A message that the mail provider fails at each time: it is tried five times with growing delay and ends among the dead
//! letters, while the others keep flowing.

use crate::plot::{self, Line};
use crate::split::to_f64;
use crate::stage::{Plan, Stage, TRIES};
use crate::table::table;
use crate::{Report, broker, fate};
use anyhow::{Result, bail};
use blackbox::broker::{DeadLetter, LOGIN_EMAIL, LOGIN_SMS, login_event};
use std::cmp::max;
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
        let (mut attempts, mut arrivals, mut marks) = (vec![(0.0, 0.0)], vec![(0.0, 0.0)], Vec::new());
        let mut dead = [(LOGIN_EMAIL, Vec::new()), (LOGIN_SMS, Vec::new())];
        loop {
            if start.elapsed() > PATIENCE {
                bail!("the poisoned message is not dead after {} seconds", PATIENCE.as_secs());
            }
            let now = start.elapsed().as_secs_f64();
            let poisoned = deliveries(&stage);
            let known = attempts.last().map_or(0.0, |(_, count)| *count);
            let seen = to_f64(usize::try_from(poisoned)?);
            if seen > known {
                attempts.extend([(now, known), (now, seen)]);
            }
            arrivals.push((now, to_f64(stage.arrived())));
            for (queue, letters) in dead.iter_mut().filter(|(_, letters)| letters.is_empty()) {
                *letters = broker::dead_letters(&stage.backend, queue);
                if !letters.is_empty() {
                    marks.push((now, format!("dead letter of {queue}")));
                }
            }
            if dead.iter().all(|(_, letters)| !letters.is_empty()) {
                attempts.push((now, known));
                break;
            }
            std::thread::sleep(STEP);
        }
        let sent = sign_ins.join().map_err(|_| anyhow::anyhow!("signing in failed"))?;
        Ok((sent, dead, attempts, arrivals, marks))
    });
    let (sent, dead, attempts, arrivals, marks) = sent?;
    stage.wait_for(2 * (first + sent))?;
    let fates = fate::fates(first + sent, &stage.mail.taken());
    let rows: Vec<_> =
        dead.iter().flat_map(|(queue, letters)| letters.iter().map(move |letter| row(queue, letter))).collect();
    let most = arrivals.iter().map(|(_, count)| *count).fold(1.0, f64::max);
    // Both on one scale: arrivals in parts of five.
    let scaled = arrivals.into_iter().map(|(at, count)| (at, 5.0 * count / most)).collect();
    Ok(Report {
        name: "poison",
        text: format!("{}\n{}", table(&["dead letter of", "deliveries", "reason"], &rows), fate::shown(&fates)),
        svg: plot::lines(
            "A poisoned message, and the others",
            "deliveries",
            &[
                Line::bad("deliveries of the poisoned message", attempts),
                Line::main("the others (all of them at 5)", scaled),
            ],
            &marks,
        )?,
        is_kept: dead.iter().all(|(_, letters)| letters.len() == 1 && letters[0].deliveries == TRIES)
            && fates.iter().all(|fate| fate.once == fate.sent),
    })
}

/// How often the poisoned message was delivered so far. The consumers tell: whoever fails with it logs which delivery that
/// was, the component on Redis and the trigger on RabbitMQ, each in its own way.
fn deliveries(stage: &Stage) -> u64 {
    let logged = |line: &str| {
        let rest = ["\"deliveries\":\"", " delivery="].iter().find_map(|mark| Some(line.split_once(mark)?.1))?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
    };
    stage.consumers.iter().flat_map(|(_, app)| app.log().lines().filter_map(logged).collect::<Vec<_>>()).fold(0, max)
}

fn row(queue: &str, letter: &DeadLetter) -> Vec<String> {
    vec![queue.to_owned(), letter.deliveries.to_string(), letter.reason.clone()]
}
