//! The templates of messages: files that the manifest mounts, and the settings that they are filled in with.

use events::LoginNotice;
use identity::Locale;
use notification_domain::{MessageSettings, Renderer};
use problem::Problem;
use service_kit::config;
use std::fs;

/// Where the manifest mounts them.
const FOLDER: &str = "/messages";
/// The longest name that a mail has for its sender, in bytes: an encoded word (RFC 2047) has 75 characters.
const MAX_BRAND_NAME: usize = 40;

/// Reads the component variables `brand_name`, `public_url`, `default_locale` and `login_notice`.
///
/// # Errors
/// If one of them cannot be used.
pub(crate) fn renderer() -> Result<Renderer, Problem> {
    let settings = MessageSettings {
        brand_name: brand_name()?,
        public_url: public_url()?,
        default_locale: default_locale()?,
        login_notice: login_notice()?,
    };
    let read = |file: &str| fs::read_to_string(format!("{FOLDER}/{file}")).ok();
    Ok(Renderer::new(settings, Box::new(read)))
}

/// Checks the settings and all files.
pub(crate) fn check() -> Result<(), Problem> {
    let unreadable = |error: std::io::Error| Problem::internal(format!("templates in {FOLDER}: {error}"));
    let entries = fs::read_dir(FOLDER).map_err(unreadable)?;
    let files: Vec<_> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let advice = "correct the file and roll it out; messages wait until then";
    renderer()?.check(&files).map_err(|error| Problem::internal(format!("{error}; {advice}")))
}

pub(crate) fn brand_name() -> Result<String, Problem> {
    let name = config::word("brand_name")?.trim().to_owned();
    let is_plain = |letter: char| !letter.is_control() && !['"', '\\', '<', '>'].contains(&letter);
    if name.len() > MAX_BRAND_NAME || !name.chars().all(is_plain) {
        return Err(config::fault("brand_name", "must have at most 40 bytes, and no quotes, brackets or backslashes"));
    }
    Ok(name)
}

pub(crate) fn public_url() -> Result<String, Problem> {
    config::address("public_url", &["http", "https"]).map(|url| url.trim().trim_end_matches('/').to_owned())
}

pub(crate) fn default_locale() -> Result<Locale, Problem> {
    let locale = Locale::parse(config::text("default_locale")?.trim());
    locale.map_err(|_| config::fault("default_locale", "must be a language tag, such as en or pt-BR"))
}

pub(crate) fn login_notice() -> Result<LoginNotice, Problem> {
    let notice = LoginNotice::parse(config::text("login_notice")?.trim());
    notice.ok_or_else(|| config::fault("login_notice", "must be new-device, always or off"))
}
