//! The servers of an `up`: PostgreSQL, Redis and, where wanted, RabbitMQ, each private or given by its URL.

use anyhow::Result;

use crate::app_variables::{Given, Variables};
use crate::database::{self, Database};
use crate::folder::Folder;
use crate::rabbitmq_server::{self, RabbitServer};
use crate::redis_server::{self, RedisServer};
use crate::secrets::Secrets;

/// All that were started or reached so far. Dropping this stops the private ones.
#[derive(Default)]
pub(crate) struct Servers {
    rabbitmq: Option<RabbitServer>,
    redis: Option<RedisServer>,
    database: Option<Database>,
}

/// A private server.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) pid: u32,
    pub(crate) is_running: bool,
}

impl Servers {
    /// Starts them, and sets the app's variables. Between two of them it stops early if `is_cancelled`.
    pub(crate) fn start(
        &mut self,
        folder: &Folder,
        secrets: &Secrets,
        given: &Given,
        variables: &mut Variables,
        with_rabbitmq: bool,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<()> {
        if is_cancelled() {
            return Ok(());
        }
        self.database = Some(database::start(folder, secrets, given, variables)?);
        if is_cancelled() {
            return Ok(());
        }
        self.redis = Some(redis_server::start(folder, secrets, given, variables)?);
        if with_rabbitmq && !is_cancelled() {
            self.rabbitmq = Some(rabbitmq_server::start(folder, given, variables)?);
        }
        Ok(())
    }

    /// The database's URL for its owner, once it is there.
    pub(crate) fn owner_url(&self) -> Option<String> {
        self.database.as_ref().map(|database| database.owner_url.clone())
    }

    /// The URLs for a developer's shell, by the names of their environment variables.
    pub(crate) fn urls(&self) -> Vec<(&'static str, String)> {
        let database = self.database.iter().map(|database| ("DATABASE_URL", database.owner_url.clone()));
        let redis = self.redis.iter().map(|redis| ("REDIS_URL", redis.url.clone()));
        let rabbitmq = self.rabbitmq.iter().map(|rabbitmq| ("RABBITMQ_URL", rabbitmq.url.clone()));
        database.chain(redis).chain(rabbitmq).collect()
    }

    /// Those that are ours, in the order in which they are to be ended.
    pub(crate) fn ours(&self) -> Vec<Server> {
        let rabbitmq = self.rabbitmq.as_ref().and_then(|rabbitmq| rabbitmq.server.as_ref());
        let redis = self.redis.as_ref().and_then(|redis| redis.server.as_ref());
        let database = self.database.as_ref().and_then(|database| database.server.as_ref());
        let server = |name, pid, is_running| Server { name, pid, is_running };
        let rabbitmq = rabbitmq.map(|ours| server("RabbitMQ", ours.pid(), ours.is_running()));
        let redis = redis.map(|ours| server("Redis", ours.pid(), ours.is_running()));
        let database = database.map(|ours| server("PostgreSQL", ours.pid(), ours.is_running()));
        rabbitmq.into_iter().chain(redis).chain(database).collect()
    }
}
