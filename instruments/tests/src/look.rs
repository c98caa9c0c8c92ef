//! What everybody can read and use: pages looked at by axe-core, in a browser.

use crate::browser::Browser;
use crate::{folder, poll, skipped};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// The script of axe-core; without it the test is skipped.
#[must_use]
pub fn axe() -> Option<String> {
    let script = std::fs::read_to_string(folder::workspace().join(".concierge/axe/axe.min.js")).ok();
    if script.is_none() {
        skipped::note("there is no axe-core here (`cargo xtask test` installs it)");
    }
    script
}

/// Looks at a page on a telephone and on a screen, in the light and in the dark: its accessibility by axe, that nothing has to be
/// scrolled sideways, and a picture of it, named after the component and the page.
pub fn look_here(browser: &Browser, axe: &str, component: &str, path: &str, found: &mut Vec<String>) {
    let name = path.trim_start_matches('/').replace(['/', '?', '='], "-");
    let name = if name.is_empty() { "overview" } else { &name };
    // The script is put into the page by the browser's driver, which no policy keeps from it.
    let _ = browser.script(&format!("{axe}; return true"));
    for (width, height) in [(320, 720), (1280, 800)] {
        for is_dark in [false, true] {
            browser.show_as(width, height, is_dark);
            let what = format!("{name} {width} {}", if is_dark { "dark" } else { "light" });
            let _ = browser.script(
                "window.axeDone = null; axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', \
                 'best-practice']}).then(result => { window.axeDone = result.violations.map(violation => violation.id + ': ' + \
                 violation.nodes.map(node => node.target.join(' ') + ' ' + node.failureSummary).join('; ')); }, \
                 error => { window.axeDone = [String(error)]; })",
            );
            let violations = poll::eventually(SOON, "axe is done", || {
                Some(browser.script("return window.axeDone")).filter(|done| !done.is_null())
            });
            let violations: Vec<Value> = violations.as_array().cloned().unwrap_or_default();
            found.extend(violations.iter().map(|violation| format!("{what}: {violation}")));
            let overflow =
                browser.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
            if overflow != json!(0) {
                found.push(format!("{what}: {overflow} pixels too wide"));
            }
            browser.screenshot(&format!("{component}-{}.png", what.replace(' ', "-")));
        }
    }
}
