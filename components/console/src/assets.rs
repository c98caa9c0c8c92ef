//! The files that pages load: style sheet, script, logo.

use browser::{Assets, PASSKEY_SCRIPT, STYLE};
use browser_kit::{files, settings};
use console_domain::ROOT;
use problem::Problem;
use service_kit::{HandlerResult, no_such_route};

/// What the console has beside the style sheet that all pages have.
const CONSOLE_STYLE: &str = include_str!("../assets/console.css");

/// What keeps the overview up to date.
const LIVE_SCRIPT: &str = include_str!("../assets/live.js");

/// The address of the script that keeps pages up to date.
pub(crate) fn live() -> String {
    files::address(ROOT, "live.js", LIVE_SCRIPT)
}

/// The addresses.
pub(crate) fn addresses() -> Result<Assets, Problem> {
    Ok(Assets {
        style: files::address(ROOT, "style.css", &style()?),
        script: files::address(ROOT, "passkey.js", PASSKEY_SCRIPT),
        page_script: None,
        logo: format!("{ROOT}/assets/logo.svg"),
    })
}

/// A file.
pub(crate) fn send(name: &str) -> HandlerResult {
    match name {
        "style.css" => Ok(files::style(style()?)),
        "passkey.js" => Ok(files::script(PASSKEY_SCRIPT)),
        "live.js" => Ok(files::script(LIVE_SCRIPT)),
        "logo.svg" => files::logo(),
        _ => Err(no_such_route()),
    }
}

/// The style sheet, with the operator's colour before it.
fn style() -> Result<String, Problem> {
    Ok(settings::theme()?.css() + STYLE + CONSOLE_STYLE)
}
