//! The servers, the relays before them, and how each of them is broken and mended.

use super::matrix::{Cause, Harm, Part};
use crate::broker;
use crate::stage::Plan;
use anyhow::{Context as _, Result, bail};
use blackbox::app::{Setup, TestApp};
use blackbox::backend::{Backend, Own};
use blackbox::mail_api::MailApi;
use blackbox::schedules::Schedules;
use blackbox::{folder, people};
use dev_servers::data_dir::ServerUser;
use dev_servers::postgres::{self, Postgres};
use dev_servers::redis;
use dev_servers::relay::{Mode, Relay};
use dev_servers::small_disk::{self, SmallDisk};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many may sign in besides those who stay signed in: each once, so that it is known what each message is for.
const PEOPLE: usize = 10_000;
/// What a slow network adds in each direction.
const DELAY: Duration = Duration::from_millis(100);
/// How often the schedules come round, as with `cargo xtask up`.
const ROUND: Duration = Duration::from_secs(1);
/// How large the small disks are, in MiB: there is room for the whole run until they are filled.
const DISK: u32 = 160;
/// Between two attempts to start what has ended by itself, as a supervisor makes them.
const ATTEMPT: Duration = Duration::from_millis(500);
/// For how long the queues may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is free on RabbitMQ's disk at least, while all is well and while too little is said to be.
const FREE_DISK: [&str; 2] = ["50MB", "100000GB"];
/// The part of the memory that RabbitMQ may take, likewise.
const FREE_MEMORY: [&str; 2] = ["0.4", "0"];

/// Who signs in as number so many.
pub(super) fn visitor(number: usize) -> String {
    format!("visitor-{number}@chaos.example")
}

/// The disks that can be filled, if this process may mount them.
struct Disks {
    wal: SmallDisk,
    redis: SmallDisk,
}

/// All that runs.
pub(super) struct Setting {
    pub(super) doors: TestApp,
    pub(super) mail: MailApi,
    backend: Arc<Backend>,
    _consumers: Vec<TestApp>,
    _schedules: Vec<Schedules>,
    relays: Vec<(Part, Relay)>,
    disks: Option<Disks>,
}

impl Setting {
    /// Starts all of it.
    ///
    /// # Errors
    /// If something does not start.
    pub(super) fn start(plan: &Plan) -> Result<Self> {
        println!("Starting PostgreSQL, the broker, relays, sign-in and {} consumers", plan.consumers);
        let redis_dir = folder::fresh("redis");
        let mut postgres = postgres::Options { durable: true, throw_away: true, ..postgres::Options::default() };
        let disks = if small_disk::own_mounts() {
            let place = std::env::temp_dir().join(format!("concierge-wal-{}", std::process::id()));
            let user = ServerUser::unless_ourselves(postgres::SYSTEM_USER)?;
            let wal = SmallDisk::mount(&place, DISK, user)?;
            postgres.wal_dir = Some(place);
            // Few segments of the log are kept to be used again.
            postgres.settings = [("max_wal_size", "8MB"), ("min_wal_size", "2MB")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
            Some(Disks { wal, redis: SmallDisk::mount(&redis_dir.join("data"), DISK, None)? })
        } else {
            println!("Disks are not filled: only root on Linux can mount small ones");
            None
        };
        // As k8s/base/data/redis.conf sets it.
        let options = redis::Options { always_fsync: false, ..redis::Options::default() };
        let has_rabbitmq = plan.broker == broker::Kind::Rabbitmq;
        let backend = Backend::with_own(Own { postgres, redis: (redis_dir, options), has_rabbitmq });
        let mail = MailApi::start();
        mail.take_ms(plan.send_ms);
        let (relays, variables) = relays(&backend, &mail)?;
        let app = |components: &[&str]| {
            let setup = TestApp::on(&backend).only(components);
            variables.iter().fold(setup, |setup, (name, value)| setup.variable(name, value))
        };
        let doors = app(&["users", "auth"])
            .variable("authorization", "required")
            .variable("trusted_proxies", "127.0.0.1")
            .start();
        let consumer = |number: usize| -> Setup {
            app(&["notification"])
                .variable("consumer_name", format!("consumer-{number}"))
                .variable("notification_sender", "http")
        };
        let consumers: Vec<_> = (1..=plan.consumers).map(|number| consumer(number).start()).collect();
        // Each by itself: one that hangs keeps no other waiting.
        let schedules = std::iter::once(&doors).chain(&consumers).map(|app| Schedules::start(&[app], ROUND)).collect();
        let start = Instant::now();
        while !broker::has_queues(&backend) {
            if start.elapsed() > PATIENCE {
                bail!("the queues are not there after {} seconds", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        if has_rabbitmq {
            // RabbitMQ keeps the names of new queues in memory for a moment.
            std::thread::sleep(Duration::from_secs(2));
        }
        let setting = Self { doors, mail, backend, _consumers: consumers, _schedules: schedules, relays, disks };
        setting.add_people()?;
        Ok(setting)
    }

    /// Adds those who will sign in, all with the password of the first.
    fn add_people(&self) -> Result<()> {
        let first = self.doors.sign_up_with(&people::with_phone(&visitor(PEOPLE)));
        let copies = "INSERT INTO users OVERRIDING SYSTEM VALUE
            SELECT (jsonb_populate_record(u, jsonb_build_object('id', 1000000 + n, 'email', address, 'email_key', address,
                'phone', '+3902' || 1000000 + n, 'phone_verified_at', now()))).*
            FROM users u, generate_series(0, $2::bigint - 1) n, replace($3, '#', n::text) address WHERE u.id = $1";
        let pattern = visitor(0).replace('0', "#");
        let count = i64::try_from(PEOPLE)?;
        self.backend.sql().execute(copies, &[&first, &count, &pattern]).context("people cannot be added")?;
        Ok(())
    }

    /// Whether all that this needs is at hand.
    pub(super) fn can(&self, harm: &Harm) -> bool {
        let needs_disk = |(part, cause): &(Part, Cause)| {
            *cause == Cause::Disk && matches!(part, Part::Postgresql | Part::Redis | Part::Log)
        };
        self.disks.is_some() || !harm.iter().any(needs_disk)
    }

    /// Sets what the relays of a part do.
    fn relay(&self, part: Part, mode: Mode) {
        for (_, relay) in self.relays.iter().filter(|(before, _)| *before == part) {
            relay.set(mode);
        }
    }

    fn rabbit(&self) -> Result<&blackbox::rabbit::Rabbit> {
        self.backend.rabbit.as_ref().context("RabbitMQ is not the broker")
    }

    /// Breaks something.
    ///
    /// # Errors
    /// If it cannot be broken.
    pub(super) fn harm(&self, part: Part, cause: Cause) -> Result<()> {
        match (part, cause) {
            (_, Cause::Slow) => self.relay(part, Mode::Delay(DELAY)),
            (_, Cause::Cut) => self.relay(part, Mode::Cut),
            (_, Cause::Answers) => self.relay(part, Mode::LoseAnswers),
            (_, Cause::Kill) => {
                match part {
                    Part::Postgresql => self.backend.postgres.kill(),
                    Part::Redis | Part::Log => self.backend.redis.kill(),
                    Part::Rabbitmq => self.rabbit()?.server.kill(),
                    Part::Mail => {}
                }
                self.relay(part, Mode::Refuse);
            }
            (Part::Postgresql, Cause::Disk) => self.fill_wal()?,
            (Part::Postgresql, _) => self.backend.postgres.pause(),
            (Part::Redis | Part::Log, Cause::Disk) => {
                self.disks.as_ref().context("there is no small disk")?.redis.fill()?;
            }
            (Part::Redis | Part::Log, Cause::Memory) => self.backend.broker().fill(true),
            (Part::Redis | Part::Log, _) => self.backend.redis.pause(),
            (Part::Rabbitmq, Cause::Disk) => self.limit("set_disk_free_limit", FREE_DISK[1])?,
            (Part::Rabbitmq, Cause::Memory) => self.limit("set_vm_memory_high_watermark", FREE_MEMORY[1])?,
            (Part::Rabbitmq, _) => self.rabbit()?.server.pause(),
            (Part::Mail, Cause::Disk) => self.mail.answer(507),
            (Part::Mail, _) => self.mail.hang(true),
        }
        Ok(())
    }

    /// Takes the cause away; what has ended runs again afterwards.
    ///
    /// # Errors
    /// If it does not.
    pub(super) fn mend(&self, part: Part, cause: Cause) -> Result<()> {
        self.relay(part, Mode::Pass);
        match (part, cause) {
            (_, Cause::Slow | Cause::Cut | Cause::Answers) | (Part::Mail, Cause::Kill) => {}
            (Part::Postgresql, Cause::Kill) => self.backend.postgres.start_again()?,
            (Part::Redis | Part::Log, Cause::Kill) => self.backend.redis.start_again()?,
            (Part::Rabbitmq, Cause::Kill) => self.rabbit()?.server.start_again()?,
            (Part::Postgresql, Cause::Disk) => {
                self.disks.as_ref().context("there is no small disk")?.wal.free()?;
                start_if_ended(&self.backend.postgres)?;
            }
            (Part::Postgresql, _) => self.backend.postgres.resume(),
            (Part::Redis | Part::Log, Cause::Disk) => {
                self.disks.as_ref().context("there is no small disk")?.redis.free()?;
            }
            (Part::Redis | Part::Log, Cause::Memory) => self.backend.broker().fill(false),
            (Part::Redis | Part::Log, _) => self.backend.redis.resume(),
            (Part::Rabbitmq, Cause::Disk) => self.limit("set_disk_free_limit", FREE_DISK[0])?,
            (Part::Rabbitmq, Cause::Memory) => self.limit("set_vm_memory_high_watermark", FREE_MEMORY[0])?,
            (Part::Rabbitmq, _) => self.rabbit()?.server.resume(),
            (Part::Mail, Cause::Disk) => self.mail.answer(0),
            (Part::Mail, _) => self.mail.hang(false),
        }
        Ok(())
    }

    fn limit(&self, which: &str, value: &str) -> Result<()> {
        Ok(self.rabbit()?.server.ctl(&[which, value])?)
    }

    /// Fills the disk of the write-ahead log, and has the log need another segment until PostgreSQL finds that there is no room.
    fn fill_wal(&self) -> Result<()> {
        let mut sql = self.backend.sql();
        self.disks.as_ref().context("there is no small disk")?.wal.fill()?;
        let next = "SELECT pg_logical_emit_message(false, 'chaos', 'x'), pg_switch_wal()";
        let segments = (0..DISK).find(|_| sql.batch_execute(next).is_err());
        segments.map(drop).context("PostgreSQL finds room on a full disk")
    }

    /// How PostgreSQL met a full disk: its own words, if it ended by that.
    pub(super) fn panic_of_postgresql(&self) -> Option<String> {
        let log = std::fs::read_to_string(self.backend.postgres.log_file()).ok()?;
        log.lines().rfind(|line| line.contains("PANIC")).map(str::to_owned)
    }
}

/// Starts PostgreSQL if it has ended by itself, or is about to, as a supervisor does.
fn start_if_ended(postgres: &Postgres) -> Result<()> {
    let begun = Instant::now();
    loop {
        if postgres.is_running() {
            if postgres::connect(&postgres.url()).is_ok() {
                return Ok(());
            }
        } else if postgres.start_again().is_ok() {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("PostgreSQL does not start on a disk with room:\n{}", postgres.log_tail());
        }
        std::thread::sleep(ATTEMPT);
    }
}

type Variables = Vec<(&'static str, String)>;

/// A relay before each server, and the values of the manifest's variables that lead to them.
fn relays(backend: &Backend, mail: &MailApi) -> Result<(Vec<(Part, Relay)>, Variables)> {
    let (mut relays, mut variables) = (Vec::new(), Vec::new());
    let mut open = |part: Part, server: &str| -> Result<String> {
        let relay = Relay::start(server)?;
        let host = relay.host();
        relays.push((part, relay));
        Ok(host)
    };
    let known = backend.variables();
    let value = |name: &str| known.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    variables.push(("db_host", open(Part::Postgresql, value("db_host").context("users has a database")?)?));
    let redis = open(if backend.rabbit.is_some() { Part::Log } else { Part::Redis }, &backend.redis.host())?;
    variables.push(("redis_url", format!("redis://{}{redis}", backend.redis.credentials())));
    variables.push(("redis_host", redis));
    if let Some(rabbit) = &backend.rabbit {
        let amqp = open(Part::Rabbitmq, &rabbit.server.host())?;
        let url = value("amqp_url").context("RabbitMQ is the broker")?.replace(&rabbit.server.host(), &amqp);
        variables.push(("amqp_url", url));
        variables.push(("mqtt_host", open(Part::Rabbitmq, &rabbit.server.mqtt_host())?));
    }
    let mail = open(Part::Mail, mail.url().trim_start_matches("http://"))?;
    variables.push(("mail_api_url", format!("http://{mail}")));
    Ok((relays, variables))
}
