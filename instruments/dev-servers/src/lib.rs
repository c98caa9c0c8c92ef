//! Private servers for a run, or for a developer's `.concierge/` folder.
//!
//! Nothing here touches a service of the system: every server has its own data folder and its own port on the loopback
//! interface, and dies with the process that started it, even when that one is killed. Each server is one module with the
//! same verbs (`start`, `url`, `host`, `stop`, `start_again`, `kill`, `pause`, `resume`), so that a test can break any of
//! them in the same words.
//!
//! | module | subject |
//! |---|---|
//! | [`process`] | a child process that never outlives its parent |
//! | [`ports`] | free ports, and ports that a server keeps |
//! | [`data_dir`] | a data folder that the server's user can reach |
//! | [`secret`] | random secrets, and files that only their owner reads |
//! | [`postgres`], [`redis`], [`rabbitmq`] | the servers |
//! | [`mqtt`] | packets of MQTT |
//! | [`pgbouncer`] | a pooler before PostgreSQL, if there is its program |
//! | [`relay`] | what stands between the app and a server, to be slowed down or cut |
//! | [`small_disk`] | a disk that can be filled |
//! | [`mail_catcher`] | mails in place of a provider, for people |
//! | [`browser`] | a Chromium with its driver, for tests |
//! | [`install`] | where their programs are, or how they get there |
//! | [`container`] | the same servers where only a Docker engine is at hand |
//! | [`migrations`] | the numbered SQL files of `migrations/` |
//! | [`fill`] | as many people in a database as are wanted |
//! | [`app`] | Concierge itself, on Spindle or on Spin |
//!
//! Everything is blocking, and every wait has a deadline.

pub mod app;
pub mod browser;
pub mod container;
pub mod data_dir;
mod error;
pub mod fill;
pub mod install;
pub mod mail_catcher;
pub mod migrations;
pub mod mqtt;
pub mod pgbouncer;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod rabbitmq;
pub mod redis;
pub mod relay;
pub mod secret;
pub mod small_disk;
mod wait;

pub use error::{Error, Result};
