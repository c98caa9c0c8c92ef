//! What people recognise a device by: the names of browser and system, read from what the browser calls itself.

/// Systems, by a part of the user agent. The first that is found counts.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// Browsers, the same. Most call themselves what others do as well, so the order matters.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("FxiOS", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// The device, such as `Firefox, Linux`; the beginning of what it calls itself if it is no browser that is known.
#[must_use]
pub fn describe(user_agent: &str) -> String {
    let find = |table: &[(&str, &'static str)]| {
        table.iter().find(|(part, _)| user_agent.contains(part)).map(|(_, name)| *name)
    };
    match (find(BROWSERS), find(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => user_agent.chars().take(40).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn browsers_are_told_apart_whatever_else_they_call_themselves() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36";
        assert_eq!(describe(chrome), "Chrome, Linux");
        assert_eq!(describe(&chrome.replace("X11; Linux x86_64", "Windows NT 10.0")), "Chrome, Windows");
        assert_eq!(describe(&format!("{chrome} Edg/130.0")), "Edge, Linux");
        let safari =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1";
        assert_eq!(describe(safari), "Safari, iPhone");
        assert_eq!(describe("curl/8.14.1"), "curl/8.14.1");
        assert_eq!(describe(&"x".repeat(90)).len(), 40);
    }
}
