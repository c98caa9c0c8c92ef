//! The variables of this component, read by requests and checked by readiness.

use events::LoginNotice;
use identity::{MAX_FOREIGN_MEMORY, MinLength};
use passkeys::RelyingParty;
use problem::Problem;
use service_kit::broker::{Broker, BrokerKind};
use service_kit::settings::{self, Setting};
use service_kit::{Credential, Service, TokenVerifier, config};
use users_domain::{
    MAX_HASH_PERMITS, MAX_SMS_PER_DAY, MfaRequiredFor, NoticeTerms, PHONE_CODES_PER_DAY, Purpose, SmsLimits,
    TokenMetadata, TotpKeys,
};

/// The longest time for which the audit log is kept, in days: ten years.
const MAX_AUDIT_RETENTION: u32 = 3_653;

/// The most replicas of Redis that an event waits for.
const MAX_REDIS_REPLICAS: u32 = 5;

/// All of them.
pub(crate) const ALL: &[Setting] = &[
    || database().map(drop),
    || read_database().map(drop),
    Broker::check_config,
    || Credential::of(Service::Auth).map(drop),
    || Credential::of(Service::Scheduler).map(drop),
    || Credential::find(Service::Scraper).map(drop),
    settings::peppers,
    settings::cost,
    || min_length().map(drop),
    || refuses_breached_passwords().map(drop),
    || breached_passwords_url().map(drop),
    || hash_permits().map(drop),
    || hash_permits_per_client().map(drop),
    || hash_permits_for_sign_ins().map(drop),
    || sign_ups_per_hour().map(drop),
    || email_verification().map(drop),
    || sign_up().map(drop),
    || sign_in_by_mail().map(drop),
    || sign_in_page().map(drop),
    || public_host().map(drop),
    || sms_per_day().map(drop),
    || login_notice().map(drop),
    || has_account_pages().map(drop),
    || audit_retention().map(drop),
    || redis_replicas().map(drop),
    || import_hash_memory().map(drop),
    || token_metadata().map(drop),
    || totp_keys().map(drop),
    || mfa_required_for().map(drop),
    || relying_party().map(drop),
    || oauth_provider().map(drop),
    || config::switch("login_throttling").map(drop),
    settings::trusted_proxies,
    settings::allowed_origins,
    access_tokens,
    || config::switch("load_test").map(drop),
];

/// The address of the database, `db_url`.
pub(crate) fn database() -> Result<String, Problem> {
    config::address("db_url", &["postgres", "postgresql"])
}

/// A replica that lists are read from, `db_read_url`, if there is one.
pub(crate) fn read_database() -> Result<Option<String>, Problem> {
    let address = config::address("db_read_url", &["postgres", "postgresql"])?;
    Ok(Some(address).filter(|address| !address.contains("@none.invalid/")))
}

/// The fewest characters of a new password, `password_min_length`.
pub(crate) fn min_length() -> Result<MinLength, Problem> {
    config::parsed("password_min_length")
}

/// Whether new passwords are looked up among breached ones, `breached_passwords`.
pub(crate) fn refuses_breached_passwords() -> Result<bool, Problem> {
    match config::text("breached_passwords")?.trim() {
        "refuse" => Ok(true),
        "off" => Ok(false),
        _ => Err(config::fault("breached_passwords", "must be refuse or off")),
    }
}

/// Where breached passwords are looked up, `breached_passwords_url`, without a slash at its end.
pub(crate) fn breached_passwords_url() -> Result<String, Problem> {
    Ok(config::address("breached_passwords_url", &["https", "http"])?.trim().trim_end_matches('/').to_owned())
}

/// How many hashing permits there are, `hash_permits`.
pub(crate) fn hash_permits() -> Result<u32, Problem> {
    let permits = config::parsed("hash_permits")?;
    if !(1..=MAX_HASH_PERMITS).contains(&permits) {
        return Err(config::fault("hash_permits", &format!("must be from 1 to {MAX_HASH_PERMITS}")));
    }
    Ok(permits)
}

/// How many of them one client has at most, `hash_permits_per_client`.
pub(crate) fn hash_permits_per_client() -> Result<u32, Problem> {
    let per_client = config::parsed("hash_permits_per_client")?;
    if per_client == 0 {
        return Err(config::fault("hash_permits_per_client", "must be 1 at least"));
    }
    Ok(per_client)
}

/// How many of them are reserved for sign-ins, `hash_permits_for_sign_ins`.
pub(crate) fn hash_permits_for_sign_ins() -> Result<u32, Problem> {
    config::parsed("hash_permits_for_sign_ins")
}

/// How many people may sign up from one client in an hour, `sign_ups_per_hour`.
pub(crate) fn sign_ups_per_hour() -> Result<u32, Problem> {
    config::parsed("sign_ups_per_hour")
}

/// Whether addresses are to be confirmed, `email_verification`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EmailVerification {
    /// Before anybody signs in.
    Required,
    /// People can sign in meanwhile, and the access token says whether the address is confirmed.
    Encouraged,
    /// Nobody is asked to.
    Off,
}

/// Reads `email_verification`.
pub(crate) fn email_verification() -> Result<EmailVerification, Problem> {
    match config::text("email_verification")?.trim() {
        "required" => Ok(EmailVerification::Required),
        "encouraged" => Ok(EmailVerification::Encouraged),
        "off" => Ok(EmailVerification::Off),
        _ => Err(config::fault("email_verification", "must be required, encouraged or off")),
    }
}

/// Whether the links of mails lead to the pages of account, instead of the plain ones of this component, by `mail_links`.
fn has_account_pages() -> Result<bool, Problem> {
    match config::text("mail_links")?.trim() {
        "users" => Ok(false),
        "account" => Ok(true),
        _ => Err(config::fault("mail_links", "must be users or account")),
    }
}

/// The link of a mail that shows this token.
pub(crate) fn mail_link(purpose: Purpose, token: &str) -> Result<String, Problem> {
    link([purpose.page(), purpose.account_page()], token)
}

/// A link with this token, to the plain page or to that of account.
pub(crate) fn link([plain, of_account]: [&str; 2], token: &str) -> Result<String, Problem> {
    let page = if has_account_pages()? { of_account } else { plain };
    Ok(format!("{}{page}?token={token}", public_url()?))
}

/// Who may sign up, `sign_up`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignUpMode {
    /// Anybody.
    Open,
    /// Whoever is invited.
    Invite,
    /// Nobody; administrators create users.
    Closed,
}

/// Reads `sign_up`.
pub(crate) fn sign_up() -> Result<SignUpMode, Problem> {
    match config::text("sign_up")?.trim() {
        "open" => Ok(SignUpMode::Open),
        "invite" => Ok(SignUpMode::Invite),
        "closed" => Ok(SignUpMode::Closed),
        _ => Err(config::fault("sign_up", "must be open, invite or closed")),
    }
}

/// Whether people can sign in by a link or a code that goes to their address, `sign_in_by_mail`.
pub(crate) fn sign_in_by_mail() -> Result<bool, Problem> {
    config::switch("sign_in_by_mail")
}

/// The page that the link of such a mail leads to, `sign_in_page`; account's if it is empty and mails lead there, else none.
pub(crate) fn sign_in_page() -> Result<Option<String>, Problem> {
    if config::text("sign_in_page")?.trim().is_empty() {
        let page = format!("{}/account/sign-in/mail", public_url()?);
        return Ok(has_account_pages()?.then_some(page));
    }
    Ok(Some(config::address("sign_in_page", &["https", "http"])?.trim().to_owned()))
}

/// Where people reach this app, `public_url`, without a slash at its end.
pub(crate) fn public_url() -> Result<String, Problem> {
    Ok(config::address("public_url", &["https", "http"])?.trim().trim_end_matches('/').to_owned())
}

/// Whom passkeys are for, by `public_url`, `passkey_rp_id` and `allowed_origins`; nobody if none of them has a domain.
pub(crate) fn relying_party() -> Result<Option<RelyingParty>, Problem> {
    let (url, id) = (public_url()?, config::text("passkey_rp_id")?);
    let party = users_domain::relying_party(&url, id.trim(), &config::text("allowed_origins")?);
    if party.is_none() && !id.trim().is_empty() {
        return Err(config::fault("passkey_rp_id", "must be the domain of public_url, or one that this belongs to"));
    }
    Ok(party)
}

/// Whether there is an OpenID Connect provider, `oauth_provider`.
pub(crate) fn oauth_provider() -> Result<bool, Problem> {
    config::switch("oauth_provider")
}

/// How many replicas of Redis have to have an event before it leaves the outbox, `redis_replicas`. None on RabbitMQ.
pub(crate) fn redis_replicas() -> Result<u32, Problem> {
    if BrokerKind::from_config()? == BrokerKind::RabbitMq {
        return Ok(0);
    }
    let replicas = config::parsed("redis_replicas")?;
    if replicas > MAX_REDIS_REPLICAS {
        return Err(config::fault("redis_replicas", &format!("must be from 0 to {MAX_REDIS_REPLICAS}")));
    }
    Ok(replicas)
}

/// For how many days rows of the audit log are kept, `audit_retention`.
pub(crate) fn audit_retention() -> Result<u32, Problem> {
    let days = config::parsed("audit_retention")?;
    if !(1..=MAX_AUDIT_RETENTION).contains(&days) {
        return Err(config::fault("audit_retention", &format!("must be from 1 to {MAX_AUDIT_RETENTION}")));
    }
    Ok(days)
}

/// How many SMS go to one number in a day, `sms_per_day`.
fn sms_per_day() -> Result<i32, Problem> {
    let most = config::parsed::<u32>("sms_per_day")?;
    let fault = || config::fault("sms_per_day", &format!("must be at most {MAX_SMS_PER_DAY}"));
    i32::try_from(most).ok().filter(|_| most <= MAX_SMS_PER_DAY).ok_or_else(fault)
}

/// Which sign-ins people are told of, `login_notice`, as notification reads it.
fn login_notice() -> Result<LoginNotice, Problem> {
    let notice = LoginNotice::parse(config::text("login_notice")?.trim());
    notice.ok_or_else(|| config::fault("login_notice", "must be new-device, always or off"))
}

/// How many SMS a day there may be, unless `login_throttling` is off.
pub(crate) fn sms_limits() -> Result<SmsLimits, Problem> {
    let most = sms_per_day()?;
    Ok(match config::switch("login_throttling") {
        Ok(false) => SmsLimits { per_number: None, per_account: None },
        Ok(true) | Err(_) => SmsLimits { per_number: Some(most), per_account: Some(PHONE_CODES_PER_DAY) },
    })
}

/// By what somebody is told of a sign-in on a device that is known, or not.
pub(crate) fn notice_terms(known_device: Option<bool>) -> Result<NoticeTerms, Problem> {
    let sms_per_day = if login_notice()?.is_due(known_device) { sms_limits()?.per_number } else { Some(0) };
    Ok(NoticeTerms { known_device, sms_per_day })
}

/// Which public metadata access tokens have, `token_metadata`.
pub(crate) fn token_metadata() -> Result<TokenMetadata, Problem> {
    let text = config::text("token_metadata")?;
    let detail = "must be up to 16 keys, separated by commas, each 1 to 64 of A-Z, a-z, 0-9, _, - and .";
    TokenMetadata::parse(&text).ok_or_else(|| config::fault("token_metadata", detail))
}

/// How much memory a hash of another system may need, in MiB, `import_hash_memory`.
pub(crate) fn import_hash_memory() -> Result<u32, Problem> {
    let mib = config::parsed("import_hash_memory")?;
    if !(1..=MAX_FOREIGN_MEMORY).contains(&mib) {
        return Err(config::fault("import_hash_memory", &format!("must be from 1 to {MAX_FOREIGN_MEMORY}, in MiB")));
    }
    Ok(mib)
}

/// The host of `public_url`, by which authenticator apps name this service.
pub(crate) fn public_host() -> Result<String, Problem> {
    let url = public_url()?;
    let host = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    Ok(host.unwrap_or_default().to_owned())
}

/// The keys that seal the secrets of authenticator apps, `totp_keys`; none if it is empty.
pub(crate) fn totp_keys() -> Result<Option<TotpKeys>, Problem> {
    TotpKeys::parse(&config::text("totp_keys")?).map_err(|error| config::fault("totp_keys", &error.to_string()))
}

/// Who may sign in only with a second factor, `mfa_required_for`.
pub(crate) fn mfa_required_for() -> Result<MfaRequiredFor, Problem> {
    let required = MfaRequiredFor::parse(&config::text("mfa_required_for")?)
        .ok_or_else(|| config::fault("mfa_required_for", "must be none, admin or all"))?;
    if required != MfaRequiredFor::None && config::text("totp_keys")?.trim().is_empty() {
        return Err(config::fault("mfa_required_for", "needs totp_keys"));
    }
    Ok(required)
}

/// Whether callers need an access token, by `authorization`.
pub(crate) fn asks_for_tokens() -> Result<bool, Problem> {
    match config::text("authorization")?.trim() {
        "required" => Ok(true),
        "off" => Ok(false),
        _ => Err(config::fault("authorization", "must be required or off")),
    }
}

/// Without required tokens no key is needed; an administrator's token is verified all the same.
fn access_tokens() -> Result<(), Problem> {
    match asks_for_tokens()? {
        true => TokenVerifier::usable_from_config().map(drop),
        false => TokenVerifier::from_config().map(drop),
    }
}
