//! The files that pages load: style sheet, scripts, logo.

use account_domain::ROOT;
use browser::{Assets, PAGE_SCRIPT, PASSKEY_SCRIPT, STYLE};
use browser_kit::{files, settings};
use problem::Problem;
use service_kit::{HandlerResult, no_such_route};

/// The addresses.
pub(crate) fn addresses() -> Result<Assets, Problem> {
    Ok(Assets {
        style: files::address(ROOT, "style.css", &style()?),
        script: files::address(ROOT, "passkey.js", PASSKEY_SCRIPT),
        page_script: Some(files::address(ROOT, "page.js", PAGE_SCRIPT)),
        logo: format!("{ROOT}/assets/logo.svg"),
    })
}

/// A file.
pub(crate) fn send(name: &str) -> HandlerResult {
    match name {
        "style.css" => Ok(files::style(style()?)),
        "passkey.js" => Ok(files::script(PASSKEY_SCRIPT)),
        "page.js" => Ok(files::script(PAGE_SCRIPT)),
        "logo.svg" => files::logo(),
        _ => Err(no_such_route()),
    }
}

/// The style sheet, with the operator's colour before it.
fn style() -> Result<String, Problem> {
    Ok(settings::theme()?.css() + STYLE)
}
