//! The files that are served. There is no other way from a path to a file than this table, so none leads elsewhere.

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
/// RFC 9512, 2.1.
const YAML: &str = "application/yaml";

/// A file that is served.
#[derive(Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its path below `/docs/`, without the slash; the page itself has none.
    path: &'static str,
    /// Where the component sees it, in a folder that `spin.toml` mounts.
    pub file: &'static str,
    /// Its `content-type`.
    pub media_type: &'static str,
    /// Whether it is Swagger UI's own: it changes with the version alone, and lies beside its compressed form, `<file>.gz`.
    pub is_vendored: bool,
    /// The query parameters that it may be asked for with.
    pub parameters: &'static [&'static str],
}

const ASSETS: &[Asset] = &[
    Asset { parameters: &["service"], ..ours("", "/page/index.html", HTML) },
    ours("init.js", "/page/init.js", JAVASCRIPT),
    ours("page.css", "/page/page.css", CSS),
    ours("openapi/users.yaml", "/openapi/users.yaml", YAML),
    ours("openapi/auth.yaml", "/openapi/auth.yaml", YAML),
    ours("openapi/notification.yaml", "/openapi/notification.yaml", YAML),
    vendored("swagger-ui/swagger-ui-bundle.js", "/swagger-ui/swagger-ui-bundle.js", JAVASCRIPT),
    vendored("swagger-ui/swagger-ui.css", "/swagger-ui/swagger-ui.css", CSS),
    vendored("swagger-ui/LICENSE", "/swagger-ui/LICENSE", TEXT),
    vendored("swagger-ui/NOTICE", "/swagger-ui/NOTICE", TEXT),
];

const fn ours(path: &'static str, file: &'static str, media_type: &'static str) -> Asset {
    Asset { path, file, media_type, is_vendored: false, parameters: &[] }
}

const fn vendored(path: &'static str, file: &'static str, media_type: &'static str) -> Asset {
    Asset { is_vendored: true, ..ours(path, file, media_type) }
}

impl Asset {
    /// The file at the path below `/docs/` whose segments, decoded, are these.
    #[must_use]
    pub fn find(segments: &[&str]) -> Option<&'static Asset> {
        ASSETS.iter().find(|asset| asset.path.split('/').eq(segments.iter().copied()))
    }

    /// How long it may be kept without asking again.
    #[must_use]
    pub fn cache_control(&self) -> &'static str {
        if self.is_vendored { "public, max-age=3600" } else { "no-cache" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_the_files_are_found() {
        assert_eq!(Asset::find(&[""]).unwrap().file, "/page/index.html");
        assert_eq!(Asset::find(&["openapi", "auth.yaml"]).unwrap().file, "/openapi/auth.yaml");
        assert!(Asset::find(&["swagger-ui", "swagger-ui.css"]).unwrap().is_vendored);
    }

    #[test]
    fn nothing_else_is() {
        let paths: [&[&str]; 9] = [
            &[],
            &["", ""],
            &["openapi"],
            &["openapi", ""],
            &["openapi/users.yaml"],
            &["openapi", "users.yaml", ""],
            &["openapi", "..", "openapi", "users.yaml"],
            &["swagger-ui", "swagger-ui.css.gz"],
            &["init.js\0"],
        ];
        for path in paths {
            assert_eq!(Asset::find(path), None, "{path:?}");
        }
    }
}
