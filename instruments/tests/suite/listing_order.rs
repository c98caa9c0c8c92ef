//! Lists of users in other orders than that of their ids: each user once, also while others are renamed, come and go.

use blackbox::app::TestApp;
use blackbox::http::Answer;
use blackbox::people::sign_up_form;
use serde_json::{Value, json};

fn sign_up(app: &TestApp, family: &str, number: usize, name: &str) -> i64 {
    let mut form = sign_up_form(&format!("{number}@{family}.example"));
    form["name"] = name.into();
    form["surname"] = family.into();
    app.sign_up_with(&form)
}

fn ids(page: &Answer) -> Vec<i64> {
    let page = page.json();
    let items = page["items"].as_array().expect("a page has items");
    items.iter().map(|user| user["id"].as_i64().expect("an id is an integer")).collect()
}

fn next(page: &Answer) -> Option<String> {
    Some(page.header("link")?.split_once('>')?.0.trim_start_matches('<').to_owned())
}

/// All that the pages from this one on have.
fn walk(app: &TestApp, path: &str) -> Vec<i64> {
    let (mut seen, mut path) = (Vec::new(), Some(path.to_owned()));
    while let Some(page) = path.take().map(|path| app.get(&path).send().expect(200)) {
        seen.extend(ids(&page));
        path = next(&page);
        assert!(seen.len() < 100, "pages end");
    }
    seen
}

#[test]
fn users_are_listed_in_each_order_and_its_opposite() {
    let app = TestApp::shared();
    // Equal names in both cases, one in another script, and one with what a cursor might trip over.
    let names = ["bob", "Ada", "Zoë", "ada", "Émilie", "O. K-1", "Bob", "Ян"];
    let people: Vec<_> = names.iter().enumerate().map(|(n, name)| sign_up(&app, "sorted", n, name)).collect();
    for (sort, column) in [("created", "id"), ("name", "lower(name), id"), ("email", "email_key")] {
        let order = format!("SELECT id FROM users WHERE surname = 'sorted' ORDER BY {column}");
        let rows = app.backend.sql().query(&order, &[]).expect("users can be read");
        let expected: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(expected.len(), people.len());
        for limit in [1, 3, 100] {
            let path = format!("/users-ms/users?surname=sorted&limit={limit}&sort={sort}");
            assert_eq!(walk(&app, &path), expected, "{path}");
            let mut opposite = walk(&app, &path.replace("sort=", "sort=-"));
            opposite.reverse();
            assert_eq!(opposite, expected, "{path}");
        }
    }
    // Without an order it is that in which they came.
    assert_eq!(walk(&app, "/users-ms/users?surname=sorted&limit=3"), people);
    let by_surname = app.get("/users-ms/users?email=1@sorted.example&sort=-surname").send().expect(200);
    assert_eq!(ids(&by_surname), people[1..2]);
}

#[test]
fn whoever_is_renamed_or_goes_between_two_pages_hides_nobody() {
    let app = TestApp::shared();
    let names = ["Ada", "Bea", "Cid", "Dan", "Eva", "Fay"];
    let people: Vec<_> = names.iter().enumerate().map(|(n, name)| sign_up(&app, "moving", n, name)).collect();
    let first = app.get("/users-ms/users?surname=moving&sort=name&limit=2").send().expect(200);
    assert_eq!(ids(&first), people[..2]);
    // The last of the page goes to the end, one after it goes, and one comes to the front.
    let _ = app.patch(&format!("/users-ms/users/{}", people[1])).json(&json!({"name": "Zoe"})).send().expect(200);
    let _ = app.delete(&format!("/users-ms/users/{}", people[3])).send().expect(204);
    let _ = sign_up(&app, "moving", 6, "Aaron");
    let rest = walk(&app, &next(&first).expect("there is a next page"));
    assert_eq!(rest, [people[2], people[4], people[5], people[1]]);
}

#[test]
fn a_list_goes_on_in_the_order_in_which_it_began() {
    let app = TestApp::shared();
    let people: Vec<_> =
        ["C", "B", "A"].iter().enumerate().map(|(n, name)| sign_up(&app, "goes-on", n, name)).collect();
    let first = app.get("/users-ms/users?surname=goes-on&sort=name&limit=1").send().expect(200).json();
    let cursor = first["next_cursor"].as_str().expect("there is a next page");
    for sort in ["", "&sort=name", "&sort=-email"] {
        let page = app.get(&format!("/users-ms/users?surname=goes-on{sort}&cursor={cursor}")).send().expect(200);
        assert_eq!(ids(&page), [people[1], people[0]], "{sort}");
    }
    for (query, problem) in [
        ("sort=age", "invalid-query"),
        ("sort=Name", "invalid-query"),
        ("sort=", "invalid-query"),
        ("cursor=n.0.QQ", "invalid-cursor"),
        ("cursor=x.1.QQ", "invalid-cursor"),
        ("cursor=n.1", "invalid-cursor"),
    ] {
        let answer = app.get(&format!("/users-ms/users?{query}")).send();
        assert_eq!((answer.status, answer.problem().as_str()), (400, problem), "{query}");
    }
    // What is in a cursor is a value: nothing that fits in there harms anybody.
    let odd = app.get("/users-ms/users?surname=goes-on&cursor=n.1.JyBPUiAxPTEtLQ").send().expect(200).json();
    assert_eq!(odd["items"].as_array().map(Vec::len), Some(3), "{}", Value::Null);
}
