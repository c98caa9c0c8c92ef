//! account and console behind TLS: a real nginx as the ingress, the gateway's own configuration, and a real browser that believes none of
//! them more than it has to.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::browser::Browser;
use blackbox::http::Client;
use blackbox::ingress::Ingress;
use blackbox::people::PASSWORD;
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
const EMAIL: &str = "ada@behind-tls.example";

struct Page<'a>(&'a Browser);

impl Page<'_> {
    #[track_caller]
    fn sees(&self, heading: &str) {
        poll::until(SOON, heading, || {
            self.0.script("return document.querySelector('h1')?.textContent") == json!(heading)
        });
    }

    fn press(&self, action: &str) {
        self.0.find(&format!("form[action='{action}'] button")).click();
    }

    fn sign_in(&self, at: &str, email: &str) {
        self.0.find("#email").type_in(email);
        self.0.find("#password").type_in(PASSWORD);
        self.press(at);
    }

    /// The status of a page, and a header of it, as a script of the page sees them.
    fn fetched(&self, path: &str, header: &str) -> (Value, Value) {
        let answer = self.0.script(&format!(
            "return fetch('{path}', {{redirect: 'manual'}}).then(answer => [answer.status, answer.headers.get('{header}')])"
        ));
        (answer[0].clone(), answer[1].clone())
    }
}

#[test]
fn people_and_administrators_sign_in_over_tls_and_nobody_without() {
    let _turn = turn::together();
    let Some(ingress) = Ingress::new("id.concierge.test") else { return };
    let Some(browser) = Browser::start_with(&ingress.browser_arguments()) else { return };
    let (origin, host) = (ingress.origin(), ingress.host.clone());
    let application = format!("https://app.{host}:{}", ingress.tls);
    let app = TestApp::on(&Backend::new())
        .variable("authorization", "required")
        .variable("public_url", &origin)
        .variable("trusted_proxies", ingress.trusted_proxies())
        .variable("account_return_to", &application)
        .variable("console_second_factor", "optional")
        .start();
    let _proxies = ingress.start(&app);
    let (_, admin) = (app.sign_up(EMAIL), app.admin("root@behind-tls.example"));
    let page = Page(&browser);

    // Without TLS no browser keeps the cookies, so nobody signs in, and the page says why.
    browser.open(&format!("http://{host}:{}/account/sign-in", ingress.gateway));
    page.sees("Sign in to Concierge");
    page.sign_in("/account/sign-in", EMAIL);
    page.sees("This form was not accepted");
    assert!(browser.find("main").text().contains("the address must begin with https"));
    assert_eq!(browser.cookies(), Vec::<Value>::new());
    // The ingress sends people on to TLS.
    browser.open(&format!("http://{host}:{}/account/profile", ingress.plain));
    page.sees("Sign in to Concierge");
    assert_eq!(browser.address(), format!("{origin}/account/sign-in?next=/account/profile"));
    let _ = browser.console();

    page.sign_in("/account/sign-in", EMAIL);
    page.sees("Profile");
    assert_eq!(browser.address(), format!("{origin}/account/profile"));
    for cookie in &browser.cookies() {
        let is_host = cookie["name"].as_str().is_some_and(|name| name.starts_with("__Host-account-"));
        let are = (&cookie["secure"], &cookie["httpOnly"], &cookie["sameSite"], &cookie["path"], &cookie["domain"]);
        assert!(is_host && are == (&json!(true), &json!(true), &json!("Lax"), &json!("/"), &json!(host)), "{cookie}");
    }
    assert_eq!(browser.cookies().len(), 3);
    let (status, hsts) = page.fetched("/account/profile", "strict-transport-security");
    assert_eq!((status, hsts), (json!(200), json!("max-age=31536000")));
    // The caller's address is that which the ingress has seen, not the proxies', and not what the caller says.
    browser.open(&format!("{origin}/account/sessions"));
    let text = browser.find("main").text();
    assert!(text.contains("127.0.0.") && !text.contains("127.9.9."), "{text}");
    // Passkeys are for the host.
    browser.add_authenticator();
    browser.open(&format!("{origin}/account/passkeys"));
    browser.find("#name").type_in("Laptop");
    page.press("/account/passkeys/add");
    let _ = browser.find(".items h2");
    page.press("/account/sign-out");
    page.sees("Sign in to Concierge");
    assert_eq!(browser.cookies().len(), 2, "those of browser and device: {:?}", browser.cookies());
    // To the application that is listed, and to no other.
    for (to, lands) in
        [(application.as_str(), format!("{application}/docs/")), ("https://evil.test", format!("{origin}/account"))]
    {
        browser.open(&format!("{origin}/account/sign-in?return_to={to}/docs/"));
        page.sees("Sign in to Concierge");
        page.press("/account/sign-in/passkey");
        poll::until(SOON, &lands, || browser.address() == lands);
        browser.open(&format!("{origin}/account/"));
        page.press("/account/sign-out");
        page.sees("Sign in to Concierge");
    }

    browser.open(&format!("{origin}/console/audit"));
    page.sees("Sign in to Concierge console");
    page.sign_in("/console/sign-in", &admin.email);
    page.sees("Audit");
    assert!(browser.cookies().iter().any(|cookie| cookie["name"] == "__Host-console-session"));
    page.press("/console/sign-out");
    page.sees("Sign in to Concierge console");
    assert!(browser.cookies().iter().all(|cookie| cookie["name"] != "__Host-console-session"));
    // What is internal stays inside.
    for path in
        ["/users-ms/internal/sign-in/begin", "/account/../users-ms/internal/sweep", "/notification-ms/internal/queues"]
    {
        assert_eq!(page.fetched(path, "content-type"), (json!(404), json!("application/problem+json")), "{path}");
    }
    let console: Vec<_> = browser.console().into_iter().filter(|line| !line.contains("status of 404")).collect();
    assert_eq!(console, Vec::<String>::new());
    // Whoever was here once does not go there without TLS again.
    let again = browser.try_open(&format!("http://{host}:{}/account/sign-in", ingress.gateway));
    assert!(again.is_err() && !browser.address().starts_with("http://"), "{again:?} {}", browser.address());

    // Of the address only the proxies' word counts.
    let network_after = |client: &Client| {
        let body = json!({"username": EMAIL, "password": PASSWORD});
        let login = client.request("POST", "/auth-ms/auth/login").header("x-forwarded-for", "203.0.113.7").json(&body);
        // Unchecked: nginx adds headers of its own.
        let tokens = login.send_unchecked().expect("there is an answer").expect(200).json();
        let access = tokens["access_token"].as_str().expect("a token");
        let sessions = client
            .request("GET", "/auth-ms/auth/sessions")
            .bearer(access)
            .send_unchecked()
            .expect("there is an answer");
        let sessions = sessions.expect(200).json();
        sessions["items"].as_array().into_iter().flatten().find(|session| session["current"] == true).cloned()
    };
    for port in [ingress.gateway, app.app.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")]
    {
        let session = network_after(&Client::new(&format!("http://127.0.0.1:{port}"))).expect("it is there");
        assert_eq!(session["network"], "127.0.0.0/24", "{session}");
    }
}
