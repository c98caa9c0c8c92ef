//! What administrators see in the console: people, one person, and the audit log.

use crate::console_sign_in::Admin;
use blackbox::app::TestApp;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::visitor::heading;
use serde_json::json;

/// The names in the table of people.
fn names(page: &Answer) -> Vec<String> {
    let text = page.text();
    let rows = text.split("<th scope=\"row\">").skip(1);
    rows.filter_map(|row| Some(row.split_once("\">")?.1.split_once("</a>")?.0.to_owned())).collect()
}

/// Where a link with this text leads.
fn link(page: &Answer, text: &str) -> Option<String> {
    let page = page.text();
    let (before, _) = page.split_once(&format!(">{text}</a>"))?;
    let address = before.rsplit_once("href=\"")?.1.split_once('"')?.0;
    Some(address.replace("&amp;", "&"))
}

fn sign_up(app: &TestApp, surname: &str, email: &str) -> i64 {
    let mut form = sign_up_form(email);
    form["surname"] = surname.into();
    app.sign_up_with(&form)
}

#[test]
fn people_are_searched_ordered_and_read_page_by_page() {
    let app = TestApp::guarded();
    let visitor = Admin::new(&app, "grace@search.example").enter(&app);
    for number in 0..30 {
        let _ = sign_up(&app, &format!("Findable{number:02}"), &format!("f{number:02}@console-search.example"));
    }
    let first = visitor.open("/console/people?search=findable&sort=surname").expect(200);
    let mut found = names(&first);
    assert_eq!(found.len(), 25);
    let next = link(&first, "Next page").expect("there are more");
    let second = visitor.open(&next).expect(200);
    found.extend(names(&second));
    let expected: Vec<_> = (0..30).map(|number| format!("Ada Findable{number:02}")).collect();
    assert_eq!(found, expected);
    assert_eq!(link(&second, "Next page"), None);
    assert!(link(&second, "First page").is_some_and(|path| path.contains("search=findable")));
    // A part of the address; what nobody has; what is too short or no role.
    let page = visitor.open("/console/people?search=F07%40console-search").expect(200);
    assert_eq!(names(&page), ["Ada Findable07"]);
    assert!(visitor.open("/console/people?search=nobody-has-this").expect(200).text().contains("Nobody is found."));
    let page = visitor.open("/console/people?search=ab").expect(400);
    assert!(page.text().contains("A search has at least 3 characters."), "{}", page.text());
    assert!(visitor.open("/console/people?role=No+Role").expect(400).text().contains("There is a problem"));
    let admins = visitor.open("/console/people?role=admin&search=grace%40search.example").expect(200);
    assert_eq!(names(&admins), ["Ada Lovelace"]);
    assert!(visitor.open("/console/people?cursor=nonsense").expect(400).text().contains("There is a problem"));
}

#[test]
fn a_person_is_shown_with_factors_devices_and_activity() {
    let app = TestApp::guarded();
    let visitor = Admin::new(&app, "grace@person.example").enter(&app);
    let ada = app.person("ada@person.example");
    let _ = app.login(&ada.email, "a wrong password");
    let page = visitor.open(&format!("/console/people/{}", ada.id)).expect(200);
    assert_eq!(heading(&page), "Ada Lovelace");
    let text = page.text();
    for part in
        ["ada@person.example", "With the password alone.", "not confirmed", "invalid-credentials", "Times are in UTC."]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let _authenticator = app.add_totp(&ada);
    let _device = app.add_passkey(&ada);
    let suspended = app.put(&format!("{}/suspension", ada.path())).bearer(&app.admin("root@person.example").access);
    let _ = suspended.send().expect(204);
    let text = visitor.open(&format!("/console/people/{}", ada.id)).expect(200).text();
    for part in [
        "Authenticator app since",
        "10 recovery codes left",
        "Passkey <b>",
        "suspended",
        "Signed in nowhere.",
        "Lift the suspension",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Who is not there, and what is no id.
    for id in ["999999999", "0", "x", "7%2F..%2F8", "-1", "99999999999999999999"] {
        let page = visitor.open(&format!("/console/people/{id}")).expect(404);
        assert!(page.text().contains("There is no such user"), "{id}: {}", page.text());
    }
}

#[test]
fn the_audit_log_is_filtered_and_read_page_by_page() {
    let app = TestApp::guarded();
    let admin = Admin::new(&app, "grace@audit-page.example");
    let visitor = admin.enter(&app);
    let ada = app.person("ada@audit-page.example");
    let eve = app.person("eve@audit-page.example");
    for _ in 0..30 {
        let _ = app.login(&ada.email, "a wrong password");
    }
    let _ = app.put(&format!("{}/suspension", eve.path())).bearer(&admin.person.access).send().expect(204);
    let rows = |page: &Answer| page.text().matches("<th scope=\"row\">").count();
    let of_ada = format!("/console/audit?user_id={}", ada.id);
    let first = visitor.open(&of_ada).expect(200);
    let second = visitor.open(&link(&first, "Older").expect("there are more")).expect(200);
    let total: i64 = app
        .backend
        .sql()
        .query_one("SELECT count(*) FROM audit_log WHERE user_id = $1", &[&ada.id])
        .expect("rows can be counted")
        .get(0);
    assert_eq!(rows(&first), 25);
    assert_eq!(rows(&second), usize::try_from(total).expect("it is no negative number") - 25);
    assert!(!first.text().contains(&format!("/console/people/{}\"", eve.id)));
    // By result, by what and by whom; by time.
    let page = visitor.open(&format!("{of_ada}&result=success")).expect(200);
    assert!(!page.text().contains("invalid-credentials") && rows(&page) > 0, "{}", page.text());
    let by = format!("/console/audit?administrator_id={}&action=user-suspended", admin.person.id);
    let page = visitor.open(&by).expect(200);
    assert_eq!(rows(&page), 1);
    assert!(page.text().contains(&format!("href=\"/console/people/{}\"", eve.id)), "{}", page.text());
    assert!(page.text().contains("administrator"));
    let page = visitor.open(&format!("{of_ada}&since=2000-01-01T00:00&until=2000-01-02T00:00")).expect(200);
    assert!(page.text().contains("Nothing is found."));
    assert_eq!(rows(&visitor.open(&format!("{of_ada}&since=2000-01-01T00:00")).expect(200)), 25);
    for (wrong, fault) in [
        ("since=yesterday", "Enter a time such as"),
        ("user_id=ada", "There is a problem"),
        ("action=%3Cb%3E", "There is a problem"),
        ("cursor=x", "There is a problem"),
    ] {
        let page = visitor.open(&format!("/console/audit?{wrong}")).expect(400);
        assert!(page.text().contains(fault), "{wrong}: {}", page.text());
    }
}

#[test]
fn what_people_call_themselves_and_their_browsers_is_text() {
    let app = TestApp::guarded();
    let visitor = Admin::new(&app, "grace@escaped.example").enter(&app);
    let script = "<script>alert(1)</script>";
    let mut form = sign_up_form("eve@escaped.example");
    form["surname"] = json!("\"><img src=x onerror=alert(1)>Escapes");
    let id = app.sign_up_with(&form);
    let login = json!({"username": "eve@escaped.example", "password": PASSWORD});
    let _ = app.post("/auth-ms/auth/login").header("user-agent", script).json(&login).send().expect(200);
    for path in [
        format!("/console/people/{id}"),
        format!("/console/people/{id}/suspend"),
        "/console/people?search=Escapes".to_owned(),
        format!("/console/audit?user_id={id}"),
        format!("/console/people?search={}", "%22%3E%3Cimg+src%3Dx+onerror%3Dalert(1)%3E"),
        "/console/audit?action=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E".to_owned(),
    ] {
        let text = visitor.open(&path).text();
        assert!(!text.contains("<script>alert") && !text.contains("<img src=x"), "{path}: {text}");
    }
    let text = visitor.open(&format!("/console/people/{id}")).text();
    assert!(text.contains("&lt;script&gt;") && text.contains("&lt;img"), "{text}");
}
