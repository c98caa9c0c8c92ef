//! What each event leads to.

use super::testing::{event, render, settings, user_id, with_settings};
use super::{MessageKind, MessageSettings, RenderError};
use events::{
    AccountLocked, EmailChangeRequested, EmailChanged, Event, Login, LoginNotice, PasswordChanged, Payload,
    PhoneVerificationRequested, Queue, RecoveryRequested, RemovalNoticeRequested, SecondFactorChange,
    SecondFactorChanged, SignInRequested, SignUp, SignUpRepeated, UserInvited, VerificationRequested,
};
use identity::{Locale, ZoneInfo};

fn login(phone: Option<&str>) -> Event {
    event(Payload::Login(Login::of(user_id(), "ada@example.org".into(), phone.map(str::to_owned))))
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
    assert!(mail.text.contains("6 May 2024, 07:08 (UTC)"));
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
    assert!(mail.text.contains("6 May 2024, 07:08 (UTC)") && mail.text.contains("device"), "{}", mail.text);
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
fn who_confirms_a_number_gets_a_code_by_sms_in_every_language() {
    for locale in ["en", "de", "es", "fr", "it"] {
        let requested = PhoneVerificationRequested {
            user_id: user_id(),
            email: "ada@example.org".into(),
            phone: "+39021234567".into(),
            code: "012345".to_owned().into(),
        };
        let event = event(Payload::PhoneVerificationRequested(requested));
        let event = Event { locale: Locale::parse(locale).ok(), ..event };
        let sms = render(Queue::PhoneVerificationSms, &event).unwrap().unwrap();
        assert_eq!((sms.kind, sms.phone.as_deref()), (MessageKind::Sms, Some("+39021234567")));
        assert!(sms.text.starts_with("012345 ") && sms.text.contains("Concierge"), "{}", sms.text);
        assert!(!sms.subject.contains("012345"), "subjects are in the delivery log");
    }
}

#[test]
fn a_time_is_that_of_the_persons_zone_as_the_language_writes_it() {
    for (locale, zone, time) in [
        ("en", "Europe/London", "Time: 6 May 2024, 08:08 (Europe/London)"),
        ("de", "Europe/Berlin", "Zeit: 6. Mai 2024, 09:08 Uhr (Europe/Berlin)"),
        ("es", "America/Bogota", "Hora: 6 de mayo de 2024, 02:08 (America/Bogota)"),
        ("fr", "Europe/Paris", "Heure : 6 mai 2024 à 09:08 (Europe/Paris)"),
        ("it", "Europe/Rome", "Ora: 6 maggio 2024, 09:08 (Europe/Rome)"),
        ("it", "none", "Ora: 6 maggio 2024, 07:08 (UTC)"),
    ] {
        let (locale, zoneinfo) = (Locale::parse(locale).ok(), ZoneInfo::parse(zone).ok());
        let event = Event { locale, zoneinfo, ..login(Some("+39021234567")) };
        let mail = render(Queue::LoginEmail, &event).unwrap().unwrap();
        assert!(mail.text.contains(time), "{}", mail.text);
        let sms = render(Queue::LoginSms, &event).unwrap().unwrap();
        assert!(sms.text.contains(time.split_once(": ").unwrap().1), "{}", sms.text);
    }
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
    let changed = PasswordChanged { user_id: user_id(), email: "ada@example.org".into(), link: None };
    let mail = render(Queue::PasswordChangedEmail, &event(Payload::PasswordChanged(changed))).unwrap().unwrap();
    assert!(mail.text.contains("6 May 2024, 07:08 (UTC)") && mail.text.contains("If not"), "{}", mail.text);
}

#[test]
fn who_signs_in_by_mail_gets_link_and_code_for_ten_minutes() {
    let requested = SignInRequested {
        user_id: user_id(),
        email: "ada@example.org".into(),
        link: "https://example.org/sign-in?token=abc".to_owned().into(),
        code: "012345".to_owned().into(),
    };
    let mail = render(Queue::SignInLinkEmail, &event(Payload::SignInRequested(requested))).unwrap().unwrap();
    assert!(
        mail.text.contains("\n\nhttps://example.org/sign-in?token=abc\n\n") && mail.text.contains("\n\n012345\n\n")
    );
    assert!(mail.text.contains("10 minutes") && !mail.subject.contains("012345"), "{}", mail.text);
    let html = mail.html.expect("a mail has HTML");
    assert!(html.contains("https://example.org/sign-in?token=abc") && html.contains("012345"), "{html}");
}

#[test]
fn an_invitation_has_a_link_and_a_code_and_nothing_that_its_sender_has_written() {
    let invited = UserInvited {
        user_id: user_id(),
        email: "bob@example.org".into(),
        link: "https://example.org/accept?token=abc".to_owned().into(),
        code: "012345".to_owned().into(),
    };
    let mail = render(Queue::InvitationEmail, &event(Payload::UserInvited(invited))).unwrap().unwrap();
    assert_eq!(mail.to, "bob@example.org");
    assert!(mail.text.contains("\n\nhttps://example.org/accept?token=abc\n\n") && mail.text.contains("\n\n012345\n\n"));
    assert!(mail.text.contains("7 days"), "{}", mail.text);
}

#[test]
fn an_owner_is_told_of_a_changed_second_factor() {
    for (change, words) in [
        (SecondFactorChange::Added, "beside the password"),
        (SecondFactorChange::Removed, "the password alone"),
        (SecondFactorChange::RecoveryCodeUsed, "a recovery code"),
        (SecondFactorChange::RecoveryCodesReplaced, "were replaced"),
        (SecondFactorChange::PasskeyAdded, "with a new passkey"),
        (SecondFactorChange::PasskeyRemoved, "not accepted any more"),
    ] {
        let link = Some("https://example.org/not-me?token=abc".to_owned().into());
        let changed = SecondFactorChanged { user_id: user_id(), email: "ada@example.org".into(), change, link };
        let event = event(Payload::SecondFactorChanged(changed));
        let mail = render(Queue::SecondFactorChangedEmail, &event).unwrap().unwrap();
        assert!(mail.text.contains(words) && mail.text.contains("6 May 2024, 07:08 (UTC)"), "{}", mail.text);
    }
}

#[test]
fn mails_about_access_have_a_link_for_whoever_it_was_not() {
    let link = || Some("https://example.org/not-me?token=abc".to_owned().into());
    let paragraph = "\n\nhttps://example.org/not-me?token=abc\n\n";
    let login = Login { link: link(), ..Login::of(user_id(), "ada@example.org".into(), None) };
    let changed = PasswordChanged { user_id: user_id(), email: "ada@example.org".into(), link: link() };
    let added = SecondFactorChanged {
        user_id: user_id(),
        email: "ada@example.org".into(),
        change: SecondFactorChange::PasskeyAdded,
        link: link(),
    };
    for (queue, payload) in [
        (Queue::LoginEmail, Payload::Login(login)),
        (Queue::PasswordChangedEmail, Payload::PasswordChanged(changed)),
        (Queue::SecondFactorChangedEmail, Payload::SecondFactorChanged(added)),
    ] {
        let mail = render(queue, &event(payload)).unwrap().unwrap();
        assert!(mail.text.contains(paragraph) && mail.text.contains("72 hours"), "{}", mail.text);
        assert!(mail.html.unwrap().contains("It was not me"));
    }
    // An event of an earlier version has none.
    let mail = render(Queue::LoginEmail, &self::login(None)).unwrap().unwrap();
    assert!(!mail.text.contains("link") && mail.text.ends_with("change your password now.\n"), "{:?}", mail.text);
}

#[test]
fn whoever_was_removed_gets_a_last_mail() {
    let requested = RemovalNoticeRequested { user_id: user_id(), email: "ada@example.org".into() };
    let mail = render(Queue::RemovalNoticeEmail, &event(Payload::RemovalNoticeRequested(requested))).unwrap().unwrap();
    assert_eq!((mail.to.as_str(), mail.subject.as_str()), ("ada@example.org", "Your account was removed"));
    assert!(mail.text.contains("6 May 2024, 07:08 (UTC)") && mail.text.contains("the last message"), "{}", mail.text);
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

#[test]
fn which_sign_ins_somebody_is_told_of_is_a_setting() {
    let told = |notice: LoginNotice, known_device: Option<bool>| {
        let login = Login { known_device, ..Login::of(user_id(), "ada@example.org".into(), Some("+3902".into())) };
        let settings = MessageSettings { login_notice: notice, ..settings() };
        let renderer = with_settings(settings);
        [Queue::LoginEmail, Queue::LoginSms]
            .map(|queue| renderer.render(queue, &event(Payload::Login(login.clone()))).unwrap().is_some())
    };
    for (notice, known, unknown, of_an_earlier_version) in [
        (LoginNotice::NewDevice, [false, false], [true, true], [true, true]),
        (LoginNotice::Always, [true, true], [true, true], [true, true]),
        (LoginNotice::Off, [false, false], [false, false], [false, false]),
    ] {
        assert_eq!(told(notice, Some(true)), known, "{notice:?}");
        assert_eq!(told(notice, Some(false)), unknown, "{notice:?}");
        assert_eq!(told(notice, None), of_an_earlier_version, "{notice:?}");
    }
}

#[test]
fn a_sign_in_says_device_and_network_as_far_as_they_are_known() {
    let login = Login {
        device: Some("Firefox, Linux".into()),
        network: Some("203.0.113.0/24".into()),
        ..Login::of(user_id(), "ada@example.org".into(), None)
    };
    let mail = render(Queue::LoginEmail, &event(Payload::Login(login))).unwrap().unwrap();
    let lines = "Time: 6 May 2024, 07:08 (UTC)\nDevice: Firefox, Linux\nNetwork: 203.0.113.0/24\n\n";
    assert!(mail.text.contains(lines), "{}", mail.text);
    assert!(mail.html.unwrap().contains("Device: Firefox, Linux<br>Network"));
    let mail = render(Queue::LoginEmail, &self::login(None)).unwrap().unwrap();
    assert!(mail.text.contains("Time: 6 May 2024, 07:08 (UTC)\n\n"), "{}", mail.text);
}

#[test]
fn a_message_is_in_the_language_of_its_recipient_or_a_more_general_or_the_default_one() {
    for (locale, tag, subject) in [
        ("it", "it", "Nuovo accesso al tuo account"),
        ("de-AT", "de", "Neue Anmeldung bei Ihrem Konto"),
        ("es-419", "es", "Nuevo inicio de sesión en tu cuenta"),
        ("fr-CA", "fr", "Nouvelle connexion à votre compte"),
        ("ja", "en", "New sign-in to your account"),
    ] {
        let event = Event { locale: Locale::parse(locale).ok(), ..login(None) };
        let mail = render(Queue::LoginEmail, &event).unwrap().unwrap();
        assert_eq!(mail.subject, subject);
        assert!(mail.html.unwrap().contains(&format!("<html lang=\"{tag}\">")));
    }
    let settings = MessageSettings { default_locale: Locale::parse("it-CH").unwrap(), ..settings() };
    let mail = with_settings(settings).render(Queue::LoginEmail, &login(None)).unwrap().unwrap();
    assert_eq!(mail.subject, "Nuovo accesso al tuo account");
}
