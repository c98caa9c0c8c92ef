//! Searches among many users: whichever way finds them, all pages together have whoever has what is searched for, each once and in
//! order.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::Person;
use dev_servers::fill;
use std::collections::BTreeSet;

/// More than are looked at one by one before the index is asked.
const PEOPLE: u32 = 6_000;
/// Whose name is another: so many that the index gives up, and none of them among the first.
const RENAMED: &str = "UPDATE users SET name = 'Zebra' WHERE email LIKE 'person%' AND substring(email, 7, position('@' IN email) - 7)::int > 2500";

/// What is searched for, and which way finds it in the order of the ids.
const SEARCHES: [(&str, &str); 6] = [
    ("zebra", "one by one: many have it, and nobody of the first"),
    ("filled.example", "at once: everybody has it"),
    ("person59", "by the index: few have it"),
    ("мельн", "by the index, in another script"),
    ("zebra f", "by the index, over two names"),
    ("nobody-has-this", "by no way"),
];
const SORTS: [(&str, &str); 4] =
    [("created", "id"), ("-created", "id DESC"), ("name", "lower(name), id"), ("-email", "email_key DESC")];
/// Pages that are read of each.
const PAGES: usize = 4;

/// The ids of the first pages.
fn found(app: &TestApp, root: &Person, query: &str) -> Vec<i64> {
    let mut ids = Vec::new();
    let mut path = format!("/users-ms/users?limit=50&{query}");
    for _ in 0..PAGES {
        let page = app.get(&path).bearer(&root.access).send().expect(200).json();
        ids.extend(page["items"].as_array().expect("items").iter().filter_map(|user| user["id"].as_i64()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/users-ms/users?limit=50&{query}&cursor={cursor}");
    }
    ids
}

#[test]
fn every_way_to_search_finds_the_same() {
    let backend = Backend::new();
    let app = TestApp::on(&backend).start();
    let root = app.admin("root@searches.example");
    let mut sql = backend.sql();
    let _ =
        fill::fill(&mut sql, PEOPLE, "v1:$2b$04$abcdefghijklmnopqrstuuAwpwJBgsJZyWKMkZRNnjQYHLpDVCaSm", &mut |_| {})
            .expect("the owner may fill it");
    let renamed = sql.execute(RENAMED, &[]).expect("names can be changed");
    assert!(renamed > 3_000, "{renamed}");
    sql.batch_execute("ANALYZE users").expect("it can be analysed");
    for (search, way) in SEARCHES {
        for (sort, order) in SORTS {
            for filter in ["", "&email_verified=false"] {
                let and = if filter.is_empty() { "" } else { "AND email_verified_at IS NULL" };
                let all = format!(
                    "SELECT id FROM users WHERE lower(name || ' ' || surname || ' ' || email) LIKE '%' || $1 || '%' {and}
                     ORDER BY {order} LIMIT {}",
                    PAGES * 50
                );
                let expected: Vec<i64> =
                    sql.query(&all, &[&search]).expect("it can be asked").iter().map(|row| row.get(0)).collect();
                let encoded: String = search.bytes().map(|byte| format!("%{byte:02X}")).collect();
                let ids = found(&app, &root, &format!("search={encoded}&sort={sort}{filter}"));
                assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{search}, {way}, by {sort}{filter}");
                assert_eq!(ids, expected, "{search}, {way}, by {sort}{filter}");
            }
        }
    }
    assert!(app.log().lines().all(|line| !line.contains("\"level\":\"error\"")), "{}", app.log());
}

#[test]
fn a_search_that_no_index_knows_is_refused() {
    let app = TestApp::on(&Backend::new()).start();
    let root = app.admin("root@refused-searches.example");
    for search in ["---", "a..", "%25%25%25", "..a.."] {
        let answer = app.get(&format!("/users-ms/users?search={search}")).bearer(&root.access).send_unchecked();
        let answer = answer.expect("there is an answer");
        let expected = if search == "..a.." { 200 } else { 400 };
        assert_eq!(answer.status, expected, "{search}: {}", answer.text());
    }
}
