//! The stage: servers, sign-up and sign-in, consumers in processes of their own, and a mail provider that takes its
//! time and remembers all that it was given.

use crate::{broker, fate};
use anyhow::{Result, bail};
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::mail_api::MailApi;
use blackbox::people::PASSWORD;
use blackbox::schedules::Schedules;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Whoever signs in.
pub(crate) const PERSON: &str = "many@experiments.example";
/// From how many sides sign-ins come at once.
const SIDES: usize = 4;
/// How often the schedules come round.
const ROUND: Duration = Duration::from_millis(300);
/// For how long nothing may happen before an experiment gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often progress is told.
const TOLD: Duration = Duration::from_secs(2);
/// After how long a consumer's messages are taken over.
const CLAIM_MS: u32 = 12_000;

/// After how many tries a message is given up.
pub(crate) const TRIES: u64 = 5;
const TRIES_SET: &str = "5";

/// What is asked for.
pub(crate) struct Plan {
    /// The broker.
    pub(crate) broker: broker::Kind,
    /// How many consumers compete.
    pub(crate) consumers: usize,
    /// How many sign-ins there are.
    pub(crate) messages: usize,
    /// How long a send takes.
    pub(crate) send_ms: u64,
}

/// All that runs.
pub(crate) struct Stage {
    pub(crate) backend: Arc<Backend>,
    pub(crate) mail: MailApi,
    pub(crate) doors: TestApp,
    pub(crate) consumers: Vec<(String, TestApp)>,
    _schedules: Schedules,
}

impl Stage {
    /// The settings of consumers as in the report: one message at a time, and five tries of each.
    pub(crate) const REPORTED: [(&'static str, &'static str); 3] = [
        ("notification_concurrency", "1"),
        ("notification_max_attempts", TRIES_SET),
        ("notification_pause_after", "0"),
    ];

    /// Starts all of it.
    ///
    /// # Errors
    /// If the consumers do not make the queues.
    pub(crate) fn set(plan: &Plan) -> Result<Self> {
        Self::with(plan, &Self::REPORTED)
    }

    /// The same with these settings of the consumers.
    ///
    /// # Errors
    /// As [`Stage::set`].
    pub(crate) fn with(plan: &Plan, settings: &[(&str, &str)]) -> Result<Self> {
        println!("Starting PostgreSQL, the broker, sign-in and {} consumers", plan.consumers);
        Self::on(plan.broker.backend(), plan, settings)
    }

    /// The same on a backend of one's own.
    ///
    /// # Errors
    /// As [`Stage::set`].
    pub(crate) fn on(backend: Arc<Backend>, plan: &Plan, settings: &[(&str, &str)]) -> Result<Self> {
        Self::with_doors(backend, plan, settings, &[])
    }

    /// The same with these settings of users and auth as well.
    ///
    /// # Errors
    /// As [`Stage::set`].
    pub(crate) fn with_doors(
        backend: Arc<Backend>,
        plan: &Plan,
        settings: &[(&str, &str)],
        of_doors: &[(&str, &str)],
    ) -> Result<Self> {
        let mail = MailApi::start();
        mail.take_ms(plan.send_ms);
        let doors = TestApp::on(&backend).only(&["users", "auth"]);
        let doors = of_doors.iter().fold(doors, |setup, (name, value)| setup.variable(name, value)).start();
        let consumer = |number: usize| {
            let name = format!("consumer-{number}");
            let mut setup = TestApp::on(&backend)
                .only(&["notification"])
                .variable("consumer_name", &name)
                .variable("login_notice", "always")
                .variable("notification_sender", "http")
                .variable("mail_api_url", mail.url());
            for (name, value) in settings {
                setup = setup.variable(name, value);
            }
            if plan.broker == broker::Kind::Redis {
                setup = setup.variable("notification_claim_ms", CLAIM_MS);
            }
            (name, setup.start())
        };
        let consumers: Vec<_> = (1..=plan.consumers).map(consumer).collect();
        // The last one is never the one that an experiment kills.
        let last = consumers.last().map_or(&doors, |(_, app)| app);
        let schedules = Schedules::start(&[&doors, last], ROUND);
        let start = Instant::now();
        while !broker::has_queues(&backend) {
            if start.elapsed() > PATIENCE {
                bail!("the queues are not there after {} seconds", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        if plan.broker == broker::Kind::Rabbitmq {
            // RabbitMQ keeps the names of new queues in memory for a moment.
            std::thread::sleep(Duration::from_secs(2));
        }
        let _ = doors.sign_up_with_phone(PERSON);
        Ok(Self { backend, mail, doors, consumers, _schedules: schedules })
    }

    /// Signs in so many times; says how many were let in, which is all of them unless something is badly wrong.
    pub(crate) fn sign_in(&self, count: usize) -> usize {
        let let_in = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for side in 0..SIDES {
                let let_in = &let_in;
                scope.spawn(move || {
                    for _ in (side..count).step_by(SIDES) {
                        let is_let_in = self.doors.login(PERSON, PASSWORD).status == 200;
                        let_in.fetch_add(usize::from(is_let_in), Ordering::SeqCst);
                    }
                });
            }
        });
        let_in.into_inner()
    }

    /// Waits until `count` messages of sign-ins have arrived and nothing is left to deliver.
    ///
    /// # Errors
    /// If nothing has happened for long.
    pub(crate) fn wait_for(&self, count: usize) -> Result<()> {
        let mut seen = self.arrived();
        let (mut moved, mut told, mut busy) = (Instant::now(), Instant::now(), Instant::now());
        loop {
            let arrived = self.arrived();
            if !self.is_drained() {
                busy = Instant::now();
            } else if arrived >= count && busy.elapsed() >= self.old_figures() {
                return Ok(());
            }
            if arrived != seen {
                (seen, moved) = (arrived, Instant::now());
            }
            if moved.elapsed() > PATIENCE {
                bail!("{arrived} of {count} messages have arrived, and none for {} seconds", PATIENCE.as_secs());
            }
            if told.elapsed() > TOLD {
                println!("{arrived} of {count} messages have arrived");
                told = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How many messages of sign-ins have arrived.
    pub(crate) fn arrived(&self) -> usize {
        fate::arrived(&self.mail.taken())
    }

    /// How old the broker's figures may be.
    pub(crate) fn old_figures(&self) -> Duration {
        if self.backend.rabbit.is_some() { Duration::from_secs(6) } else { Duration::ZERO }
    }

    /// Whether nothing waits in any queue or is in flight. A broker that is away is asked again.
    pub(crate) fn is_drained(&self) -> bool {
        if self.backend.rabbit.is_some() {
            return broker::is_empty(&self.backend);
        }
        let Some((_, consumer)) = self.consumers.last() else { return false };
        let asked = consumer.get("/notification-ms/internal/queues").bearer(consumer.operator()).try_send();
        let Ok(answer) = asked else { return false };
        if answer.status != 200 {
            return false;
        }
        let state = answer.json();
        let items = state["items"].as_array().cloned().unwrap_or_default();
        !items.is_empty()
            && items.iter().all(|item| item["waiting"] == 0 && item["in_flight"] == 0 && item["retrying"] == 0)
    }
}
