//! The account of whoever is signed in: profile, address, password, data.

use super::View;
use super::layout::whose;
use super::phone::confirmation;
use crate::ROOT;
use crate::texts::{fill, languages};
use browser::Faults;
use browser::field::{Field, danger, form, hidden, passkey_form, summary};
use maud::html;

/// Who somebody is.
#[derive(Debug, Default)]
pub struct Profile<'a> {
    /// The first name.
    pub name: &'a str,
    /// The surname.
    pub surname: &'a str,
    /// The address.
    pub email: &'a str,
    /// Whether it is confirmed.
    pub is_verified: bool,
    /// The phone number, or nothing.
    pub phone: &'a str,
    /// Whether there is one that is not confirmed.
    pub has_new_phone: bool,
    /// The time zone, or nothing.
    pub zoneinfo: &'a str,
    /// The language that was chosen, or nothing.
    pub locale: &'a str,
    /// Whether the current password is asked for, since the phone number is to change.
    pub asks_password: bool,
}

/// The first page.
#[must_use]
pub fn overview(view: &View<'_>, profile: &Profile<'_>) -> String {
    let t = view.t;
    let cards = [
        ("/profile", t.profile, t.profile_about),
        ("/email", t.email_address, t.email_about),
        ("/password", t.password, t.password_about),
        ("/second-factor", t.second_factor, t.second_factor_about),
        ("/passkeys", t.passkeys, t.passkeys_about),
        ("/sessions", t.sessions, t.sessions_about),
        ("/applications", t.applications, t.applications_about),
        ("/activity", t.activity, t.activity_about),
        ("/data", t.data, t.data_about),
    ];
    view.page(
        "",
        &fill(t.hello, &[("name", profile.name)]),
        &html! {
            p { (profile.email) " " @if profile.is_verified { span.badge { (t.verified) } } @else {
                a href={ (ROOT) "/verify" } { (t.not_verified) }
            } }
            ul.cards { @for (path, name, about) in cards.into_iter().filter(|(path, ..)| view.has(path)) {
                li { a href={ (ROOT) (path) } { (name) } p { (about) } }
            } }
        },
    )
}

/// Names, phone number and language.
#[must_use]
pub fn profile(view: &View<'_>, profile: &Profile<'_>, faults: &Faults) -> String {
    let t = view.t;
    let name =
        Field { name: "name", label: t.name, autocomplete: "given-name", value: profile.name, ..Field::default() };
    let surname = Field {
        name: "surname",
        label: t.surname,
        autocomplete: "family-name",
        value: profile.surname,
        ..Field::default()
    };
    let phone = Field {
        name: "phone",
        label: t.phone,
        kind: "tel",
        autocomplete: "tel",
        value: profile.phone,
        hint: Some(t.phone_hint),
        is_optional: true,
    };
    let zoneinfo = Field {
        name: "zoneinfo",
        label: t.zoneinfo,
        autocomplete: "off",
        value: profile.zoneinfo,
        hint: Some(t.zoneinfo_hint),
        is_optional: true,
        ..Field::default()
    };
    let password = Field {
        hint: Some(t.phone_password),
        ..Field::password("current_password", t.current_password, "current-password")
    };
    let is_known = languages().any(|(tag, _)| tag == profile.locale);
    let fields = html! {
        (name.show(view, faults))
        (surname.show(view, faults))
        (phone.show(view, faults))
        div.field {
            label for="locale" { (t.language_of_messages) }
            select id="locale" name="locale" {
                @if !is_known { option value=(profile.locale) selected {
                    (if profile.locale.is_empty() { t.language_default } else { profile.locale })
                } }
                @for (tag, name) in languages() { option value=(tag) lang=(tag) selected[tag == profile.locale] { (name) } }
            }
        }
        (zoneinfo.show(view, faults))
        @if profile.asks_password { (whose(profile.email)) (password.show(view, faults)) }
    };
    view.page(
        "/profile",
        t.profile,
        &html! {
            (summary(view, faults))
            (form(view, "/profile", &fields, t.save))
            @if profile.has_new_phone { (confirmation(view, profile.phone, faults)) }
        },
    )
}

/// Another address.
#[must_use]
pub fn email(view: &View<'_>, profile: &Profile<'_>, typed: &str, faults: &Faults) -> String {
    let t = view.t;
    let address = Field {
        name: "email",
        label: t.new_email,
        kind: "email",
        autocomplete: "email",
        value: typed,
        ..Field::default()
    };
    let password = Field::password("current_password", t.current_password, "current-password");
    view.page("/email", t.email_address, &html! {
        (summary(view, faults))
        p { (fill(t.email_now, &[("email", profile.email)])) " " @if profile.is_verified { span.badge { (t.verified) } } }
        @if !profile.is_verified { (form(view, "/verify/mail", &hidden("again", profile.email), t.send_confirmation)) }
        h2 { (t.email_change) }
        p { (t.email_change_about) }
        (form(view, "/email", &html! { (whose(profile.email)) (address.show(view, faults)) (password.show(view, faults)) }, t.email_change))
    })
}

/// Another password.
#[must_use]
pub fn password(view: &View<'_>, email: &str, faults: &Faults) -> String {
    let t = view.t;
    let current = Field::password("current_password", t.current_password, "current-password");
    let fields = html! {
        (whose(email))
        (current.show(view, faults))
        (view.new_password(t.new_password, faults))
    };
    view.page(
        "/password",
        t.password,
        &html! {
            (summary(view, faults))
            p { (t.password_change_about) }
            (form(view, "/password", &fields, t.password_change))
        },
    )
}

/// What somebody is asked to confirm.
#[derive(Clone, Copy, Debug)]
pub struct Confirm<'a> {
    /// Whose password it takes.
    pub email: &'a str,
    /// Where to go afterwards.
    pub next: &'a str,
    /// What goes on afterwards, sealed.
    pub action: Option<&'a str>,
}

/// The page that asks for the password before something that needs a recent sign-in.
#[must_use]
pub fn confirm(view: &View<'_>, shown: &Confirm<'_>, faults: &Faults) -> String {
    let t = view.t;
    let password = Field::password("current_password", t.current_password, "current-password");
    let after = html! {
        (hidden("next", shown.next))
        @if let Some(action) = shown.action { (hidden("action", action)) }
    };
    view.page(
        "/confirm",
        t.confirm_title,
        &html! {
            (summary(view, faults))
            p { (t.confirm_about) }
            (form(view, "/confirm", &html! { (whose(shown.email)) (after) (password.show(view, faults)) }, t.go_on))
            (passkey_form(view, false, "/sign-in/passkey", &after, t.confirm_passkey))
        },
    )
}

/// All data, and the end of the account.
#[must_use]
pub fn data(view: &View<'_>, faults: &Faults) -> String {
    let t = view.t;
    let fault = faults.of("sure");
    let sure = html! {
        div.field {
            @if let Some(fault) = fault { p.fault id="sure-fault" { (fault) } }
            div.check {
                input type="checkbox" id="sure" name="sure" value="yes" required aria-describedby=[fault.map(|_| "sure-fault")];
                label for="sure" { (t.remove_sure) }
            }
        }
    };
    view.page(
        "/data",
        t.data,
        &html! {
            (summary(view, faults))
            h2 { (t.export_title) }
            p { (t.export_about) }
            (form(view, "/data/export", &html! {}, t.export))
            h2 { (t.remove_title) }
            p { (t.remove_about) }
            (danger(view, "/data/remove", &sure, t.remove))
        },
    )
}
