//! What each event leads to.

use super::testing::{event, render, user_id};
use super::{MessageKind, RenderError};
use events::{
    AccountLocked, EmailChangeRequested, EmailChanged, Event, Login, PasswordChanged, Payload, Queue,
    RecoveryRequested, SecondFactorChange, SecondFactorChanged, SignUp, SignUpRepeated, VerificationRequested,
};

fn login(phone: Option<&str>) -> Event {
    event(Payload::Login(Login {
        user_id: user_id(),
        email: "ada@example.org".into(),
        phone: phone.map(str::to_owned),
    }))
}

fn sign_up() -> Event {
    event(Payload::SignUp(SignUp {
        user_id: user_id(),
        email: "ada@example.org".into(),
        name: "Ada".into(),
        awaits_verification: false,
    }))
}

#[test]
fn a_login_leads_to_a_mail_and_an_sms() {
    let mail = render(Queue::LoginEmail, &login(None)).unwrap().unwrap();
    assert_eq!((mail.kind, mail.to.as_str()), (MessageKind::Email, "ada@example.org"));
    assert!(mail.text.contains("2024-05-06 07:08 UTC"));
    let sms = render(Queue::LoginSms, &login(Some("+3902"))).unwrap().unwrap();
    assert_eq!((sms.kind, sms.phone.as_deref()), (MessageKind::Sms, Some("+3902")));
    assert!(sms.text.len() <= 160);
}

#[test]
fn somebody_without_a_phone_number_gets_no_sms() {
    assert_eq!(render(Queue::LoginSms, &login(None)), Ok(None));
}

#[test]
fn a_sign_up_leads_to_a_welcome() {
    let message = render(Queue::WelcomeEmail, &sign_up()).unwrap().unwrap();
    assert!(message.text.starts_with("Hello,"));
}

#[test]
fn nothing_that_was_typed_at_the_sign_up_goes_to_an_address_that_nobody_has_confirmed() {
    let message = render(Queue::WelcomeEmail, &sign_up()).unwrap().unwrap();
    assert!(!message.text.contains("Ada") && !message.subject.contains("Ada"), "{}", message.text);
}

#[test]
fn a_locked_account_leads_to_a_mail_that_says_what_to_do() {
    let locked = AccountLocked { user_id: user_id(), email: "ada@example.org".into() };
    let mail = render(Queue::AccountLockedEmail, &event(Payload::AccountLocked(locked))).unwrap().unwrap();
    assert_eq!((mail.kind, mail.to.as_str()), (MessageKind::Email, "ada@example.org"));
    assert!(mail.text.contains("2024-05-06 07:08 UTC") && mail.text.contains("device"), "{}", mail.text);
}

#[test]
fn who_confirms_an_address_gets_link_and_code_and_no_welcome_beside() {
    let requested = VerificationRequested {
        user_id: user_id(),
        email: "ada@example.org".into(),
        link: "https://example.org/confirm?token=abc".to_owned().into(),
        code: "012345".to_owned().into(),
    };
    let mail = render(Queue::VerificationEmail, &event(Payload::VerificationRequested(requested))).unwrap().unwrap();
    assert!(
        mail.text.contains("\n\nhttps://example.org/confirm?token=abc\n\n") && mail.text.contains("\n\n012345\n\n")
    );
    assert!(!mail.subject.contains("012345"), "subjects are in the delivery log");
    let signed_up =
        SignUp { user_id: user_id(), email: "ada@example.org".into(), name: "Ada".into(), awaits_verification: true };
    assert_eq!(render(Queue::WelcomeEmail, &event(Payload::SignUp(signed_up))), Ok(None));
}

#[test]
fn the_owner_of_an_address_is_told_of_another_sign_up() {
    let repeated = SignUpRepeated { user_id: user_id(), email: "ada@example.org".into() };
    let mail = render(Queue::SignUpRepeatedEmail, &event(Payload::SignUpRepeated(repeated))).unwrap().unwrap();
    assert!(mail.text.contains("already has an account"), "{}", mail.text);
}

#[test]
fn an_event_in_the_wrong_queue_leads_to_nothing() {
    assert_eq!(render(Queue::WelcomeEmail, &login(None)), Err(RenderError::WrongEvent));
    assert_eq!(render(Queue::LoginSms, &sign_up()), Err(RenderError::WrongEvent));
}

#[test]
fn who_has_forgotten_a_password_gets_link_and_code_and_is_told_of_the_new_one() {
    let requested = RecoveryRequested {
        user_id: user_id(),
        email: "ada@example.org".into(),
        link: "https://example.org/recover?token=abc".to_owned().into(),
        code: "012345".to_owned().into(),
    };
    let mail = render(Queue::RecoveryEmail, &event(Payload::RecoveryRequested(requested))).unwrap().unwrap();
    for paragraph in ["https://example.org/recover?token=abc", "012345"] {
        assert!(mail.text.contains(&format!("\n\n{paragraph}\n\n")), "{}", mail.text);
    }
    assert!(!mail.subject.contains("012345"), "subjects are in the delivery log");
    let changed = PasswordChanged { user_id: user_id(), email: "ada@example.org".into() };
    let mail = render(Queue::PasswordChangedEmail, &event(Payload::PasswordChanged(changed))).unwrap().unwrap();
    assert!(mail.text.contains("2024-05-06 07:08 UTC") && mail.text.contains("If not"), "{}", mail.text);
}

#[test]
fn an_owner_is_told_of_a_changed_second_factor() {
    for (change, words) in [
        (SecondFactorChange::Added, "beside the password"),
        (SecondFactorChange::Removed, "the password alone"),
        (SecondFactorChange::RecoveryCodeUsed, "a recovery code"),
        (SecondFactorChange::RecoveryCodesReplaced, "were replaced"),
    ] {
        let changed = SecondFactorChanged { user_id: user_id(), email: "ada@example.org".into(), change };
        let event = event(Payload::SecondFactorChanged(changed));
        let mail = render(Queue::SecondFactorChangedEmail, &event).unwrap().unwrap();
        assert!(mail.text.contains(words) && mail.text.contains("2024-05-06 07:08 UTC"), "{}", mail.text);
    }
}

#[test]
fn a_new_address_is_asked_and_the_old_one_is_told_and_has_a_way_back() {
    let requested = EmailChangeRequested {
        user_id: user_id(),
        email: "new@example.org".into(),
        link: "https://example.org/change?token=abc".to_owned().into(),
        code: "012345".to_owned().into(),
    };
    let mail = render(Queue::EmailChangeEmail, &event(Payload::EmailChangeRequested(requested))).unwrap().unwrap();
    assert_eq!(mail.to, "new@example.org");
    assert!(mail.text.contains("\n\nhttps://example.org/change?token=abc\n\n") && mail.text.contains("012345"));
    let changed = |link: Option<&str>| {
        let link = link.map(|link| link.to_owned().into());
        let changed = EmailChanged { user_id: user_id(), email: "old@example.org".into(), link };
        render(Queue::EmailChangedEmail, &event(Payload::EmailChanged(changed))).unwrap().unwrap()
    };
    let mail = changed(Some("https://example.org/return?token=abc"));
    assert!(mail.to == "old@example.org" && mail.text.contains("\n\nhttps://example.org/return?token=abc\n\n"));
    assert!(changed(None).text.contains("administrator"));
}
