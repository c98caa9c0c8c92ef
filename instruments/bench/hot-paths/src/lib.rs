//! Instructions of hot paths, counted by callgrind: a gate that does not depend on how busy the machine is.
//!
//! What is counted runs natively, without a guest: rules of the domain that a request goes through, and the token's check.
//! Each path runs in a process of its own, so many times that its own instructions outweigh those around it, and once with
//! no repetitions, which is what is subtracted.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use api::users::SignUpRequest;
use events::redis::recipient_digest;
use events::{Event, Login, LoginNotice, Payload};
use identity::{AttemptKeys, Email, Locale, MinLength, Peppers, Role, UserId};
use notification_domain::{LogItem, MessageSettings, Renderer};
use serde::{Deserialize, Serialize};
use tokens::{AccessClaims, Audience, PublicKeys, SigningKey};
use users_domain::{Attempt, Precondition, SignUp};
use uuid::Uuid;

/// By how much a count may be off: what is inlined where changes with code that has nothing to do with a path.
const TOLERANCE: f64 = 0.1;
/// The same, when the counts were made with another compiler.
const TOLERANCE_ACROSS_COMPILERS: f64 = 0.25;
/// How often a path is repeated.
const REPETITIONS: u32 = 200;
/// How often, for the child process.
const VARIABLE: &str = "HOT_PATH_REPETITIONS";

const AUDIENCE: Audience<'static> = Audience { issuer: "http://127.0.0.1:4000/auth-ms", audience: "concierge" };
const NOW: i64 = 1_800_000_000;

/// What is written down.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Written {
    /// The compiler.
    rust: String,
    /// The kind of processor: libraries choose their code by it.
    processor: String,
    /// Instructions of one repetition.
    instructions: BTreeMap<String, u64>,
}

type HotPath = (&'static str, fn() -> Box<dyn Fn()>);

/// The paths. What a path needs is made before it is repeated.
const PATHS: &[HotPath] = &[
    ("check an access token", || {
        let (token, keys) = (token(), SigningKey::parse(&seed()).map(|key| key.public()).unwrap_or_default());
        Box::new(move || drop(black_box(tokens::verify(black_box(&token), AUDIENCE, &keys, NOW))))
    }),
    ("sign an access token", || {
        let key = SigningKey::parse(&seed());
        Box::new(move || drop(black_box(key.as_ref().map(|key| tokens::sign(&claims(), AUDIENCE, key)))))
    }),
    ("read a set of public keys", || {
        let jwks = SigningKey::parse(&seed()).map(|key| key.public().to_jwks().to_string()).unwrap_or_default();
        Box::new(move || drop(black_box(PublicKeys::from_jwks(black_box(&jwks)))))
    }),
    ("decode and judge a sign-up", || {
        let form =
            br#"{"name":"Ada","surname":"Lovelace","email":"ada@example.org","password":"correct horse battery"}"#;
        Box::new(move || {
            let request = problem::decode::<SignUpRequest>(black_box(form));
            drop(black_box(request.and_then(|request| SignUp::validate(&request, MinLength::default()))));
        })
    }),
    ("read an email address", || Box::new(|| drop(black_box(Email::parse(black_box("Ada.Lovelace@Example.org")))))),
    ("digests of an attempt", || {
        let peppers = Peppers::new("a pepper that is long enough to be one");
        Box::new(move || {
            let keys =
                peppers.as_ref().map(|peppers| AttemptKeys::new(peppers, black_box("ada@example.org"), "10.0.0.1"));
            drop(black_box(keys.map(|keys| Attempt::to_sign_in(&keys))));
        })
    }),
    ("a problem as JSON", || {
        Box::new(|| drop(black_box(users_domain::user_not_found().to_json(black_box("0123456789abcdef")))))
    }),
    ("read a precondition", || {
        let id = UserId::try_from(7);
        Box::new(move || {
            let id = id.as_ref().ok().copied();
            drop(black_box(id.map(|id| Precondition::parse(Some(black_box("\"7.1\", W/\"7.2\"")), id, true))));
        })
    }),
    ("write an event", || {
        let event = event();
        Box::new(move || drop(black_box(event.as_ref().map(|event| black_box(event).to_json()))))
    }),
    ("consume an event", || {
        let json = event().map(|event| event.to_json()).unwrap_or_default();
        let renderer = renderer();
        Box::new(move || {
            let queue = events::Queue::LoginEmail;
            let Ok(event) = Event::from_json(black_box(json.as_bytes())) else { return };
            let Some(Ok(Some(message))) = renderer.as_ref().map(|renderer| renderer.render(queue, &event)) else {
                return;
            };
            drop(black_box(recipient_digest(&message.to)));
            drop(black_box(LogItem::new(queue, &event, &message, "consumer", 1).to_json()));
        })
    }),
];

fn seed() -> String {
    "0123456789abcdef".repeat(4)
}

fn claims() -> AccessClaims {
    let user_id = UserId::try_from(7).unwrap_or_else(|_| unreachable!("7 is an id"));
    let (session, id) = (Uuid::from_u128(1), Uuid::from_u128(2));
    AccessClaims {
        user_id,
        role: Role::User,
        roles: Vec::new(),
        metadata: None,
        session,
        email_verified: None,
        authentication: None,
        id,
        issued_at: NOW - 60,
        expires_at: NOW + 840,
    }
}

fn token() -> String {
    let key = SigningKey::parse(&seed()).ok();
    key.and_then(|key| tokens::sign(&claims(), AUDIENCE, &key).ok()).unwrap_or_default()
}

/// With the texts that are shipped, in memory.
fn renderer() -> Option<Renderer> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../components/notification/messages");
    let texts = ["en.txt", "layout.html"].map(|file| (file, std::fs::read_to_string(folder.join(file)).ok()));
    let settings = MessageSettings {
        brand_name: "Concierge".to_owned(),
        public_url: "http://127.0.0.1:4000".to_owned(),
        default_locale: Locale::parse("en").ok()?,
        login_notice: LoginNotice::Always,
    };
    let read = move |wanted: &str| texts.iter().find(|(file, _)| *file == wanted).and_then(|(_, text)| text.clone());
    Some(Renderer::new(settings, Box::new(read)))
}

fn event() -> Option<Event> {
    let login = Login::of(UserId::try_from(7).ok()?, "ada@example.org".to_owned(), None);
    let id = Uuid::from_u128(3);
    let time = time::OffsetDateTime::from_unix_timestamp(NOW).ok()?;
    Some(Event { id, time, ..Event::new("/auth-ms", Payload::Login(login)) })
}

/// Runs one path as often as the environment says.
///
/// # Errors
/// If there is no such path.
pub fn run_one(name: &str) -> Result<()> {
    let (_, prepare) = PATHS.iter().find(|(known, _)| *known == name).with_context(|| format!("no path \"{name}\""))?;
    let path = prepare();
    let repetitions: u32 = std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    // The first makes what is made only once.
    path();
    for _ in 0..repetitions {
        path();
    }
    Ok(())
}

/// Counts what `program` (this package's) takes, and writes it down.
///
/// # Errors
/// If nothing can be counted or written.
pub fn renew(program: &Path) -> Result<()> {
    let (now, file) = (count_all(program)?, file());
    std::fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&now)?))?;
    println!("The counts of {} paths are in {}", now.instructions.len(), file.display());
    Ok(())
}

/// Counts what `program` (this package's) takes, and compares with what is written down.
///
/// # Errors
/// If a path takes more than it may, or so much less that the counts should be renewed.
pub fn check(program: &Path) -> Result<()> {
    let now = count_all(program)?;
    let file = file();
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let written: Written = serde_json::from_str(&text)?;
    if written.processor != now.processor {
        println!("The counts are of {}, this is {}: nothing to compare", written.processor, now.processor);
        return Ok(());
    }
    let is_same_compiler = written.rust == now.rust;
    let tolerance = if is_same_compiler { TOLERANCE } else { TOLERANCE_ACROSS_COMPILERS };
    if !is_same_compiler {
        println!(
            "The counts were made with {}, this is {}: they may differ by {:.0} %",
            written.rust,
            now.rust,
            tolerance * 100.0
        );
    }
    let mut off = Vec::new();
    for (name, now) in &now.instructions {
        let before = written.instructions.get(name).copied().unwrap_or_default();
        let change = if before == 0 { f64::INFINITY } else { *now as f64 / before as f64 - 1.0 };
        println!("{name:<32}{before:>12} -> {now:>12}  {:+.1} %", change * 100.0);
        if change.abs() > tolerance {
            off.push(format!("{name} ({:+.1} %)", change * 100.0));
        }
    }
    ensure!(
        off.is_empty(),
        "off by more than {:.0} %: {}. If that is meant, renew the counts: `cargo xtask bench instructions --renew`",
        tolerance * 100.0,
        off.join(", ")
    );
    Ok(())
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

/// What signatures and digests are computed with depends on this.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return "x86_64 with AVX2".to_owned();
    }
    std::env::consts::ARCH.to_owned()
}

fn count_all(program: &Path) -> Result<Written> {
    let rust = String::from_utf8_lossy(&Command::new("rustc").arg("--version").output()?.stdout).trim().to_owned();
    let mut now = Written { rust, processor: processor(), ..Written::default() };
    for (name, _) in PATHS {
        let own = count(program, name, REPETITIONS)?.saturating_sub(count(program, name, 0)?) / u64::from(REPETITIONS);
        now.instructions.insert((*name).to_owned(), own);
    }
    Ok(now)
}

/// The instructions of a process that runs a path.
fn count(program: &Path, name: &str, repetitions: u32) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).args(["run", name]);
    command.env(VARIABLE, repetitions.to_string());
    let output = command.output().context("cannot start valgrind: install it (Debian: `apt-get install valgrind`)")?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{name} failed under callgrind: {text}");
    }
    let total = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    total.with_context(|| format!("callgrind has counted nothing: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_does_something_that_works() {
        assert!(tokens::verify(&token(), AUDIENCE, &SigningKey::parse(&seed()).unwrap().public(), NOW).is_ok());
        assert!(event().is_some());
        for (name, _) in PATHS {
            run_one(name).unwrap();
        }
    }
}
