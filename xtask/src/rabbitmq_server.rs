//! The RabbitMQ of a run with `--broker rabbitmq`: a private one in `.concierge/rabbitmq`, or the one of `RABBITMQ_URL`.

use anyhow::{Context as _, Result, bail};
use dev_servers::install::Tool;
use dev_servers::rabbitmq::{Options, RabbitMq};
use percent_encoding::percent_decode_str;

use crate::app_variables::{Given, Variables};
use crate::folder::Folder;
use crate::setup;

/// Where the MQTT plugin of a given RabbitMQ listens, if not on the usual port.
const MQTT_VARIABLE: &str = "RABBITMQ_MQTT_HOST";
/// The usual port.
const MQTT_PORT: u16 = 1883;

/// A RabbitMQ that is ready for the app.
pub(crate) struct RabbitServer {
    /// The private server, unless one was given.
    pub(crate) server: Option<RabbitMq>,
    /// With credentials.
    pub(crate) url: String,
}

/// Starts it unless one was given, and sets the app's variables.
pub(crate) fn start(folder: &Folder, given: &Given, variables: &mut Variables) -> Result<RabbitServer> {
    let (rabbit, mqtt) = match given.get("RABBITMQ_URL") {
        Some(url) => {
            println!("Using the RabbitMQ of RABBITMQ_URL");
            let mqtt = Mqtt::of(&url, given.get(MQTT_VARIABLE)).context("RABBITMQ_URL cannot be used")?;
            (RabbitServer { server: None, url }, mqtt)
        }
        None => {
            setup::server(folder, Tool::RabbitMq)?;
            println!("Starting RabbitMQ (some seconds)");
            let options = Options { log_file: Some(folder.fresh_log("rabbitmq")?), ..Options::default() };
            let server = RabbitMq::start(&folder.state()?.join("rabbitmq"), options)?;
            println!("RabbitMQ runs on {}; its management is {}", server.host(), server.management_url());
            let (host, user) = (server.mqtt_host(), server.user().to_owned());
            let mqtt = Mqtt { host, user, password: server.password().to_owned() };
            (RabbitServer { url: server.url(), server: Some(server) }, mqtt)
        }
    };
    variables.set(given, "amqp_url", &rabbit.url);
    variables.set(given, "mqtt_host", &mqtt.host);
    variables.set(given, "mqtt_user", &mqtt.user);
    variables.set(given, "mqtt_password", &mqtt.password);
    if let Some(server) = &rabbit.server {
        variables.set(given, "rabbitmq_management_url", &server.management_url());
    }
    Ok(rabbit)
}

/// The same broker as its MQTT plugin sees it.
#[derive(Debug, PartialEq, Eq)]
struct Mqtt {
    host: String,
    user: String,
    password: String,
}

impl Mqtt {
    /// Reads an AMQP URL. The error never has it in it: there is a password in it.
    fn of(url: &str, host: Option<String>) -> Result<Self> {
        let rest = ["amqp://", "amqps://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        let rest = rest.context("it must begin with amqp:// or amqps://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        // What follows the last colon is the port, unless that is within the brackets of an IPv6 address.
        let port = address.rfind(':').filter(|place| !address[*place..].contains(']'));
        let name = port.map_or(address, |place| &address[..place]);
        if name.is_empty() {
            bail!("it names no host");
        }
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let vhost = decode(path.split('?').next().filter(|path| !path.is_empty()).unwrap_or("/"));
        let user = decode(user);
        Ok(Self {
            host: host.unwrap_or_else(|| format!("{name}:{MQTT_PORT}")),
            user: if vhost == "/" { user } else { format!("{vhost}:{user}") },
            password: decode(password),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amqp_url_says_how_mqtt_reaches_the_broker() {
        let mqtt = |host: &str, user: &str, password: &str| Mqtt {
            host: host.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
        };
        assert_eq!(Mqtt::of("amqp://u:p%40@broker:5673/%2f", None).unwrap(), mqtt("broker:1883", "u", "p@"));
        let elsewhere = Mqtt::of("amqps://u:p@broker/team", Some("mqtt:2".to_owned())).unwrap();
        assert_eq!(elsewhere, mqtt("mqtt:2", "team:u", "p"));
        assert_eq!(Mqtt::of("amqp://[::1]:5672", None).unwrap(), mqtt("[::1]:1883", "", ""));
        for bad in ["redis://h", "amqp:", "h:5672", "amqp://u:p@:5672/"] {
            assert!(Mqtt::of(bad, None).is_err(), "{bad}");
        }
    }
}
