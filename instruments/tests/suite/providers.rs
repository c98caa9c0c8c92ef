//! The APIs of mail and SMS providers: each gets messages in its own shape, once, and its answers are understood.

use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS};
use blackbox::mail_api::{MailApi, Posted};
use blackbox::people::PASSWORD;
use blackbox::poll;
use blackbox::schedules::Schedules;
use blackbox::turn;
use std::time::Duration;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);
const FROM: &str = "office@mg.provider.example";
/// What providers ask for when it is too much for them, in seconds.
const PAUSE: u64 = 2;

/// A provider, as it is set and as it answers.
struct Provider {
    api: &'static str,
    key: &'static str,
    /// The request line that it expects.
    request: &'static str,
    /// The header that has the key, and how it begins.
    key_header: Option<(&'static str, &'static str)>,
    accepted: &'static str,
    /// What it answers to a message that it will never send.
    refused: (u64, &'static str),
    /// What the dead letter has for its reason.
    reason: &'static str,
}

fn mail(setup: Setup, api: &MailApi, provider: &Provider) -> Setup {
    api.accept_with(provider.accepted);
    setup
        .variable("notification_sender", "http")
        .variable("notification_retry_ms", 50)
        .variable("notification_claim_ms", 12_000)
        .variable("mail_api", provider.api)
        .variable("mail_api_url", api.url())
        .variable("mail_api_token", provider.key)
        .variable("mail_from", FROM)
}

fn sms(setup: Setup, api: &MailApi, provider: &Provider) -> Setup {
    api.accept_with(provider.accepted);
    setup
        .variable("sms_api", provider.api)
        .variable("sms_api_url", api.url())
        .variable("sms_api_token", provider.key)
        .variable("sms_from", "+15550100")
}

fn assert_shape(provider: &Provider, posted: &Posted, recipient: &str) {
    assert_eq!(posted.request, provider.request);
    if let Some((name, start)) = provider.key_header {
        let value = posted.header(name).expect("the key is in its header");
        assert!(value.starts_with(start), "{name}: {value}");
    }
    assert!(posted.text.contains(recipient), "{}: {}", provider.api, posted.text);
    let length = posted.header("content-length").expect("the body's length is said");
    assert_eq!(length.parse(), Ok(posted.text.len()));
}

/// The first message is too much for the provider: it is sent after the pause, once.
fn assert_waits(api: &MailApi, provider: &Provider, trigger: impl FnOnce()) {
    let before = api.taken().len();
    api.answer_with_retry_after(429, PAUSE);
    trigger();
    poll::until(SOON, "it is refused", || api.refused() == 1);
    api.fail(false);
    poll::until(SOON, "it is taken", || api.taken().len() == before + 1);
    let waited = api.refused_at()[0].elapsed();
    assert!(waited >= Duration::from_millis(PAUSE * 1000 - 100), "{}: {waited:?}", provider.api);
}

fn assert_dead_letter(app: &TestApp, api: &MailApi, provider: &Provider, queue: &str, trigger: impl FnOnce()) {
    let (status, body) = provider.refused;
    let before = api.refused();
    api.refuse_with(status, body);
    trigger();
    let mut broker = app.backend.broker();
    let dead = poll::eventually(SOON, "a dead letter", || broker.dead_letters(queue).into_iter().next());
    assert_eq!((dead.deliveries, dead.reason.as_str()), (1, provider.reason), "{}", provider.api);
    assert_eq!(api.refused(), before + 1);
    api.refuse_with(0, "");
}

fn try_mail(provider: &Provider) {
    let _turn = turn::together();
    let api = MailApi::start();
    let app = mail(TestApp::on(&Backend::new()), &api, provider).variable("sms_api", "off").start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let to = format!("to.{}@provider.example", provider.api);
    assert_waits(&api, provider, || _ = app.sign_up_with_phone(&to));
    let _ = app.login(&to, PASSWORD).expect(200);
    poll::until(SOON, "the mail about the sign-in", || api.taken().len() == 2);
    let name = to.split('@').next().unwrap_or_default();
    for posted in api.taken() {
        assert_shape(provider, &posted, name);
    }
    assert_dead_letter(&app, &api, provider, LOGIN_EMAIL, || _ = app.login(&to, PASSWORD).expect(200));
    assert_eq!(api.taken().len(), 2, "each once, and no SMS");
    assert_eq!(app.deliveries_to(&to).len(), 2);
    assert!(!app.log().contains(provider.key) && !app.log().contains(&to), "a key or an address is logged");
}

fn try_sms(provider: &Provider) {
    let _turn = turn::together();
    let (mail_api, api) = (MailApi::start(), MailApi::start());
    let mailpit = Provider { api: "mailpit", key: "", accepted: r#"{"ID":"1"}"#, ..*provider };
    let setup = mail(TestApp::on(&Backend::new()), &mail_api, &mailpit);
    let app = sms(setup, &api, provider).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let to = format!("to.{}@provider.example", provider.api);
    let _ = app.sign_up_with_phone(&to);
    assert_waits(&api, provider, || _ = app.login(&to, PASSWORD).expect(200));
    assert_shape(provider, &api.taken()[0], "39021234567");
    assert_dead_letter(&app, &api, provider, LOGIN_SMS, || _ = app.login(&to, PASSWORD).expect(200));
    assert_eq!(api.taken().len(), 1, "once");
    poll::until(SOON, "mail goes by its own API", || mail_api.taken().len() == 3);
    assert!(!app.log().contains(provider.key) && !app.log().contains("39021234567"), "a key or a number is logged");
}

#[test]
fn postmark_gets_its_messages() {
    try_mail(&Provider {
        api: "postmark",
        key: "postmark-token",
        request: "POST /email",
        key_header: Some(("x-postmark-server-token", "postmark-token")),
        accepted: r#"{"ErrorCode":0,"Message":"OK","MessageID":"b7bc2f4a"}"#,
        refused: (422, r#"{"ErrorCode":406,"Message":"inactive"}"#),
        reason: "the API answered with status 422, error 406",
    });
}

#[test]
fn resend_gets_its_messages() {
    try_mail(&Provider {
        api: "resend",
        key: "re_token",
        request: "POST /emails",
        key_header: Some(("authorization", "Bearer re_token")),
        accepted: r#"{"id":"49a3999c"}"#,
        refused: (422, r#"{"statusCode":422,"name":"invalid_parameter","message":"no"}"#),
        reason: "the API answered with status 422, error invalid_parameter",
    });
}

#[test]
fn sendgrid_gets_its_messages() {
    try_mail(&Provider {
        api: "sendgrid",
        key: "SG.token",
        request: "POST /v3/mail/send",
        key_header: Some(("authorization", "Bearer SG.token")),
        accepted: "",
        refused: (400, r#"{"errors":[{"message":"no","field":"to"}]}"#),
        reason: "the API answered with status 400",
    });
}

#[test]
fn mailgun_gets_its_messages() {
    try_mail(&Provider {
        api: "mailgun",
        key: "mailgun-token",
        request: "POST /v3/mg.provider.example/messages",
        key_header: Some(("authorization", "Basic ")),
        accepted: r#"{"id":"<1@mg.provider.example>","message":"Queued. Thank you."}"#,
        refused: (400, r#"{"message":"no"}"#),
        reason: "the API answered with status 400",
    });
}

#[test]
fn amazon_ses_gets_its_messages() {
    try_mail(&Provider {
        api: "ses",
        key: "AKID:ses-secret:eu-west-1",
        request: "POST /v2/email/outbound-emails",
        key_header: Some(("authorization", "AWS4-HMAC-SHA256 Credential=AKID/")),
        accepted: r#"{"MessageId":"1"}"#,
        refused: (400, r#"{"__type":"MessageRejected","message":"no"}"#),
        reason: "the API answered with status 400, error MessageRejected",
    });
}

#[test]
fn twilio_gets_its_messages() {
    try_sms(&Provider {
        api: "twilio",
        key: "AC1:twilio-token",
        request: "POST /2010-04-01/Accounts/AC1/Messages.json",
        key_header: Some(("authorization", "Basic ")),
        accepted: r#"{"sid":"SM1","status":"queued"}"#,
        refused: (400, r#"{"code":21610,"message":"no","status":400}"#),
        reason: "the API answered with status 400, error 21610",
    });
}

#[test]
fn vonage_gets_its_messages() {
    try_sms(&Provider {
        api: "vonage",
        key: "vonage-key:vonage-secret",
        request: "POST /sms/json",
        key_header: None,
        accepted: r#"{"message-count":"1","messages":[{"to":"39","status":"0"}]}"#,
        // The error is inside an answer whose status is 200.
        refused: (200, r#"{"message-count":"1","messages":[{"status":"7","error-text":"barred"}]}"#),
        reason: "the API answered with status 200, error 7",
    });
}

#[test]
fn amazon_sns_gets_its_messages() {
    try_sms(&Provider {
        api: "sns",
        key: "AKID:sns-secret:eu-west-1",
        request: "POST /",
        key_header: Some(("authorization", "AWS4-HMAC-SHA256 Credential=AKID/")),
        accepted: "<PublishResponse/>",
        refused: (400, "<ErrorResponse><Error><Code>OptedOut</Code></Error></ErrorResponse>"),
        reason: "the API answered with status 400, error OptedOut",
    });
}
