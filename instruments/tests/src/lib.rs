//! What the black-box suite stands on: real servers private to the run, the app as a process, and the few things that
//! somebody outside has: an HTTP client, the broker's protocol, a look into the database.
//!
//! | module | subject |
//! |---|---|
//! | [`backend`] | PostgreSQL with a fresh database, Redis, and RabbitMQ if wanted |
//! | [`app`] | the app on a backend, as a process |
//! | [`http`], [`answer`] | requests and answers, and what holds for every answer |
//! | [`openapi`] | the OpenAPI files, and what of them was answered |
//! | [`people`] | sign-ups and logins |
//! | [`rabbit`] | RabbitMQ's queues and dead letters, by its management |
//! | [`broker`] | streams, pending deliveries, dead letters |
//! | [`broker_of`] | the broker of a backend, whichever it is |
//! | [`deliveries`] | the delivery log, as the API shows it |
//! | [`kept`] | all that is kept anywhere, to be searched |
//! | [`runtime`] | which runtime the suite is on |
//! | [`schedules`] | the outbox swept, the consumers woken |
//! | [`authenticator`] | an authenticator app |
//! | [`passkey_device`] | a device with passkeys |
//! | [`relying_party`] | an application that signs people in through the OpenID Connect provider |
//! | [`browser`] | a browser, driven as a person would |
//! | [`ingress`] | TLS and the gateway in front of an app |
//! | [`visitor`] | a browser without scripts |
//! | [`mail_api`] | a mail provider that can fail |
//! | [`post_office`] | an app that sends links and codes, and the mails that arrive |
//! | [`standby`] | a replica of Redis, and one address for both |
//! | [`rabbit_cluster`] | three nodes of RabbitMQ behind one address |
//! | [`skipped`] | tests that do not apply |
//! | [`turn`] | which tests may run at the same time |
//! | [`poll`] | waiting with a deadline |
//!
//! Everything is blocking. Nothing here sleeps in order to be in step with the app: it looks until it sees, or until a
//! deadline has passed. Logs of a run are in `target/blackbox`.

pub mod answer;
pub mod app;
pub mod authenticator;
pub mod backend;
pub mod broker;
pub mod broker_of;
pub mod browser;
pub mod collector;
pub mod deliveries;
pub mod folder;
pub mod http;
pub mod ingress;
pub mod kept;
pub mod look;
pub mod mail_api;
pub mod openapi;
pub mod passkey_device;
pub mod people;
pub mod poll;
pub mod post_office;
pub mod rabbit;
pub mod rabbit_cluster;
pub mod receiver;
pub mod relying_party;
pub mod runtime;
pub mod schedules;
pub mod skipped;
pub mod standby;
pub mod traces;
pub mod turn;
pub mod visitor;

mod restart;
mod snapshot;
