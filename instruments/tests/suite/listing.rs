//! GET /users-ms/users: filters, pages, and the way from one page to the next.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::sign_up_form;
use blackbox::turn;
use insta::assert_snapshot;

/// Signs up `count` people with this surname and gives their ids.
fn sign_up_family(app: &TestApp, surname: &str, count: usize) -> Vec<i64> {
    let host: String = surname.chars().filter(char::is_ascii_alphanumeric).collect();
    (0..count)
        .map(|number| {
            let mut form = sign_up_form(&format!("{number}@{host}.example"));
            form["surname"] = surname.into();
            app.sign_up_with(&form)
        })
        .collect()
}

fn ids(page: &Answer) -> Vec<i64> {
    let page = page.json();
    page["items"].as_array().expect("a list").iter().map(|user| user["id"].as_i64().expect("an id")).collect()
}

/// The path of the next page, as the header `link` gives it.
fn next(page: &Answer) -> Option<String> {
    let link = page.header("link")?;
    let path = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
    Some(path.to_owned())
}

#[test]
fn a_page_has_users_in_the_order_of_their_ids_and_the_way_to_the_next() {
    let app = TestApp::shared();
    let family = sign_up_family(&app, "page", 3);
    let page = app.get("/users-ms/users?surname=page&limit=2").send();
    assert_snapshot!(page.shown(), @r#"
    200
    cache-control: no-store
    content-type: application/json
    link: </users-ms/users?surname=page&limit=2&cursor=[cursor]>; rel="next"
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "items": [
        {
          "created_at": "[time]",
          "email": "0@page.example",
          "email_verified": false,
          "id": "[id]",
          "locale": null,
          "name": "Ada",
          "phone": null,
          "phone_verified": false,
          "role": "user",
          "roles": [],
          "surname": "page",
          "updated_at": "[time]",
          "version": 1,
          "zoneinfo": null
        },
        {
          "created_at": "[time]",
          "email": "1@page.example",
          "email_verified": false,
          "id": "[id]",
          "locale": null,
          "name": "Ada",
          "phone": null,
          "phone_verified": false,
          "role": "user",
          "roles": [],
          "surname": "page",
          "updated_at": "[time]",
          "version": 1,
          "zoneinfo": null
        }
      ],
      "next_cursor": "[cursor]"
    }
    "#);
    assert_eq!(ids(&page), family[..2]);
    let cursor = page.json()["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(next(&page), Some(format!("/users-ms/users?surname=page&limit=2&cursor={cursor}")));
}

#[test]
fn the_last_page_leads_nowhere() {
    let app = TestApp::shared();
    let family = sign_up_family(&app, "last", 2);
    let page = app.get("/users-ms/users?surname=last&limit=2").send().expect(200);
    assert_eq!((ids(&page), next(&page)), (family, None));
    assert_eq!(page.json()["next_cursor"], serde_json::Value::Null);
    let page = app.get("/users-ms/users?surname=nobody-has-this").send();
    assert_snapshot!(page.shown(), @r#"
    200
    cache-control: no-store
    content-type: application/json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "items": [],
      "next_cursor": null
    }
    "#);
}

#[test]
fn filters_go_without_regard_to_case_and_together() {
    let app = TestApp::shared();
    let family = sign_up_family(&app, "Filter", 2);
    let find = |query: &str| ids(&app.get(&format!("/users-ms/users?{query}")).send().expect(200));
    assert_eq!(find("surname=fILTER"), family);
    assert_eq!(find("email=1@FILTER.example"), family[1..]);
    assert_eq!(find("name=ada&surname=filter&email=0%40filter.example"), family[..1]);
    assert!(find("name=Bob&surname=filter").is_empty());
    // A filter is a value and no pattern.
    assert!(find("surname=Filt%25").is_empty());
    assert!(find("surname=Filter%27%20OR%201%3D1--").is_empty());
}

#[test]
fn a_page_has_twenty_users_unless_asked_otherwise() {
    let app = TestApp::shared();
    let family = sign_up_family(&app, "twenty", 21);
    let page = app.get("/users-ms/users?surname=twenty").send().expect(200);
    assert_eq!(ids(&page), family[..20]);
    assert_eq!(ids(&app.get(&next(&page).unwrap()).send()), family[20..]);
    let page = app.get("/users-ms/users?surname=twenty&limit=100").send().expect(200);
    assert_eq!(ids(&page), family);
}

#[test]
fn a_walk_sees_each_user_once_while_others_come_and_go() {
    let app = TestApp::shared();
    let family = sign_up_family(&app, "walk", 7);
    let first = app.get("/users-ms/users?surname=walk&limit=3").send().expect(200);
    assert_eq!(ids(&first), family[..3]);
    // The user that the page ended with goes, so does one before it and one after; another comes.
    for gone in [family[0], family[2], family[4]] {
        let _ = app.delete(&format!("/users-ms/users/{gone}")).send().expect(204);
    }
    let mut form = sign_up_form("late@walk.example");
    form["surname"] = "walk".into();
    let late = app.sign_up_with(&form);
    let mut seen = Vec::new();
    let mut path = next(&first);
    while let Some(page) = path.take().map(|path| app.get(&path).send().expect(200)) {
        seen.extend(ids(&page));
        path = next(&page);
    }
    assert_eq!(seen, [family[3], family[5], family[6], late]);
}

#[test]
fn users_that_sign_up_meanwhile_come_at_the_end_and_nobody_comes_twice() {
    let app = TestApp::shared();
    let mut family = sign_up_family(&app, "growing", 4);
    let mut seen = Vec::new();
    let mut path = Some("/users-ms/users?surname=growing&limit=1".to_owned());
    while let Some(page) = path.take().map(|path| app.get(&path).send().expect(200)) {
        seen.extend(ids(&page));
        path = next(&page);
        // After each of the first pages somebody comes, and who was on the page changes.
        if let (Some(last), true) = (seen.last(), family.len() < 7) {
            let mut form = sign_up_form(&format!("late-{last}@growing.example"));
            form["surname"] = "growing".into();
            family.push(app.sign_up_with(&form));
            let change = serde_json::json!({"name": "Augusta"});
            let _ = app.patch(&format!("/users-ms/users/{last}")).json(&change).send().expect(200);
        }
    }
    assert_eq!(seen, family);
}

#[test]
fn a_cursor_of_a_user_who_is_gone_with_all_after_it_leads_to_an_empty_last_page() {
    let app = TestApp::shared();
    let family = sign_up_family(&app, "ends", 4);
    let first = app.get("/users-ms/users?surname=ends&limit=2").send().expect(200);
    for gone in &family[1..] {
        let _ = app.delete(&format!("/users-ms/users/{gone}")).send().expect(204);
    }
    let page = app.get(&next(&first).unwrap()).send().expect(200);
    assert_eq!((ids(&page), next(&page)), (vec![], None));
    assert_eq!(page.json()["next_cursor"], serde_json::Value::Null);
}

#[test]
fn the_way_to_the_next_page_keeps_the_query_and_has_one_cursor() {
    let app = TestApp::shared();
    let family = sign_up_family(&app, "O'Br\u{ed}en & S\u{f6}hne", 3);
    // However the name of the parameter is spelt.
    let query = "surname=O%27Br%C3%ADen+%26%20S%C3%B6hne&name=aDa&limit=1";
    let first = app.get(&format!("/users-ms/users?{query}")).send().expect(200);
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(next(&first), Some(format!("/users-ms/users?{query}&cursor={cursor}")));
    let second = app.get(&format!("/users-ms/users?%63ursor={cursor}&{query}")).send().expect(200);
    assert_eq!(ids(&second), family[1..2]);
    let third = app.get(&next(&second).unwrap()).send().expect(200);
    assert_eq!((ids(&third), next(&third)), (family[2..].to_vec(), None));
}

#[test]
fn what_is_no_query_of_a_list_is_refused() {
    let app = TestApp::shared();
    assert_snapshot!(app.get("/users-ms/users?limit=101").send().shown(), @r#"
    400
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "limit is an integer from 1 to 100.",
      "errors": [
        {
          "detail": "limit is an integer from 1 to 100.",
          "pointer": "/limit"
        }
      ],
      "instance": "[uuid]",
      "status": 400,
      "title": "Invalid query",
      "type": "urn:concierge:problem:invalid-query"
    }
    "#);
    assert_snapshot!(app.get("/users-ms/users?offset=5").send().shown(), @r#"
    400
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Unknown parameter. Known here: email, email_verified, name, surname, search, role, sort, limit, cursor.",
      "errors": [
        {
          "detail": "Unknown parameter. Known here: email, email_verified, name, surname, search, role, sort, limit, cursor.",
          "pointer": "/offset"
        }
      ],
      "instance": "[uuid]",
      "status": 400,
      "title": "Invalid query",
      "type": "urn:concierge:problem:invalid-query"
    }
    "#);
    assert_snapshot!(app.get("/users-ms/users?cursor=abc").send().shown(), @r#"
    400
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "This cursor does not come from this list. Start without one.",
      "errors": [
        {
          "detail": "This cursor does not come from this list. Start without one.",
          "pointer": "/cursor"
        }
      ],
      "instance": "[uuid]",
      "status": 400,
      "title": "Invalid cursor",
      "type": "urn:concierge:problem:invalid-cursor"
    }
    "#);
    for (query, problem) in [
        ("limit=0", "invalid-query"),
        ("limit=-1", "invalid-query"),
        ("limit=ten", "invalid-query"),
        ("limit=", "invalid-query"),
        ("limit=99999999999999999999", "invalid-query"),
        ("limit=5&limit=6", "invalid-query"),
        ("email=no-address", "invalid-query"),
        ("name=A%00", "invalid-query"),
        ("surname=%ff%fe", ""),
        ("cursor=", "invalid-cursor"),
        ("cursor=dTI6NDI", "invalid-cursor"),
        ("cursor=%F0%9F%92%A5", "invalid-cursor"),
        (&format!("name={}", "x".repeat(101)), "invalid-query"),
    ] {
        let answer = app.get(&format!("/users-ms/users?{query}")).send();
        assert_eq!(answer.problem(), problem, "{query}");
        // Bytes that are no UTF-8 stand for nobody's name.
        assert_eq!(answer.status, if problem.is_empty() { 200 } else { 400 }, "{query}");
    }
}

#[test]
fn a_search_finds_parts_of_names_and_addresses_without_regard_to_case() {
    let app = TestApp::shared();
    let mut form = sign_up_form("first.OPER@search.example");
    form["name"] = "Searched 100%_sure".into();
    form["surname"] = "Möller-Ångström".into();
    let first = app.sign_up_with(&form);
    let mut form = sign_up_form("second@search.example");
    form["name"] = "Searched 100 xsure".into();
    let second = app.sign_up_with(&form);
    let found = |search: &str| {
        let query: String = url::form_urlencoded::byte_serialize(search.as_bytes()).collect();
        ids(&app.get(&format!("/users-ms/users?search={query}")).send().expect(200))
    };
    assert_eq!(found("SEARCH.example"), [first, second]);
    assert_eq!(found("st.oper@"), [first]);
    assert_eq!(found("ller-"), [first]);
    // What follows each other is found together.
    assert_eq!(found("sure Möller"), [first]);
    // Nothing that is searched for is a wildcard.
    assert_eq!(found("100%_sure"), [first]);
    assert_eq!((found("100%sure"), found("100___ure"), found(r"100\")), (vec![], vec![], vec![]));
    // Filters combine, and pages go on.
    let page = app.get("/users-ms/users?search=search.example&limit=1").send().expect(200);
    assert_eq!(ids(&page), [first]);
    let page = app.get(&next(&page).expect("there is a second")).send().expect(200);
    assert_eq!((ids(&page), next(&page)), (vec![second], None));
    assert_eq!(app.get("/users-ms/users?search=ab").send().expect(400).problem(), "invalid-query");
}

#[test]
fn a_search_among_many_reads_an_index() {
    let app = TestApp::shared();
    let mut sql = app.backend.sql();
    let mut off = sql.transaction().expect("a transaction begins");
    // A table of a few rows is read as a whole otherwise.
    off.execute("SET LOCAL enable_seqscan = off", &[]).expect("it is set");
    let plan =
        "EXPLAIN SELECT id FROM users WHERE lower(name || ' ' || surname || ' ' || email) LIKE lower('%Lovelace%')";
    let plan: Vec<String> = off.query(plan, &[]).expect("it is planned").iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("users_search_by_part")), "{plan:#?}");
}

#[test]
fn a_search_gives_the_same_people_page_by_page_however_far_apart_they_are() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).start();
    let first = app.sign_up("first@before.example");
    assert!(first < 1000);
    // Of 3,000 whose ids are far apart every 7th, every 100th and two in the middle, in no part of the table that a list begins with,
    // have a part of a name.
    let people = "INSERT INTO users (id, email, email_key, name, surname, password_hash) OVERRIDING SYSTEM VALUE
        SELECT 1000 + n * 401, e, e, CASE WHEN n % 7 = 0 THEN 'Sevenfold' ELSE 'Ada' END,
            CASE WHEN n % 100 = 0 THEN 'Hundredfold' WHEN n IN (1499, 1502) THEN 'Fewfold' ELSE 'Lovelace' END,
            (SELECT password_hash FROM users LIMIT 1)
        FROM (SELECT n, 'n' || n || '@apart.example' AS e FROM generate_series(1, 3000) n) AS people";
    assert_eq!(backend.sql().execute(people, &[]).expect("users can be made"), 3000);
    let id = |n: i64| 1000 + n * 401;
    for (search, expected) in [
        ("sevenfold", (1..=3000).filter(|n| n % 7 == 0).map(id).collect::<Vec<_>>()),
        ("hundredfold", (1..=3000).filter(|n| n % 100 == 0).map(id).collect()),
        ("fewfold", vec![id(1499), id(1502)]),
        ("apart.example", (1..=3000).map(id).collect()),
        ("nobodyfold", vec![]),
    ] {
        for (sort, limit) in [("created", 1), ("created", 3), ("created", 100), ("-created", 1), ("-created", 20)] {
            let mut seen = Vec::new();
            let mut path = Some(format!("/users-ms/users?search={search}&sort={sort}&limit={limit}"));
            // Not all of those whom all have in common.
            while let Some(page) = path.filter(|_| seen.len() < 40 * limit) {
                let page = app.get(&page).send().expect(200);
                seen.extend(ids(&page));
                path = next(&page);
            }
            let mut expected = expected.clone();
            if sort.starts_with('-') {
                expected.reverse();
            }
            expected.truncate(40 * limit);
            assert_eq!(seen, expected, "{search} {sort} {limit}");
        }
    }
}
