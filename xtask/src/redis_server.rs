//! The Redis of a run: a private one in `.concierge/redis`, append-only, or the one of `REDIS_URL`.

use anyhow::{Context as _, Result, bail};
use dev_servers::install::Tool;
use dev_servers::redis::{Options, Redis};

use crate::app_variables::{Given, Variables};
use crate::folder::Folder;
use crate::secrets::Secrets;
use crate::setup;

/// A Redis that is ready for the app.
pub(crate) struct RedisServer {
    /// The private server, unless one was given.
    pub(crate) server: Option<Redis>,
    /// With credentials.
    pub(crate) url: String,
}

/// Starts it unless one was given, and sets the app's variables.
pub(crate) fn start(
    folder: &Folder,
    secrets: &Secrets,
    given: &Given,
    variables: &mut Variables,
) -> Result<RedisServer> {
    let redis = match given.get("REDIS_URL") {
        Some(url) => {
            println!("Using the Redis of REDIS_URL");
            RedisServer { server: None, url }
        }
        None => {
            setup::server(folder, Tool::Redis)?;
            let options = Options {
                password: Some(secrets.redis_password.clone()),
                log_file: Some(folder.fresh_log("redis")?),
                ..Options::default()
            };
            let server = Redis::start(&folder.state()?.join("redis"), options)?;
            println!("Redis runs on {}", server.host());
            RedisServer { url: server.url(), server: Some(server) }
        }
    };
    let (credentials, host) = take_apart(&redis.url).context("REDIS_URL cannot be used")?;
    variables.set(given, "redis_host", &host);
    variables.set(given, "redis_credentials", &credentials);
    // As spin.rabbitmq.toml wants it.
    variables.set(given, "redis_url", &redis.url);
    Ok(redis)
}

/// Gives what comes before the host (empty, or `user:password@` as it is in the URL), and `host:port`.
fn take_apart(url: &str) -> Result<(String, String)> {
    let Some(rest) = url.strip_prefix("redis://") else {
        bail!("it must begin with redis://: Spindle, which runs the app here, speaks no TLS to Redis");
    };
    let (credentials, host) = match rest.rsplit_once('@') {
        Some((credentials, host)) => (format!("{credentials}@"), host),
        None => (String::new(), rest),
    };
    let (host, database) = host.split_once('/').unwrap_or((host, ""));
    if !matches!(database, "" | "0") {
        bail!(
            "it may only name database 0, not {database}: the services use streams and channels, and channels have no database"
        );
    }
    if host.is_empty() {
        bail!("it names no host");
    }
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok((credentials, if has_port { host.to_owned() } else { format!("{host}:6379") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_url_is_taken_apart() {
        let parts = |url| take_apart(url).unwrap();
        assert_eq!(parts("redis://localhost"), (String::new(), "localhost:6379".into()));
        assert_eq!(parts("redis://u:p%40@h:1/0"), ("u:p%40@".into(), "h:1".into()));
        for bad in ["rediss://h", "redis://h/3", "redis://", "h:6379"] {
            assert!(take_apart(bad).is_err(), "{bad}");
        }
    }
}
