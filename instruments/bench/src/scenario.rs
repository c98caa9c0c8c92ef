//! The scenarios over HTTP: each takes one thing more than the one before.

use anyhow::Result;
use auth_domain::RefreshSecret;
use events::{Event, Login, Payload};
use identity::UserId;
use serde_json::json;
use uuid::Uuid;

use crate::load::Next;
use crate::requests::{all, get, post};
use crate::side::Role;
use crate::stage::{ACTIVE_USERS, PASSWORD, Stage};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// What the runtime answers by itself: the HTTP server alone.
    Server,
    /// A route without input or output: an instance, and the shell around the domain.
    Health,
    /// One Redis command.
    RedisCall,
    /// One SQL statement that reads no table.
    SqlRead,
    /// One SQL statement that writes a row, to the disk.
    SqlWrite,
    /// GET one user, without a token.
    GetUser,
    /// GET one user with an access token, which is checked.
    GetUserWithToken,
    /// A refresh: one statement that writes, and a signature.
    Refresh,
    /// A login.
    Login,
}

impl Scenario {
    /// All but the login, which takes longer than the others and is measured by itself.
    pub(crate) const ALL: [Self; 8] = [
        Self::Server,
        Self::Health,
        Self::RedisCall,
        Self::SqlRead,
        Self::SqlWrite,
        Self::GetUser,
        Self::GetUserWithToken,
        Self::Refresh,
    ];
    /// Those that are measured over a range of concurrency.
    pub(crate) const RANGED: [Self; 3] = [Self::Health, Self::GetUser, Self::GetUserWithToken];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Health => "health",
            Self::RedisCall => "redis-call",
            Self::SqlRead => "sql-read",
            Self::SqlWrite => "sql-write",
            Self::GetUser => "get-user",
            Self::GetUserWithToken => "get-user-token",
            Self::Refresh => "refresh",
            Self::Login => "login",
        }
    }

    /// Whether the native peer has it.
    pub(crate) fn is_in_peer(self) -> bool {
        self != Self::Server
    }

    /// The process that answers it.
    pub(crate) fn role(self) -> Role<'static> {
        match self {
            Self::GetUserWithToken => Role::Guarded,
            Self::RedisCall => Role::Consumer("bench", 0),
            _ => Role::Open,
        }
    }

    pub(crate) fn next(self) -> Next {
        if self == Self::Refresh { Next::Refresh } else { Next::AtOnce }
    }

    /// Makes the requests of a run, and makes the database ready for them.
    pub(crate) fn requests(self, stage: &Stage, connections: u32) -> Result<Vec<u8>> {
        let users = 1..=ACTIVE_USERS;
        Ok(match self {
            Self::Server => get("/.well-known/spin/health", None),
            Self::Health => get("/users-ms/healthcheck", None),
            Self::RedisCall => get("/notification-ms/readiness", None),
            Self::SqlRead => get("/users-ms/readiness", None),
            Self::SqlWrite => {
                stage.sql()?.batch_execute("TRUNCATE attempts")?;
                attempt(stage)
            }
            Self::GetUser => return Ok(all(users.map(|user| get(&format!("/users-ms/users/{user}"), None)))),
            Self::GetUserWithToken => {
                let tokens = users.map(|user| Ok((user, stage.token(user)?))).collect::<Result<Vec<_>>>()?;
                return Ok(all(tokens
                    .iter()
                    .map(|(user, token)| get(&format!("/users-ms/users/{user}"), Some(token)))));
            }
            Self::Refresh => return refreshes(stage, 1..=connections),
            Self::Login => {
                let form = |user| json!({"username": Stage::email(user), "password": PASSWORD}).to_string();
                return Ok(all(users.map(|user| post("/auth-ms/auth/login", None, &form(user)))));
            }
        })
        .map(|request| all([request]))
    }
}

/// The end of a sign-in that was refused, which is counted.
pub(crate) fn attempt(stage: &Stage) -> Vec<u8> {
    // The generator gives each request keys of its own.
    let key = |letter: &str| format!("{}{}", letter.repeat(52), "#".repeat(12));
    let body = json!({
        "permit": {"number": 1, "holder": Uuid::nil()},
        "keys": {"account": key("a"), "client": key("b"), "pair": key("c")},
        "succeeded": false,
    });
    post("/users-ms/internal/sign-in/end", Some(&stage.credential), &body.to_string())
}

/// Refreshes of a new session of each of these users.
pub(crate) fn refreshes(stage: &Stage, users: impl IntoIterator<Item = u32>) -> Result<Vec<u8>> {
    let tokens = users.into_iter().map(|user| session(stage, user)).collect::<Result<Vec<_>>>()?;
    let body = |token| json!({"refresh_token": token}).to_string();
    Ok(all(tokens.into_iter().map(|token| post("/auth-ms/auth/refresh", None, &body(token)))))
}

/// Begins a session of a user behind the API's back, and gives its refresh token.
fn session(stage: &Stage, user: u32) -> Result<String> {
    let mut random = [0; 32];
    random[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    let (session, secret) = (Uuid::new_v4(), RefreshSecret::new(random));
    let statement = "INSERT INTO sessions (id, user_id, refresh_digest, idle_until, ends_at)
        VALUES ($1::text::uuid, $2::int4, $3, now() + interval '1 day', now() + interval '1 day')";
    stage.sql()?.execute(statement, &[&session.to_string(), &i32::try_from(user)?, &secret.digest()])?;
    Ok(stage.refresh_keys()?.token(session, 0, secret))
}

/// The event of a login.
pub(crate) fn event(user: u32) -> Result<Event> {
    let phone = Some(format!("+49{}", 1_000_000 + user));
    let login = Login::of(UserId::try_from(i64::from(user))?, Stage::email(user), phone);
    Ok(Event { id: id(user), ..Event::new("/auth-ms", Payload::Login(login)) })
}

fn id(user: u32) -> Uuid {
    Uuid::from_u128(0x4000_8000_0000_0000_0000 | u128::from(user))
}
