//! `cargo xtask fuzz-api`: Schemathesis on each of the OpenAPI files, as nobody, as a user and as an administrator.
//!
//! The app and its servers are started for this run and thrown away, unless the address of a running one is given.

mod office;
mod run;

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::broker::LOGINS;
use blackbox::schedules::Schedules;
use clap::Parser;
use office::{Credentials, Office, People};
use run::{Run, Verdict};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How often outboxes are swept and consumers are woken, in the app that is started here.
const ROUND: Duration = Duration::from_secs(1);

/// How often a message that no consumer can handle is published there, so that there are dead letters.
const POISON_EVERY: Duration = Duration::from_millis(500);

/// The files, by the name of their service.
const FILES: [&str; 3] = ["users", "auth", "notification"];

/// Schemathesis on each of the OpenAPI files.
#[derive(Parser)]
struct Arguments {
    /// The program of Schemathesis.
    #[arg(long)]
    schemathesis: PathBuf,
    /// How many cases are made for each operation and each sender.
    #[arg(long)]
    examples: u32,
    /// The seed of the cases.
    #[arg(long)]
    seed: Option<u64>,
    /// How often all of it is run on the same app.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Only the file of this service.
    #[arg(long)]
    service: Option<String>,
    /// Only requests of this sender: nobody, user or admin.
    #[arg(long)]
    sender: Option<Sender>,
    /// The broker of the app that is started here.
    #[arg(long, value_enum, default_value_t = Broker::Redis)]
    broker: Broker,
    /// A running app.
    #[arg(long, requires_all = ["auth_credential", "scheduler_credential", "operator_credential", "metrics_credential", "database_url"])]
    url: Option<String>,
    /// What auth shows there.
    #[arg(long, env = "CONCIERGE_AUTH_CREDENTIAL", hide_env_values = true)]
    auth_credential: Option<String>,
    /// What the schedules show there.
    #[arg(long, env = "CONCIERGE_SCHEDULER_CREDENTIAL", hide_env_values = true)]
    scheduler_credential: Option<String>,
    /// What an operator shows there.
    #[arg(long, env = "CONCIERGE_OPERATOR_CREDENTIAL", hide_env_values = true)]
    operator_credential: Option<String>,
    /// What collects metrics shows there.
    #[arg(long, env = "CONCIERGE_METRICS_CREDENTIAL", hide_env_values = true)]
    metrics_credential: Option<String>,
    /// Its database, in which somebody is made an administrator.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

/// Which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Broker {
    Redis,
    Rabbitmq,
}

impl Broker {
    fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Rabbitmq => "rabbitmq",
        }
    }
}

/// Who sends the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Sender {
    /// Somebody without any token.
    Nobody,
    /// A user; and a service, where a service's credential is asked for.
    User,
    /// An administrator; and a service, where a service's credential is asked for.
    Admin,
}

impl Sender {
    const ALL: [Self; 3] = [Self::Nobody, Self::User, Self::Admin];

    fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let own = arguments.url.is_none().then(|| start(arguments.broker));
    let people = match (&own, &arguments) {
        (Some((app, _)), _) => People::of(app),
        (
            None,
            Arguments {
                url: Some(url),
                auth_credential: Some(auth),
                scheduler_credential: Some(scheduler),
                operator_credential: Some(operator),
                metrics_credential: Some(metrics),
                database_url: Some(database),
                ..
            },
        ) => {
            let credentials = Credentials {
                auth: auth.clone(),
                scheduler: scheduler.clone(),
                operator: operator.clone(),
                metrics: metrics.clone(),
            };
            People::new(url, credentials, database)
        }
        _ => unreachable!("clap asks for all of them"),
    };
    let mut verdicts = Vec::new();
    let services = || FILES.into_iter().filter(|name| arguments.service.as_deref().is_none_or(|only| only == *name));
    for service in (0..arguments.rounds).flat_map(|_| services()) {
        for sender in Sender::ALL.into_iter().filter(|sender| arguments.sender.is_none_or(|only| only == *sender)) {
            let office = Office::open(people.clone(), sender);
            let run = Run { service, sender, broker: arguments.broker, people: &people, office: &office };
            verdicts.push(run.start(&arguments.schemathesis, arguments.examples, arguments.seed));
        }
    }
    if let Some((app, _)) = &own {
        let errors: Vec<_> =
            app.log().lines().filter(|line| line.contains(r#""level":"error""#)).map(str::to_owned).collect();
        println!(
            "\nErrors in the log of the app: {}",
            if errors.is_empty() { "none".to_owned() } else { errors.join("\n") }
        );
    }
    Verdict::show(&verdicts);
    if !verdicts.is_empty() && verdicts.iter().all(Verdict::is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// An app that asks everybody who they are. Nobody is made to wait: what is behind the waiting is what is looked at.
fn start(broker: Broker) -> (TestApp, Schedules) {
    let backend = match broker {
        Broker::Redis => Backend::new(),
        Broker::Rabbitmq => Backend::with_rabbitmq(),
    };
    let app = TestApp::on(&backend).variable("authorization", "required").variable("sign_in_by_mail", "on").start();
    println!("Concierge runs on {}", app.app.url());
    let mut broker = app.backend.broker();
    // It ends with the process.
    std::thread::spawn(move || {
        loop {
            broker.add(LOGINS, "poison");
            std::thread::sleep(POISON_EVERY);
        }
    });
    let schedules = Schedules::start(&[&app], ROUND);
    (app, schedules)
}
