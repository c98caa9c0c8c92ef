//! What all sides stand on: one PostgreSQL, one Redis, and the same people in the database.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use auth_domain::RefreshKeys;
use dev_servers::postgres::{self, Postgres};
use dev_servers::redis::{self, Redis};
use dev_servers::{migrations, secret};
use identity::{Password, PasswordHash, Peppers, Role, UserId};
use tokens::{AccessClaims, Audience, SigningKey};
use uuid::Uuid;

/// Users in the database.
pub(crate) const USERS: u32 = 10_000;
/// Users that requests are about; the others are there so that a lookup is one among many.
pub(crate) const ACTIVE_USERS: u32 = 1_000;
/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// The cost of a hash: what the manifest says.
pub(crate) const COST: &str = "12";
/// The salt of everybody's hash. Only for a yardstick.
const SALT: [u8; 16] = [7; 16];

const DATABASE: &str = "concierge_bench";
const ROLE: &str = "concierge_users";

/// The servers, and what is on them.
pub(crate) struct Stage {
    folder: PathBuf,
    postgres: Postgres,
    redis: Redis,
    role_password: String,
    pub(crate) credential: String,
    pub(crate) totp_keys: String,
    pepper: String,
    signing_key: String,
    refresh_token_key: String,
    files: Cell<u32>,
}

impl Stage {
    /// Starts the servers in a new folder, and fills the database.
    pub(crate) fn set(folder: &Path, workspace: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        // As it would be run: what is committed is on disk.
        let options = postgres::Options { throw_away: true, ..postgres::Options::default() };
        let postgres = Postgres::start(&folder.join("postgres"), options)?;
        let redis = Redis::start(&folder.join("redis"), redis::Options::default())?;
        let role_password = secret::random_hex()?;
        postgres.create_role(ROLE, &role_password)?;
        let owner_url = postgres.create_database(DATABASE)?;
        migrations::run(&owner_url, &workspace.join("migrations"))?;
        postgres::grant_data_access(&owner_url, ROLE)?;
        let stage = Self {
            folder: folder.to_owned(),
            postgres,
            redis,
            role_password,
            credential: secret::random_hex()?,
            totp_keys: format!("bench:{}", secret::random_hex()?),
            pepper: secret::random_hex()?,
            signing_key: secret::random_hex()?,
            refresh_token_key: secret::random_hex()?,
            files: Cell::new(0),
        };
        stage.fill()?;
        Ok(stage)
    }

    fn fill(&self) -> Result<()> {
        let hash = self.hash()?;
        let users = "INSERT INTO users (email, email_key, name, surname, phone, password_hash)
            SELECT 'user' || n || '@bench.example', 'user' || n || '@bench.example', 'Ada', 'Lovelace',
                   '+49' || (1000000 + n), $1
            FROM generate_series(1, $2::int4) n";
        let mut sql = self.sql()?;
        sql.execute(users, &[&hash.expose(), &i32::try_from(USERS)?])?;
        // Sessions that the tokens of `token` belong to.
        let sessions = "INSERT INTO sessions (id, user_id, refresh_digest, idle_until, ends_at)
            SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, n, 'none-' || n,
                   now() + interval '1 day', now() + interval '1 day'
            FROM generate_series(1, $1::int4) n";
        sql.execute(sessions, &[&i32::try_from(ACTIVE_USERS)?])?;
        sql.batch_execute("VACUUM ANALYZE")?;
        Ok(())
    }

    /// The values of the manifest's variables.
    pub(crate) fn variables(&self) -> Result<Vec<(String, String)>> {
        let public_keys = self.key()?.public().to_jwks().to_string();
        let values = [
            ("db_host", self.postgres.host()),
            ("db_name", DATABASE.to_owned()),
            ("db_user", ROLE.to_owned()),
            ("db_password", self.role_password.clone()),
            ("redis_host", self.redis.host()),
            ("redis_credentials", self.redis.credentials()),
            ("auth_credential", self.credential.clone()),
            ("scheduler_credential", self.credential.clone()),
            ("operator_credential", self.credential.clone()),
            ("password_pepper", self.pepper.clone()),
            ("totp_keys", self.totp_keys.clone()),
            ("bcrypt_cost", COST.to_owned()),
            // All of the load comes from one client.
            ("hash_permits_per_client", "256".to_owned()),
            ("sign_ups_per_hour", "1000000".to_owned()),
            ("email_verification", "off".to_owned()),
            ("login_notice", "always".to_owned()),
            ("token_signing_key", self.signing_key.clone()),
            ("token_public_keys", public_keys),
            ("refresh_token_key", self.refresh_token_key.clone()),
            ("notification_send_ms", "0".to_owned()),
        ];
        Ok(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn key(&self) -> Result<SigningKey> {
        Ok(SigningKey::parse(&self.signing_key)?)
    }

    pub(crate) fn refresh_keys(&self) -> Result<RefreshKeys> {
        RefreshKeys::new(&self.refresh_token_key, "").context("the key of refresh tokens is too short")
    }

    pub(crate) fn pepper(&self) -> Result<Peppers> {
        Ok(Peppers::new(&self.pepper)?)
    }

    /// The hash of everybody's password.
    pub(crate) fn hash(&self) -> Result<PasswordHash> {
        let password = Password::verified(PASSWORD);
        Ok(password.hash(&self.pepper()?, COST.parse()?, SALT)?)
    }

    /// Everybody's address.
    pub(crate) fn email(user: u32) -> String {
        format!("user{user}@bench.example")
    }

    /// An access token of one of the active users, good for a day.
    pub(crate) fn token(&self, user: u32) -> Result<String> {
        let issued_at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let issued_at = i64::try_from(issued_at)?;
        let claims = AccessClaims {
            user_id: UserId::try_from(i64::from(user))?,
            role: Role::User,
            roles: Vec::new(),
            metadata: None,
            session: Uuid::from_u128(0x4000_8000_0000_0000_0000 | u128::from(user)),
            email_verified: None,
            authentication: None,
            id: Uuid::from_u128(u128::from(user)),
            issued_at,
            expires_at: issued_at + 24 * 60 * 60,
        };
        Ok(tokens::sign(
            &claims,
            Audience { issuer: "http://127.0.0.1:4000/auth-ms", audience: "concierge" },
            &self.key()?,
        )?)
    }

    /// The database, as its owner.
    pub(crate) fn owner_url(&self) -> String {
        self.postgres.database_url(DATABASE)
    }

    /// The owner's look into the database.
    pub(crate) fn sql(&self) -> Result<::postgres::Client> {
        Ok(postgres::connect(&self.owner_url())?)
    }

    /// A connection to the broker.
    pub(crate) fn redis(&self) -> Result<::redis::Connection> {
        Ok(::redis::Client::open(self.redis.url())?.get_connection()?)
    }

    pub(crate) fn redis_url(&self) -> String {
        self.redis.url()
    }

    /// The processes of PostgreSQL are this one and its children.
    pub(crate) fn postgres_pid(&self) -> u32 {
        self.postgres.pid()
    }

    pub(crate) fn redis_pid(&self) -> u32 {
        self.redis.pid()
    }

    /// A name for a new file or folder of this run.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.files.set(self.files.get() + 1);
        self.folder.join(format!("{:04}-{name}", self.files.get()))
    }

    /// A new file of this run.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        let path = self.path(name);
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Where compiled components are kept, for all starts of this run.
    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.join("cache")
    }
}
