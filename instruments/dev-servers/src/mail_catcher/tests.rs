use super::*;

const SECONDS: u64 = 10;

fn send(catcher: &MailCatcher, body: &str) -> minreq::Response {
    let request =
        minreq::post(format!("{}/api/v1/send", catcher.url())).with_header("content-type", "application/json");
    request.with_body(body).with_timeout(SECONDS).send().unwrap()
}

fn get(catcher: &MailCatcher, path: &str) -> minreq::Response {
    minreq::get(format!("{}{path}", catcher.url())).with_timeout(SECONDS).send().unwrap()
}

fn mail(subject: &str, text: &str) -> String {
    json!({
        "From": {"Email": "office@example.org"},
        "To": [{"Email": "ada@example.org"}],
        "Subject": subject,
        "Text": text,
        "HTML": "<p onclick=\"x()\">Hello</p>",
    })
    .to_string()
}

#[test]
fn a_mail_is_shown_with_its_links_and_without_its_markup() {
    let catcher = MailCatcher::start(0).unwrap();
    let answer = send(&catcher, &mail("<script>", "See <b>https://example.org/a?b=1&c=2</b>\nor http://127.0.0.1/x."));
    assert_eq!((answer.status_code, answer.as_str().unwrap()), (200, r#"{"ID":"1"}"#));
    let page = get(&catcher, "/");
    let is_policy = |(name, value): &(String, String)| name == "content-security-policy" && value == POLICY;
    assert!(page.headers.iter().any(is_policy), "{:?}", page.headers);
    let page = page.as_str().unwrap();
    assert!(page.contains("<h2>&lt;script&gt;</h2>") && page.contains("&lt;b&gt;https://"), "{page}");
    assert!(page.contains("<a href=\"http://127.0.0.1/x\" target=\"_blank\""), "{page}");
    let frame = "<iframe sandbox=\"allow-popups\" srcdoc=\"&lt;base target=&quot;_blank&quot;&gt;&lt;p onclick=&quot;x()&quot;&gt;Hello&lt;/p&gt;\">";
    assert!(page.contains(frame), "{page}");
    let listed: Value = serde_json::from_str(get(&catcher, "/api/v1/messages").as_str().unwrap()).unwrap();
    assert_eq!(listed["messages"][0]["To"][0]["Address"], "ada@example.org");
}

#[test]
fn only_the_last_mails_are_kept() {
    let catcher = MailCatcher::start(0).unwrap();
    for number in 0..=MAX_MAILS {
        assert_eq!(send(&catcher, &mail(&number.to_string(), "")).status_code, 200);
    }
    let listed: Value = serde_json::from_str(get(&catcher, "/api/v1/messages").as_str().unwrap()).unwrap();
    assert_eq!(listed["total"], MAX_MAILS);
    assert_eq!(listed["messages"][0]["Subject"], MAX_MAILS.to_string());
    assert_eq!(listed["messages"][MAX_MAILS - 1]["Subject"], "1");
}

#[test]
fn what_is_no_mail_or_too_large_or_from_a_foreign_page_is_refused() {
    let catcher = MailCatcher::start(0).unwrap();
    assert_eq!(send(&catcher, "{}").status_code, 400);
    assert_eq!(send(&catcher, "no JSON").status_code, 400);
    assert_eq!(send(&catcher, &mail("", &" ".repeat(300_000))).status_code, 413);
    let form = minreq::post(format!("{}/api/v1/send", catcher.url())).with_header("content-type", "text/plain");
    assert_eq!(form.with_body(mail("", "")).with_timeout(SECONDS).send().unwrap().status_code, 415);
    let foreign = minreq::get(catcher.url()).with_header("host", "mail.example.org").with_timeout(SECONDS);
    assert_eq!(foreign.send().unwrap().status_code, 421);
    assert_eq!(get(&catcher, "/other").status_code, 404);
}

#[test]
fn a_port_that_is_taken_is_replaced() {
    let first = MailCatcher::start(0).unwrap();
    let second = MailCatcher::start(first.address.port()).unwrap();
    assert_ne!(first.url(), second.url());
    assert_eq!(get(&second, "/").status_code, 200);
}
