//! The Job that brings a database up to date, on a real PostgreSQL: by a superuser, as in minikube, and by an owner who is
//! none, as with CloudNativePG.

use dev_servers::install::{self, Found, Tool};
use dev_servers::postgres::{self, Address, Options, Postgres};
use k8s_checks::app::workspace;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

struct Stage {
    _folder: tempfile::TempDir,
    _postgres: Postgres,
    url: String,
    programs: PathBuf,
}

impl Stage {
    /// Nothing, after saying why, where PostgreSQL's programs are in a container.
    fn set() -> Option<Self> {
        let Ok(Found::Programs(programs)) = install::locate(Tool::Postgres) else {
            println!("skipped: psql is not on this machine");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder can be made");
        // Its server may run as somebody else, who has to get there.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        let postgres = Postgres::start(folder.path(), Options::for_tests()).expect("PostgreSQL starts");
        let url = postgres.create_database("concierge").expect("a database can be made");
        Some(Self { _folder: folder, _postgres: postgres, url, programs })
    }

    fn sql(&self, statements: &str) {
        postgres::connect(&self.url).expect("it lets us in").batch_execute(statements).expect("it is done");
    }

    fn migrate(&self, user: &str, password: &str) -> Output {
        let address = Address::parse(&self.url).expect("a URL");
        let (host, port) = address.host.split_once(':').expect("an address has a port");
        let own = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command.arg(workspace().join("k8s/base/jobs/migrate.sh")).arg(workspace().join("migrations"));
        command.env("PATH", format!("{}:{own}", self.programs.display())).env("DB_PASSWORD", "role's password");
        command.envs([("PGHOST", host), ("PGPORT", port), ("PGUSER", user), ("PGPASSWORD", password)]);
        command.env("PGDATABASE", "concierge").output().expect("sh can be started")
    }

    /// Whether the service's role may do what it needs, and no more.
    fn assert_rights(&self) {
        self.sql("SET ROLE concierge_users; INSERT INTO attempts (key) VALUES ('a'); SELECT FROM schema_migrations");
        let mut sql = postgres::connect(&self.url).expect("it lets us in");
        let refused = sql.batch_execute("SET ROLE concierge_users; CREATE TABLE more ()");
        assert!(refused.is_err(), "the service's role makes tables");
    }
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_superuser_makes_the_role_and_a_second_run_finds_all_done() {
    let Some(stage) = Stage::set() else { return };
    let address = Address::parse(&stage.url).expect("a URL");
    let first = stage.migrate(&address.user, &address.password);
    assert!(first.status.success() && words(&first).contains("applied 0001"), "{}", words(&first));
    stage.assert_rights();
    let second = stage.migrate(&address.user, &address.password);
    assert!(second.status.success() && !words(&second).contains("applied 0001"), "{}", words(&second));
}

#[test]
fn an_owner_who_is_no_superuser_waits_for_the_role_and_gives_it_its_rights() {
    let Some(stage) = Stage::set() else { return };
    stage.sql("CREATE ROLE owner LOGIN PASSWORD 'owner''s'; ALTER DATABASE concierge OWNER TO owner");
    let migration = std::thread::scope(|scope| {
        let migration = scope.spawn(|| stage.migrate("owner", "owner's"));
        std::thread::sleep(std::time::Duration::from_secs(1));
        stage.sql("CREATE ROLE concierge_users LOGIN PASSWORD 'role''s password'");
        migration.join().expect("it ends")
    });
    assert!(
        migration.status.success() && words(&migration).contains("migrations are applied"),
        "{}",
        words(&migration)
    );
    stage.assert_rights();
}
