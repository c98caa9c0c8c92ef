//! Flows of several requests, or with something of its own in each: a sign-up whose address is to be confirmed, and a sign-in
//! with the code of an authenticator app, one with a passkey. The load is made here: all but the last wait for a
//! hash, so there are few requests a second.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, ensure};
use authenticator::{Device, ORIGIN, encode};
use hmac::{Hmac, KeyInit as _, Mac as _};
use identity::UserId;
use passkeys::Attestation;
use serde_json::{Value, json};
use sha1::Sha1;
use users_domain::{FactorId, SECRET_BYTES, TotpKeys, TotpSecret, decode_bytes, relying_party};
use uuid::Uuid;

use crate::pace::{LOGIN_CONNECTIONS, Pace};
use crate::report::{Row, metric};
use crate::side::{Process, Role, Side, together};
use crate::stage::{ACTIVE_USERS, PASSWORD, Stage};
use crate::{storm, table};

/// The secret of everybody's app. Only for a yardstick.
const SECRET: [u8; SECRET_BYTES] = [7; SECRET_BYTES];
/// The users who have an app: the second half of those that requests are about, so that other measurements meet none of them.
const WITH_APP: std::ops::RangeInclusive<u32> = ACTIVE_USERS + 1..=2 * ACTIVE_USERS;
/// The users who have a passkey, one for each connection.
const WITH_PASSKEY: std::ops::RangeInclusive<u32> = 2 * ACTIVE_USERS + 1..=2 * ACTIVE_USERS + LOGIN_CONNECTIONS;
/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Signs up with an address that is to be confirmed: a hash, and one statement with the ticket and the events.
    SignUp,
    /// Signs in with password and code: a hash, a challenge, a code, and an event.
    LoginWithCode,
    /// Signs in with a passkey: a challenge, an answer that is verified, and an event.
    LoginWithPasskey,
}

impl Flow {
    pub(crate) const ALL: [Self; 3] = [Self::SignUp, Self::LoginWithCode, Self::LoginWithPasskey];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SignUp => "sign-up",
            Self::LoginWithCode => "login-code",
            Self::LoginWithPasskey => "login-passkey",
        }
    }

    /// Whether the native peer has it.
    fn is_in_peer(self) -> bool {
        self != Self::SignUp
    }

    /// Puts into the database what it needs; answers with a device for each connection.
    fn prepare(self, stage: &Stage) -> Result<Vec<Device>> {
        match self {
            Self::SignUp => {}
            Self::LoginWithCode => add_apps(stage)?,
            Self::LoginWithPasskey => return WITH_PASSKEY.map(|user| add_passkey(stage, user)).collect(),
        }
        Ok((0..LOGIN_CONNECTIONS).map(|_| Device::new()).collect())
    }

    /// Does it once. `number` is another each time.
    fn run(self, agent: &ureq::Agent, url: &str, number: u32, device: &mut Device) -> Result<()> {
        match self {
            Self::SignUp => {
                let email = format!("new-{}-{number}@bench.example", Uuid::new_v4().simple());
                let form = json!({"name": "Ada", "surname": "Lovelace", "email": email, "password": PASSWORD});
                post(agent, &format!("{url}/users-ms/users"), &form, 202).map(drop)
            }
            Self::LoginWithCode => {
                let user = WITH_APP.start() + number % ACTIVE_USERS;
                let form = json!({"username": Stage::email(user), "password": PASSWORD});
                let asked = post(agent, &format!("{url}/auth-ms/auth/login"), &form, 403)?;
                let shown = json!({"challenge": asked["challenge"], "code": code()?});
                post(agent, &format!("{url}/auth-ms/auth/login/second-factor"), &shown, 200).map(drop)
            }
            Self::LoginWithPasskey => {
                let asked = post(agent, &format!("{url}/auth-ms/auth/passkey/options"), &Value::Null, 200)?;
                let shown = json!({"credential": device.get(&asked["public_key"])});
                post(agent, &format!("{url}/auth-ms/auth/passkey"), &shown, 200).map(drop)
            }
        }
    }
}

/// Adds an app with the one secret to everybody who is to have one.
fn add_apps(stage: &Stage) -> Result<()> {
    let keys = TotpKeys::parse(&stage.totp_keys)
        .map_err(|error| anyhow!("{error}"))?
        .context("there is no key to seal with")?;
    let mut sql = stage.sql()?;
    let insert = sql.prepare(
        "INSERT INTO totp_factors (user_id, factor_id, sealed_secret, confirmed_at)
             VALUES ($1, $2::text::uuid, $3, now()) ON CONFLICT (user_id) DO UPDATE SET last_step = 0",
    )?;
    for user in WITH_APP {
        let (id, factor_id) = (i64::from(user), Uuid::from_u128(u128::from(user)));
        let of = FactorId { user_id: UserId::try_from(id)?, factor_id };
        let sealed = keys.seal(&TotpSecret::new(SECRET), of, [0; users_domain::NONCE_BYTES]);
        sql.execute(&insert, &[&id, &factor_id.to_string(), &sealed])?;
    }
    Ok(())
}

/// Adds a passkey to somebody's account, in the place of an earlier one; answers with the device that it is on.
fn add_passkey(stage: &Stage, user: u32) -> Result<Device> {
    let id = i64::from(user);
    let mut sql = stage.sql()?;
    let known = "INSERT INTO passkey_handles AS h (user_id) VALUES ($1)
        ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id RETURNING h.handle::text";
    let handle: Uuid = sql.query_one(known, &[&id])?.get::<_, String>(0).parse()?;
    let mut device = Device::new();
    let options = json!({"challenge": encode(handle.as_bytes()), "user": {"id": encode(handle.as_bytes())}});
    let made = device.create(&options);
    let bytes = |name: &str| decode_bytes(made["response"][name].as_str().unwrap_or_default());
    let (client_data, attestation_object) =
        bytes("clientDataJSON").zip(bytes("attestationObject")).context("no answer")?;
    let party = relying_party(ORIGIN, "", "").context("there is no domain")?;
    let passkey = party
        .register(Attestation { client_data, attestation_object }, handle.into_bytes())
        .map_err(|refusal| anyhow!("the passkey is refused: {refusal}"))?;
    sql.execute("DELETE FROM passkeys WHERE user_id = $1", &[&id])?;
    let insert = "INSERT INTO passkeys (id, user_id, credential_id, public_key, name, sign_count, backup)
        VALUES (gen_random_uuid(), $1, $2, $3, 'Laptop', 0, 'none')";
    sql.execute(insert, &[&id, &encode(&passkey.credential_id), &encode(&passkey.public_key)])?;
    Ok(device)
}

/// Measures a flow on each side that has it.
pub(crate) fn measure(stage: &Stage, flow: Flow, sides: &[Side], pace: &Pace) -> Result<Vec<Row>> {
    let sides: Vec<Side> = sides.iter().copied().filter(|side| *side != Side::Native || flow.is_in_peer()).collect();
    let processes = together(stage, &sides, Role::Confirming)?;
    for process in &processes {
        load(flow, process, flow.prepare(stage)?, Duration::from_secs(1))?;
    }
    let mut samples = vec![(Vec::new(), Vec::new(), Vec::new()); sides.len()];
    for _ in 0..pace.runs {
        for (process, (throughput, p50, p99)) in processes.iter().zip(&mut samples) {
            // A code is good once, and codes of later than now are none.
            let devices = flow.prepare(stage)?;
            let seconds = Duration::from_secs(pace.login_seconds().into());
            let mut times = load(flow, process, devices, seconds).with_context(|| process.log_tail())?;
            times.sort_by(f64::total_cmp);
            let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
            throughput.push(times.len() as f64 / seconds.as_secs_f64());
            p50.push(at(0.5));
            p99.push(at(0.99));
            storm::settle(stage, process)?;
        }
    }
    let mut rows = Vec::new();
    for (side, (throughput, p50, p99)) in sides.iter().zip(samples) {
        let row = Row::new(flow.name(), LOGIN_CONNECTIONS, side.name())
            .with(metric::THROUGHPUT, throughput)
            .with(metric::P50, p50)
            .with(metric::P99, p99);
        println!("{}", table::line(&row));
        rows.push(row);
    }
    Ok(rows)
}

/// Does it again and again over some connections; how many milliseconds each took that ended in time.
fn load(flow: Flow, process: &Process, devices: Vec<Device>, time: Duration) -> Result<Vec<f64>> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let (url, begun) = (process.url(), Instant::now());
    let connection = |mut device: Device| {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE));
        let (agent, mut times) = (ureq::Agent::from(config.build()), Vec::new());
        while begun.elapsed() < time {
            let start = Instant::now();
            flow.run(&agent, &url, NUMBER.fetch_add(1, Ordering::Relaxed), &mut device)?;
            if begun.elapsed() < time {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
        Ok(times)
    };
    let all = std::thread::scope(|scope| {
        let connections: Vec<_> = devices.into_iter().map(|device| scope.spawn(|| connection(device))).collect();
        let join = |times: std::thread::ScopedJoinHandle<'_, Result<Vec<f64>>>| {
            times.join().map_err(|_| anyhow!("a connection ended early"))?
        };
        connections.into_iter().map(join).collect::<Result<Vec<_>>>()
    })?;
    Ok(all.concat())
}

fn post(agent: &ureq::Agent, url: &str, body: &Value, status: u16) -> Result<Value> {
    let sent = agent.post(url).content_type("application/json").send(body.to_string().as_bytes());
    let mut answer = sent.with_context(|| format!("no answer from {url}"))?;
    let text = answer.body_mut().read_to_string()?;
    ensure!(answer.status() == status, "{url} answered {}: {text}", answer.status());
    Ok(serde_json::from_str(&text)?)
}

/// What everybody's app shows now (RFC 6238).
fn code() -> Result<String> {
    let step = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() / 30;
    let mut mac = Hmac::<Sha1>::new_from_slice(&SECRET)?;
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes([hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]]);
    Ok(format!("{:06}", number % 1_000_000))
}
