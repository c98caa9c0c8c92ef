//! What applications ask for, decided on the pages of account: by whoever is signed in there, once, and by nobody else.

use crate::account_sign_in::sign_in;
use crate::oidc::cast;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use blackbox::app::TestApp;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, Person};
use blackbox::relying_party::{ClientTokens, RelyingParty, error_of, parameter, payload, way_back};
use blackbox::visitor::{Visitor, heading, hidden};
use serde_json::{Value, json};
use std::sync::Barrier;

const SESSION: &str = "__Host-account-session";
const BROWSER: &str = "__Host-account-browser";
/// What does not outlast the session of the browser.
const SCOPES: (&str, &str) = ("scope", "openid profile email");

/// The page for an authorization request, as auth sends browsers there.
pub(crate) fn page_of(request: &str) -> String {
    format!("/account/authorize?request={}", URL_SAFE_NO_PAD.encode(request))
}

/// A request for what does not outlast the session.
fn request(client: &RelyingParty, changes: &[(&str, &str)]) -> String {
    client.request(&[&[SCOPES], changes].concat())
}

#[track_caller]
fn signed_in<'a>(app: &'a TestApp, person: &Person) -> Visitor<'a> {
    let visitor = Visitor::new(app);
    let page = sign_in(&visitor, &person.email, PASSWORD).expect(200);
    assert_eq!(heading(&page), "Hello, Ada", "{}", page.text());
    visitor
}

/// What the button of the page sends.
#[track_caller]
fn decide(visitor: &Visitor<'_>, page: &Answer, decision: &str) -> Answer {
    visitor.post("/account/authorize", &[("asked", &hidden(page, "asked")), ("decision", decision)])
}

/// The code that an answer takes to the application.
#[track_caller]
pub(crate) fn code_of(answer: &Answer) -> String {
    let location = way_back(answer);
    assert_eq!(parameter(&location, "state").as_deref(), Some("a state & more"), "{location}");
    parameter(&location, "code").unwrap_or_else(|| panic!("there is no code in {location}"))
}

/// Time passes since everybody has signed in.
fn later(app: &TestApp, person: &Person) {
    let old = "UPDATE sessions SET authenticated_at = authenticated_at - interval '1 hour' WHERE user_id = $1";
    let _ = app.backend.sql().execute(old, &[&person.id]).expect("time passes");
}

#[test]
fn somebody_signs_in_once_and_allows_once_and_then_goes_through() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "page-consent");
    let visitor = Visitor::new(&app);
    // Nobody is signed in, so that comes first, with the address that the application expects.
    let page = visitor.open(&page_of(&request(&client, &[("login_hint", &ada.email)]))).expect(200);
    assert_eq!(heading(&page), "Sign in to Concierge");
    assert!(page.text().contains(&format!("value=\"{}\"", ada.email)), "{}", page.text());
    let next = hidden(&page, "next");
    let fields = [("email", ada.email.as_str()), ("password", "wrong"), ("next", &next)];
    let page = visitor.submit("/account/sign-in", &fields).expect(401);
    assert_eq!(hidden(&page, "next"), next, "a wrong password does not lead astray");
    let fields = [("email", ada.email.as_str()), ("password", PASSWORD), ("next", &next)];
    let page = visitor.submit("/account/sign-in", &fields).expect(200);
    assert_eq!(heading(&page), "Calendar wants to use your account", "{}", page.text());
    let text = page.text();
    for part in ["https://app.example", "see your email address", &ada.email, "Use another account"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("while you are away"));
    let policy = page.header("content-security-policy").expect("a page has a policy");
    assert!(policy.contains("form-action 'self' https://app.example;"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && page.header("x-frame-options") == Some("DENY"));
    let code = code_of(&decide(&visitor, &page, "allow"));
    let tokens = ClientTokens::of(&app.exchange(&client, &code).expect(200));
    assert_eq!(app.userinfo(&tokens.access).expect(200).json()["email"], json!(ada.email));

    // An hour later, and nobody is asked: neither here nor silently.
    later(&app, &ada);
    for changes in [&[][..], &[("prompt", "none")], &[("max_age", "7200")]] {
        let code = code_of(&visitor.get(&page_of(&request(&client, changes))));
        let id = ClientTokens::of(&app.exchange(&client, &code).expect(200)).id.expect("an ID token");
        let claims = payload(&id);
        assert_eq!(claims["sub"], json!(ada.id.to_string()));
        assert!(claims["iat"].as_i64() > claims["auth_time"].as_i64().map(|time| time + 3000), "{claims}");
    }
    // For another application they are, and sign in again before that.
    let other = app.register(&admin, &json!({"name": "Wiki"}));
    let page = visitor.open(&page_of(&request(&other, &[]))).expect(200);
    assert_eq!(heading(&page), "Confirm that it is you");
    let fields = [("current_password", PASSWORD), ("next", &hidden(&page, "next"))];
    let page = visitor.submit("/account/confirm", &fields).expect(200);
    assert_eq!(heading(&page), "Wiki wants to use your account");
    assert_eq!(error_of(&decide(&visitor, &page, "deny")), "access_denied");
    // Nothing was kept of that.
    let page = visitor.open(&page_of(&request(&other, &[]))).expect(200);
    assert_eq!(heading(&page), "Wiki wants to use your account");
    // What stays while the user is away needs a sign-in, though it was allowed.
    let _ = code_of(&decide(&visitor, &visitor.open(&page_of(&client.request(&[]))), "allow"));
    let _ = code_of(&visitor.get(&page_of(&client.request(&[]))));
    later(&app, &ada);
    assert_eq!(heading(&visitor.open(&page_of(&client.request(&[])))), "Confirm that it is you");
}

#[test]
fn whoever_must_not_be_asked_is_not() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "page-silent");
    let silent = page_of(&request(&client, &[("prompt", "none")]));
    let error = |visitor: &Visitor<'_>, path: &str| {
        let mut answer = visitor.get(path);
        if let Some(location) = answer.header("location").filter(|location| location.starts_with('/')) {
            answer = visitor.get(location);
        }
        let location = way_back(&answer);
        assert_eq!(parameter(&location, "state").as_deref(), Some("a state & more"));
        error_of(&answer)
    };
    assert_eq!(error(&Visitor::new(&app), &silent), "login_required");
    let visitor = signed_in(&app, &ada);
    assert_eq!(error(&visitor, &silent), "consent_required");
    let page = visitor.open(&page_of(&request(&client, &[]))).expect(200);
    let code = code_of(&decide(&visitor, &page, "allow"));
    let id = ClientTokens::of(&app.exchange(&client, &code).expect(200)).id.expect("an ID token");
    let _ = code_of(&visitor.get(&silent));
    // Of somebody else, or too long ago.
    let bob = app.person("bob@page-silent.example");
    let other = signed_in(&app, &bob);
    let hinted = request(&client, &[("prompt", "none"), ("id_token_hint", &id)]);
    let _ = code_of(&visitor.get(&page_of(&hinted)));
    assert_eq!(error(&other, &page_of(&hinted)), "login_required");
    assert_eq!(error(&other, &page_of(&request(&client, &[("id_token_hint", "x.y.z")]))), "login_required");
    later(&app, &ada);
    let _ = code_of(&visitor.get(&silent));
    for late in [request(&client, &[("prompt", "none"), ("max_age", "600")]), client.request(&[("prompt", "none")])] {
        assert_eq!(error(&visitor, &page_of(&late)), "login_required", "{late}");
    }
    // A session that has ended elsewhere is none.
    let _ = app.delete("/auth-ms/auth/sessions").bearer(&app.sign_in(ada.id, &ada.email).access).send().expect(204);
    assert_eq!(error(&visitor, &silent), "login_required");
    assert_eq!(visitor.cookie(SESSION), None);
}

#[test]
fn a_prompt_asks_for_a_sign_in_or_for_consent_though_both_were_given() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "page-prompt");
    let visitor = signed_in(&app, &ada);
    let page = visitor.open(&page_of(&request(&client, &[]))).expect(200);
    let _ = code_of(&decide(&visitor, &page, "allow"));
    for prompt in ["consent", "select_account"] {
        let page = visitor.open(&page_of(&request(&client, &[("prompt", prompt)]))).expect(200);
        assert_eq!(heading(&page), "Calendar wants to use your account", "{prompt}");
    }
    // The sign-in was a moment ago, and the password is asked for all the same; after it nothing more is.
    let page = visitor.open(&page_of(&request(&client, &[("prompt", "login")]))).expect(200);
    assert_eq!(heading(&page), "Confirm that it is you");
    let next = hidden(&page, "next");
    let wrong = visitor.submit("/account/confirm", &[("current_password", "wrong"), ("next", &next)]);
    assert_eq!((wrong.status, hidden(&wrong, "next")), (403, next.clone()));
    let page = visitor.post("/account/confirm", &[("current_password", PASSWORD), ("next", &next)]).expect(200);
    let refresh = page.header("refresh").expect("the page goes on by itself").to_owned();
    let _ = code_of(&visitor.get(refresh.strip_prefix("0; url=").expect("at once")));
    // Whoever says that they have signed in has not: auth compares the time.
    later(&app, &ada);
    let page =
        visitor.open(&format!("{}&signed_in=yes", page_of(&request(&client, &[("prompt", "login")])))).expect(200);
    assert_eq!(heading(&page), "Confirm that it is you");
    // Another account, without leaving the request.
    let page = visitor.open(&page_of(&request(&client, &[("prompt", "select_account"), ("max_age", "7200")])));
    assert_eq!(heading(&page), "Confirm that it is you", "consent needs a recent sign-in");
    let page = visitor.submit("/account/confirm", &[("current_password", PASSWORD), ("next", &hidden(&page, "next"))]);
    let page = visitor.submit("/account/sign-out", &[("next", &hidden(&page, "next"))]).expect(200);
    assert_eq!(heading(&page), "Sign in to Concierge");
    let bob = app.person("bob@page-prompt.example");
    let fields = [("email", bob.email.as_str()), ("password", PASSWORD), ("next", &hidden(&page, "next"))];
    let page = visitor.submit("/account/sign-in", &fields).expect(200);
    assert!(page.text().contains(&bob.email) && heading(&page) == "Calendar wants to use your account");
}

#[test]
fn only_what_was_shown_is_decided_by_whom_it_was_shown_to() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "page-forged");
    let other = app.register(&admin, &json!({"name": "Wiki"}));
    let visitor = signed_in(&app, &ada);
    let page = visitor.open(&page_of(&request(&client, &[]))).expect(200);
    let asked = hidden(&page, "asked");
    let refused = |visitor: &Visitor<'_>, asked: &str, status: u16| {
        let answer = visitor.post("/account/authorize", &[("asked", asked), ("decision", "allow")]);
        assert_eq!((answer.status, answer.header("location")), (status, None), "{}", answer.text());
    };
    // Another request in its place, sealed or not; that of another session of the same user; and none.
    let middle = asked.len() / 2;
    let other_byte = if &asked[middle..=middle] == "A" { "B" } else { "A" };
    let broken = format!("{}{other_byte}{}", &asked[..middle], &asked[middle + 1..]);
    for odd in ["", "x", &URL_SAFE_NO_PAD.encode(request(&other, &[])), &broken] {
        refused(&visitor, odd, 400);
    }
    let again = signed_in(&app, &ada);
    let theirs = hidden(&again.open(&page_of(&request(&client, &[]))), "asked");
    refused(&visitor, &theirs, 400);
    // Of another kind of what account seals.
    refused(&visitor, &visitor.form_token(), 400);
    refused(&visitor, &visitor.cookie(SESSION).expect("Ada is signed in"), 400);
    // The page is open in one tab, and somebody else signs in in another.
    let bob = app.person("bob@page-forged.example");
    let tab = visitor.copy();
    let _ = tab.submit("/account/sign-out", &[]);
    let page = sign_in(&tab, &bob.email, PASSWORD).expect(200);
    assert_eq!(heading(&page), "Hello, Ada", "both are called so");
    for name in [SESSION, BROWSER] {
        visitor.set_cookie(name, &tab.cookie(name).expect("Bob is signed in"));
    }
    refused(&visitor, &asked, 403);
    refused(&tab, &asked, 400);
    for person in [&ada, &bob] {
        let list = app.get(&format!("{}/connected-applications", person.path())).bearer(&person.access).send();
        if list.status == 200 {
            assert_eq!(list.json()["items"], json!([]));
        }
    }
    // A form of somebody else.
    let headers = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let fields = [("form_token", tab.form_token()), ("asked", asked.clone()), ("decision", "allow".to_owned())];
    assert_eq!(tab.post_from("/account/authorize", &fields, &headers).status, 403);
}

#[test]
fn nobody_is_sent_where_auth_has_not_said() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "page-redirect");
    let visitor = signed_in(&app, &ada);
    let evil = [("redirect_uri", "https://evil.example/callback")];
    let unknown = [("client_id", "6f1e2d3c-4b5a-4697-8877-665544332211")];
    for changes in [&evil, &unknown] {
        for prompt in ["none", "consent"] {
            let changes = [changes.as_slice(), &[("prompt", prompt)]].concat();
            let page = visitor.get(&page_of(&request(&client, &changes)));
            assert_eq!((page.status, page.header("location")), (400, None), "{changes:?}");
            // Of somebody who is not signed in, auth says so.
            let nobody = Visitor::new(&app);
            let answer = nobody.get(&page_of(&request(&client, &changes)));
            let location = answer.header("location").expect("it goes on").to_owned();
            if prompt == "none" {
                assert_eq!(nobody.get(&location).expect(400).header("location"), None);
            } else {
                assert!(
                    location.starts_with("/account/sign-in?next=%2Faccount%2Fauthorize%3Frequest%3D"),
                    "{location}"
                );
            }
        }
    }
    let _ = visitor.get("/account/authorize").expect(400);
    for odd in ["request=", "request=a%20b", "request=AA&signed_in=yes", "request=%%%", "requests=AA"] {
        let page = visitor.get(&format!("/account/authorize?{odd}"));
        assert_eq!((page.status, page.header("location")), (400, None), "{odd}");
    }
    let long = visitor.get(&page_of(&"x".repeat(1501)));
    assert_eq!(long.status, 400);
    // What else is wrong, the application is told.
    let error = error_of(&visitor.get(&page_of(&client.request(&[("scope", "admin")]))));
    assert_eq!(error, "invalid_scope");
    // A sign-in goes on to pages of ours and to listed applications alone.
    for next in
        ["https://evil.example", "//evil.example/account/authorize?request=AA", "/account/authorize?request=AA&x=y"]
    {
        let visitor = Visitor::new(&app);
        let _ = visitor.open("/account/sign-in");
        let fields = [("email", ada.email.as_str()), ("password", PASSWORD), ("next", next)];
        let answer = visitor.post("/account/sign-in", &fields);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/account")), "{next}");
    }
}

#[test]
fn of_two_decisions_at_once_each_has_a_code_of_its_own() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "page-race");
    let visitor = signed_in(&app, &ada);
    let page = visitor.open(&page_of(&request(&client, &[]))).expect(200);
    let asked = hidden(&page, "asked");
    let start = Barrier::new(4);
    let codes: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|_| {
                // Another tab of the same browser.
                let (tab, asked, start) = (visitor.copy(), &asked, &start);
                scope.spawn(move || {
                    start.wait();
                    code_of(&tab.post("/account/authorize", &[("asked", asked), ("decision", "allow")]))
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().expect("it answers")).collect()
    });
    let mut different = codes.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), codes.len());
    let sessions: Vec<Value> = codes
        .iter()
        .map(|code| payload(&ClientTokens::of(&app.exchange(&client, code).expect(200)).access)["sid"].clone())
        .collect();
    assert!(sessions.iter().enumerate().all(|(at, one)| !sessions[..at].contains(one)), "{sessions:?}");
    let rows = "SELECT count(*) FROM audit_log WHERE user_id = $1 AND action = 'application-connected'";
    let connected: i64 = app.backend.sql().query_one(rows, &[&ada.id]).expect("a count").get(0);
    assert_eq!(connected, 1, "they have consented once");
    // Pressing the button again is a decision again, and nothing of the first changes.
    let _ = code_of(&visitor.post("/account/authorize", &[("asked", &asked), ("decision", "allow")]));
    assert_eq!(app.exchange(&client, &codes[0]).json()["error"], json!("invalid_grant"), "a code is good once");
}

#[test]
fn connected_applications_are_listed_and_disconnected() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "page-applications");
    let visitor = signed_in(&app, &ada);
    assert!(visitor.open("/account/applications").expect(200).text().contains("No application is connected."));
    let page = visitor.open(&page_of(&request(&client, &[]))).expect(200);
    let code = code_of(&decide(&visitor, &page, "allow"));
    let tokens = ClientTokens::of(&app.exchange(&client, &code).expect(200));
    let page = visitor.open("/account/applications").expect(200);
    let text = page.text();
    for part in ["<h2>Calendar</h2>", "see your email address", "Disconnect: Calendar", "aria-current=\"page\""] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(visitor.open("/account").text().contains("href=\"/account/applications\""));
    let page = visitor.submit("/account/applications/disconnect", &[("id", &client.id)]).expect(200);
    assert!(page.text().contains("The application is disconnected.") && !page.text().contains("<h2>Calendar"));
    assert_eq!(app.userinfo(&tokens.access).outcome(), (401, "invalid-token".into()));
    assert_eq!(heading(&visitor.open(&page_of(&request(&client, &[])))), "Calendar wants to use your account");
    assert!(visitor.open("/account/activity").text().contains("Applications changed"));
}
