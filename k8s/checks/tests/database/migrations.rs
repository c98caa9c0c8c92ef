//! The Job that brings a database up to date: by a superuser, as in minikube, and by an owner who is none, as with
//! CloudNativePG.

use crate::stage::{Stage, words};
use dev_servers::postgres;
use k8s_checks::app::workspace;
use std::process::Output;
use std::time::{Duration, Instant};

fn superuser(stage: &Stage) -> (&str, &str) {
    (&stage.superuser.user, &stage.superuser.password)
}

fn migrate(stage: &Stage, who: (&str, &str)) -> Output {
    let files = workspace().join("migrations").display().to_string();
    stage.run("base/jobs/migrate.sh", &[&files], who, "/nowhere")
}

/// Whether the service's role may do what it needs, and no more.
fn assert_rights(stage: &Stage) {
    stage.sql("SET ROLE concierge_users; INSERT INTO attempts (key) VALUES ('a'); SELECT FROM schema_migrations");
    let mut sql = postgres::connect(&stage.url).expect("it lets us in");
    let refused = sql.batch_execute("SET ROLE concierge_users; CREATE TABLE more ()");
    assert!(refused.is_err(), "the service's role makes tables");
}

#[test]
fn a_superuser_makes_the_role_and_a_second_run_finds_all_done() {
    let Some(stage) = Stage::set() else { return };
    let first = migrate(&stage, superuser(&stage));
    assert!(first.status.success() && words(&first).contains("applied 0001"), "{}", words(&first));
    assert_rights(&stage);
    let second = migrate(&stage, superuser(&stage));
    assert!(second.status.success() && !words(&second).contains("applied 0001"), "{}", words(&second));
}

#[test]
fn an_owner_who_is_no_superuser_waits_for_the_role_and_gives_it_its_rights() {
    let Some(stage) = Stage::set() else { return };
    stage.sql("CREATE ROLE owner LOGIN PASSWORD 'owner''s'; ALTER DATABASE concierge OWNER TO owner");
    let migration = std::thread::scope(|scope| {
        let migration = scope.spawn(|| migrate(&stage, ("owner", "owner's")));
        std::thread::sleep(std::time::Duration::from_secs(1));
        stage.sql("CREATE ROLE concierge_users LOGIN PASSWORD 'role''s password'");
        migration.join().expect("it ends")
    });
    assert!(
        migration.status.success() && words(&migration).contains("migrations are applied"),
        "{}",
        words(&migration)
    );
    assert_rights(&stage);
}

#[test]
fn a_table_that_somebody_keeps_is_waited_for_and_nobody_waits_long_behind_it() {
    let Some(stage) = Stage::set() else { return };
    let folder = stage.folder.path().join("further");
    std::fs::create_dir(&folder).expect("it can be made");
    let write = |name: &str, sql: &str| std::fs::write(folder.join(name), sql).expect("it can be written");
    let run = || stage.run("base/jobs/migrate.sh", &[&folder.display().to_string()], superuser(&stage), "/nowhere");
    write("0001_table.sql", "CREATE TABLE t (n int); INSERT INTO t VALUES (1);\n");
    assert!(run().status.success());
    write("0002_column.sql", "ALTER TABLE t ADD COLUMN m int;\n");
    let index = "DROP INDEX CONCURRENTLY IF EXISTS t_n;\n\nCREATE INDEX CONCURRENTLY t_n ON t (n);\n";
    write("0003_index.sql", &format!("-- Not in a transaction.\n{index}"));
    let mut busy = postgres::connect(&stage.url).expect("it lets us in");
    let mut transaction = busy.transaction().expect("one can be begun");
    transaction.execute("SELECT FROM t", &[]).expect("it can be read");
    std::thread::scope(|scope| {
        let migration = scope.spawn(run);
        let (start, mut longest) = (Instant::now(), Duration::ZERO);
        let mut user = postgres::connect(&stage.url).expect("it lets us in");
        while start.elapsed() < Duration::from_secs(4) {
            let asked = Instant::now();
            user.execute("UPDATE t SET n = n + 1", &[]).expect("it can be changed");
            longest = longest.max(asked.elapsed());
        }
        assert!(!migration.is_finished());
        assert!(longest < Duration::from_millis(900), "{longest:?}");
        transaction.commit().expect("it ends");
        let migration = migration.join().expect("it ends");
        assert!(migration.status.success(), "{}", words(&migration));
        let expected = ["applied 0002_column.sql", "applied 0003_index.sql"];
        assert!(expected.iter().all(|line| words(&migration).contains(line)), "{}", words(&migration));
    });
    stage.sql("SELECT 1 / count(*) FROM pg_index WHERE indexrelid = 't_n'::regclass AND indisvalid");
}
