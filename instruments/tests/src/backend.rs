//! Backends: what the app stands on. Each has a Redis and a database of its own, so that no test sees another's.

use crate::rabbit::Rabbit;
use crate::standby::Standby;
use crate::{folder, poll};
use dev_servers::pgbouncer::{self, PgBouncer};
use dev_servers::postgres::{self, Postgres};
use dev_servers::redis::{self, Redis};
use dev_servers::{migrations, secret};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// The role that users logs in as: it may read and write rows, and no more.
const ROLE: &str = "concierge_users";
const ROLE_PASSWORD: &str = "role-password";
/// The database that all are copies of: migrated, with the role's rights.
const TEMPLATE: &str = "concierge_template";

/// The variable with the program of a PgBouncer, which then is between all apps and PostgreSQL.
const POOLER: &str = "CONCIERGE_PGBOUNCER";
/// How many connections it has to each database: far fewer than Spin's pool would take.
const POOL_SIZE: u32 = 8;

/// A PostgreSQL, and what stands before it.
#[derive(Clone, Debug)]
struct Server {
    postgres: Arc<Postgres>,
    pooler: Option<Arc<PgBouncer>>,
}

/// The servers of a backend that are to be otherwise than usual.
#[derive(Debug)]
pub struct Own {
    /// PostgreSQL.
    pub postgres: postgres::Options,
    /// The folder of Redis, and how it is set up.
    pub redis: (PathBuf, redis::Options),
    /// Whether RabbitMQ is the broker.
    pub has_rabbitmq: bool,
}

/// A database and a broker.
#[derive(Debug)]
pub struct Backend {
    /// The server that the database is on.
    pub postgres: Arc<Postgres>,
    /// The pooler before it, if there is one.
    pub pooler: Option<Arc<PgBouncer>>,
    /// The broker, or where the delivery log is.
    pub redis: Redis,
    /// A replica of it, if there is one, and the address that leads to either.
    pub standby: Option<Standby>,
    /// The broker, if it is not Redis.
    pub rabbit: Option<Rabbit>,
    /// What auth shows.
    pub auth_credential: String,
    /// What the schedules show.
    pub scheduler_credential: String,
    /// What an operator shows.
    pub operator_credential: String,
    /// What collects metrics shows it.
    pub metrics_credential: String,
    database: String,
}

impl Backend {
    /// A fresh database on the PostgreSQL of the run, and a Redis.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::on(shared(), None)
    }

    /// The same with a PgBouncer between the app and PostgreSQL, if there is a program that can be one.
    ///
    /// # Errors
    /// Why there is none.
    pub fn with_pooler() -> Result<Arc<Self>, String> {
        let program = pooler_program().unwrap_or_else(|| PathBuf::from("pgbouncer"));
        pgbouncer::check(&program).map_err(|error| format!("no pooler: {error}; {POOLER} names another"))?;
        let mut server = shared();
        server.pooler.get_or_insert_with(|| start_pooler(program, &server.postgres));
        Ok(Self::on(server, None))
    }

    /// The same with RabbitMQ as the broker; Redis has the delivery log.
    #[must_use]
    pub fn with_rabbitmq() -> Arc<Self> {
        Self::on(shared(), Some(Rabbit::new()))
    }

    /// The same with a RabbitMQ that no other test uses, to be killed or paused at will.
    #[must_use]
    pub fn with_own_rabbitmq() -> Arc<Self> {
        Self::on(shared(), Some(Rabbit::private()))
    }

    /// The same with three nodes of RabbitMQ behind one address, to be killed at will.
    #[must_use]
    pub fn with_rabbitmq_cluster() -> Arc<Self> {
        Self::on(shared(), Some(Rabbit::clustered()))
    }

    /// A backend whose Redis has a replica; both are behind one address.
    #[must_use]
    pub fn with_redis_replica() -> Arc<Self> {
        Self::beside(shared(), None, true)
    }

    /// A backend whose PostgreSQL no other test uses, to be stopped or paused at will.
    #[must_use]
    pub fn with_own_postgres() -> Arc<Self> {
        Self::on(start(durable()), None)
    }

    /// A backend whose servers no other test uses, set up as is said.
    #[must_use]
    pub fn with_own(own: Own) -> Arc<Self> {
        let Own { postgres, redis: (folder, options), has_rabbitmq } = own;
        let redis = Redis::start(&folder, options).expect("Redis starts");
        Self::of(start(postgres), (redis, None), has_rabbitmq.then(Rabbit::private))
    }

    fn on(server: Server, rabbit: Option<Rabbit>) -> Arc<Self> {
        Self::beside(server, rabbit, false)
    }

    fn beside(server: Server, rabbit: Option<Rabbit>, has_replica: bool) -> Arc<Self> {
        // Every write is on disk before it is answered, so a killed Redis loses nothing that it has answered for.
        let options = redis::Options { always_fsync: true, ..redis::Options::default() };
        let redis = Redis::start(&folder::fresh("redis"), options).expect("Redis starts");
        let standby = has_replica.then(|| Standby::of(&redis));
        Self::of(server, (redis, standby), rabbit)
    }

    fn of(server: Server, (redis, standby): (Redis, Option<Standby>), rabbit: Option<Rabbit>) -> Arc<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let database = format!("concierge_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let [auth_credential, scheduler_credential, operator_credential, metrics_credential] =
            [(); 4].map(|()| secret::random_hex().expect("the system gives random numbers"));
        let Server { postgres, pooler } = server;
        let backend = Self {
            postgres,
            pooler,
            redis,
            standby,
            rabbit,
            auth_credential,
            scheduler_credential,
            operator_credential,
            metrics_credential,
            database,
        };
        let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        backend.postgres.copy_database(TEMPLATE, &backend.database).expect("a database can be made");
        Arc::new(backend)
    }

    /// A superuser's way into the database.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.postgres.database_url(&self.database)
    }

    /// The name of the database.
    #[must_use]
    pub fn database_name(&self) -> String {
        self.database.clone()
    }

    /// A superuser's look into the database.
    #[must_use]
    pub fn sql(&self) -> ::postgres::Client {
        postgres::connect(&self.database_url()).expect("the database answers")
    }

    /// Has the first so many hashing permits in use for an hour, for no connection that could be gone; says how many there are.
    ///
    /// # Panics
    /// If the database does not answer.
    pub fn hold_permits(&self, first: i32) -> u64 {
        let held = "UPDATE hashing_places
            SET holder = gen_random_uuid(), backend = NULL, held_until = now() + interval '1 hour' WHERE place <= $1";
        self.sql().execute(held, &[&first]).expect("permits can be held")
    }

    /// Frees all hashing permits.
    ///
    /// # Panics
    /// If the database does not answer.
    pub fn free_permits(&self) {
        let free = "UPDATE hashing_places SET holder = NULL, held_until = '-infinity'";
        let _ = self.sql().execute(free, &[]).expect("permits can be freed");
    }

    /// How many events wait in the outbox.
    #[must_use]
    pub fn outbox_length(&self) -> i64 {
        self.sql()
            .query_one("SELECT count(*) FROM outbox WHERE published_at IS NULL", &[])
            .expect("the outbox can be read")
            .get(0)
    }

    /// Keeps an event in the outbox, as a service does that could not publish it.
    ///
    /// # Panics
    /// If it is none, or is kept already.
    pub fn keep_event(&self, event: &str) {
        let keep = "INSERT INTO outbox (exchange, event) SELECT event ->> 'type', event
            FROM (VALUES ($1::text::jsonb)) AS e(event)";
        let kept = self.sql().execute(keep, &[&event]).expect("an event can be kept");
        assert_eq!(kept, 1);
    }

    /// Waits until all events are published, which comes after the answers to what they tell of.
    ///
    /// # Panics
    /// If one stays in the outbox.
    #[track_caller]
    pub fn wait_until_published(&self) {
        poll::until(Duration::from_secs(10), "the outbox is empty", || self.outbox_length() == 0);
    }

    /// Waits until the first pass after the removal of this user is over, which comes after the answer.
    ///
    /// # Panics
    /// If it does not end.
    #[track_caller]
    pub fn wait_until_looked_through(&self, user_id: i64) {
        const IN_HAND: &str = "SELECT count(*) FROM erasures WHERE user_id = $1 AND passes = 0 AND due_at > now()";
        poll::until(Duration::from_secs(8), "the removal's own pass is over", || {
            self.sql().query_one(IN_HAND, &[&user_id]).is_ok_and(|row| row.get::<_, i64>(0) == 0)
        });
    }

    /// The values of the manifest's variables that say where this backend is.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let redis_host = self.standby.as_ref().map_or_else(|| self.redis.host(), Standby::host);
        [
            ("db_host", self.pooler.as_ref().map_or_else(|| self.postgres.host(), |pooler| pooler.host())),
            ("db_name", self.database.clone()),
            ("db_user", ROLE.to_owned()),
            ("db_password", ROLE_PASSWORD.to_owned()),
            ("redis_url", format!("redis://{}{redis_host}", self.redis.credentials())),
            ("redis_host", redis_host),
            ("redis_credentials", self.redis.credentials()),
            ("auth_credential", self.auth_credential.clone()),
            ("scheduler_credential", self.scheduler_credential.clone()),
            ("operator_credential", self.operator_credential.clone()),
            ("metrics_credential", self.metrics_credential.clone()),
        ]
        .into_iter()
        .chain(self.rabbit.iter().flat_map(Rabbit::variables))
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

fn shared() -> Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| start(durable())).clone()
}

/// Durable, so that a killed one shows what a real one would.
fn durable() -> postgres::Options {
    postgres::Options { durable: true, throw_away: true, ..postgres::Options::default() }
}

fn start(options: postgres::Options) -> Server {
    let postgres = Postgres::start(&folder::fresh("postgres"), options).expect("PostgreSQL starts");
    postgres.create_role(ROLE, ROLE_PASSWORD).expect("a role can be made");
    let url = postgres.create_database(TEMPLATE).expect("a database can be made");
    migrations::run(&url, &folder::workspace().join("migrations")).expect("the migrations apply");
    postgres::grant_data_access(&url, ROLE).expect("access can be granted");
    let postgres = Arc::new(postgres);
    let pooler = pooler_program().map(|program| start_pooler(program, &postgres));
    Server { postgres, pooler }
}

fn pooler_program() -> Option<PathBuf> {
    std::env::var_os(POOLER).map(PathBuf::from)
}

fn start_pooler(program: PathBuf, postgres: &Postgres) -> Arc<PgBouncer> {
    let user = (ROLE.to_owned(), ROLE_PASSWORD.to_owned());
    let mut sql = postgres::connect(&postgres.url()).expect("the server answers");
    for (name, milliseconds) in pgbouncer::TIMEOUTS {
        sql.batch_execute(&format!("ALTER ROLE {ROLE} SET {name} = {milliseconds}")).expect("a role can have it");
    }
    let options = pgbouncer::Options { program, postgres: postgres.host(), user, pool_size: POOL_SIZE };
    Arc::new(PgBouncer::start(&folder::fresh("pgbouncer"), &options).expect("PgBouncer starts"))
}
