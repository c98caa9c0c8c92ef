//! A PostgreSQL with an empty database, and the programs that scripts call.

use dev_servers::install::{self, Found, Tool};
use dev_servers::postgres::{self, Address, Options, Postgres};
use k8s_checks::app::workspace;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

pub(crate) struct Stage {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) url: String,
    pub(crate) superuser: Address,
    postgres: Postgres,
    programs: PathBuf,
}

impl Stage {
    /// Nothing, after saying why, where PostgreSQL's programs are in a container.
    pub(crate) fn set() -> Option<Self> {
        let Ok(Found::Programs(programs)) = install::locate(Tool::Postgres) else {
            println!("skipped: PostgreSQL's programs are not on this machine");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder can be made");
        // Its server may run as somebody else, who has to get there.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        let postgres = Postgres::start(folder.path(), Options::for_tests()).expect("PostgreSQL starts");
        let url = postgres.create_database("concierge").expect("a database can be made");
        let superuser = Address::parse(&url).expect("a URL");
        Some(Self { folder, url, superuser, postgres, programs })
    }

    /// The same server's URL of another database.
    pub(crate) fn url_of(&self, database: &str) -> String {
        self.postgres.database_url(database)
    }

    pub(crate) fn sql(&self, statements: &str) {
        postgres::connect(&self.url).expect("it lets us in").batch_execute(statements).expect("it is done");
    }

    /// Runs a script of `k8s` as somebody, with PostgreSQL's programs on the path after those in `before`.
    pub(crate) fn run(&self, script: &str, arguments: &[&str], (user, password): (&str, &str), before: &str) -> Output {
        let (host, port) = self.superuser.host.split_once(':').expect("an address has a port");
        let own = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command.arg(workspace().join("k8s").join(script)).args(arguments);
        command.env("PATH", format!("{before}:{}:{own}", self.programs.display()));
        command.envs([("PGHOST", host), ("PGPORT", port), ("PGUSER", user), ("PGPASSWORD", password)]);
        command.envs([("PGDATABASE", "concierge"), ("DB_PASSWORD", "role's password")]);
        command.output().expect("sh can be started")
    }

    /// The same as the superuser.
    pub(crate) fn run_as_superuser(&self, script: &str, arguments: &[&str], before: &str) -> Output {
        self.run(script, arguments, (&self.superuser.user, &self.superuser.password), before)
    }
}

/// All that a script has said.
pub(crate) fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
