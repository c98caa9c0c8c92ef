//! Statements that run at nearly each request are planned once on a connection, and not each time.

#[path = "../../../components/users/src/store/statements.rs"]
#[expect(dead_code, reason = "what is not looked at here")]
mod statements;

use blackbox::backend::Backend;
use postgres::types::ToSql;

/// From the sixth time on PostgreSQL goes by a plan for all values, if it takes it for no worse than one for each.
const TIMES: i64 = 10;

#[test]
fn reading_a_user_is_planned_once() {
    let mut sql = Backend::new().sql();
    let session = "00000000-0000-4000-8000-000000000000".to_owned();
    let reads: [(&str, &[&(dyn ToSql + Sync)]); 2] =
        [(statements::FIND_USER, &[&1_i64]), (statements::FIND_USER_IN_SESSION, &[&1_i64, &session])];
    for (text, parameters) in reads {
        let statement = sql.prepare(text).unwrap();
        for _ in 0..TIMES {
            sql.query_one(&statement, parameters).unwrap();
        }
        let counts = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1";
        let row = sql.query_one(counts, &[&text]).unwrap();
        let (generic, custom): (i64, i64) = (row.get(0), row.get(1));
        assert!(generic > 0 && custom == 5, "planned anew each time: {generic} and {custom} of {TIMES}:\n{text}");
    }
}
