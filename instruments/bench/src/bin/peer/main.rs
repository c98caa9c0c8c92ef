//! The native peer: the routes that are measured, as a service of the usual kind answers them. A yardstick, and nothing
//! that anybody should run: it does what the components do, with the same rules and the same SQL, but keeps what it likes
//! in memory, and nothing stands between it and the machine.
//!
//! It takes the values of the manifest's variables as the app does, from `SPIN_VARIABLE_<NAME>`, and the address to listen
//! on as its only argument.

mod answer;
mod auth;
mod broker;
mod clock;
mod consumer;
mod database;
mod health;
mod second_step;
mod settings;
mod sign_in;
#[path = "../../../../../components/users/src/store/sign_in_statements.rs"]
mod sign_in_statements;
#[path = "../../../../../components/users/src/store/statements.rs"]
#[expect(dead_code, reason = "what only the component needs")]
mod statements;
mod users;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::broker::Broker;
use crate::database::Database;
use crate::settings::Settings;

/// What lives as long as the process.
struct Peer {
    settings: Settings,
    database: Database,
    broker: Broker,
}

#[tokio::main]
async fn main() -> Result<()> {
    let address = std::env::args().nth(1).context("the address to listen on is missing")?;
    let settings = Settings::from_env()?;
    let database = Database::new(&settings)?;
    let broker = Broker::connect(&settings.redis_url).await?;
    if settings.consumes {
        tokio::spawn(consumer::run(settings.redis_url.clone(), broker.clone()));
    }
    let peer = Arc::new(Peer { settings, database, broker });
    let routes = Router::new()
        .route("/users-ms/healthcheck", get(health::alive))
        .route("/users-ms/readiness", get(health::database))
        .route("/users-ms/users/{id}", get(users::get_user))
        .route("/users-ms/internal/sign-in/end", post(users::end_sign_in))
        .route("/auth-ms/healthcheck", get(health::alive))
        .route("/auth-ms/auth/login", post(auth::login))
        .route("/auth-ms/auth/login/second-factor", post(second_step::code))
        .route("/auth-ms/auth/passkey/options", post(second_step::passkey_options))
        .route("/auth-ms/auth/passkey", post(second_step::passkey))
        .route("/auth-ms/auth/refresh", post(auth::refresh))
        .route("/notification-ms/healthcheck", get(health::alive))
        .route("/notification-ms/readiness", get(health::broker))
        .with_state(peer);
    let listener = TcpListener::bind(&address).await.with_context(|| format!("cannot listen on {address}"))?;
    let listener = listener.tap_io(|connection| {
        // Small answers must not wait for more.
        let _ = connection.set_nodelay(true);
    });
    let mut end = signal(SignalKind::terminate())?;
    tokio::select! {
        served = axum::serve(listener, routes).into_future() => served?,
        _ = end.recv() => {}
    }
    Ok(())
}
