//! The Job that brings a database up to date: by a superuser, as in minikube, and by an owner who is none, as with
//! CloudNativePG.

use crate::stage::{Stage, words};
use dev_servers::postgres;
use k8s_checks::app::workspace;
use std::process::Output;

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
