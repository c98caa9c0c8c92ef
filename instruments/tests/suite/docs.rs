//! The documentation: the page, the files that it is made of, and no way from there to any other file.

use blackbox::app::TestApp;
use blackbox::http::Answer;
use insta::assert_snapshot;

/// The files of the page that are Swagger UI's own.
const VENDORED: &[&str] = &[
    "/docs/swagger-ui/swagger-ui-bundle.js",
    "/docs/swagger-ui/swagger-ui.css",
    "/docs/swagger-ui/LICENSE",
    "/docs/swagger-ui/NOTICE",
];

/// The status and the headers, without those that every answer has.
fn head(answer: &Answer) -> String {
    const EVERYWHERE: &[&str] = &["content-length", "date", "x-content-type-options", "x-request-id"];
    let mut lines: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !EVERYWHERE.contains(&name.as_str()))
        .map(|(name, value)| match name.as_str() {
            "etag" if value.len() == 18 => "etag: \"[16 digits]\"".to_owned(),
            _ => format!("{name}: {value}"),
        })
        .collect();
    lines.sort();
    format!("{}\n{}", answer.status, lines.join("\n"))
}

#[test]
fn the_page_loads_nothing_but_its_own_files() {
    let app = TestApp::shared();
    let page = app.get("/docs/").send();
    assert_snapshot!(head(&page), @r#"
    200
    cache-control: no-cache
    content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'
    content-type: text/html; charset=utf-8
    etag: "[16 digits]"
    referrer-policy: no-referrer
    "#);
    let text = page.text();
    let linked: Vec<_> = text
        .split(['"', '\''])
        .zip(text.split(['"', '\'']).skip(1))
        .filter(|(before, _)| before.ends_with("src=") || before.ends_with("href="))
        .map(|(_, target)| target)
        .filter(|target| *target != "data:,")
        .collect();
    assert!(linked.len() >= 8, "{linked:?}");
    for target in linked {
        assert_eq!(app.get(&format!("/docs/{target}")).send().status, 200, "{target}");
    }
    for word in ["<style", "style=", "onload", "<script>", "http:", "https:", "//"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn the_page_is_at_its_path_with_a_slash() {
    let app = TestApp::shared();
    let answer = app.get("/docs").send().expect(308);
    assert_eq!(answer.header("location"), Some("/docs/"));
    assert_eq!(app.get("/docs/?service=auth").send().body, app.get("/docs/").send().body);
    assert_eq!(app.get("/docs/?url=https://example.org").send().expect(400).problem(), "invalid-query");
}

#[test]
fn the_openapi_files_are_those_of_the_repository() {
    let app = TestApp::shared();
    for (name, file) in [
        ("users", include_bytes!("../../../openapi/users.yaml").as_slice()),
        ("auth", include_bytes!("../../../openapi/auth.yaml")),
        ("notification", include_bytes!("../../../openapi/notification.yaml")),
    ] {
        let answer = app.get(&format!("/docs/openapi/{name}.yaml")).send().expect(200);
        assert!(answer.body == file, "{name}");
        assert_eq!(answer.header("content-type"), Some("application/yaml"), "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{name}");
    }
}

#[test]
fn the_files_of_swagger_ui_come_compressed_to_those_who_take_that() {
    let app = TestApp::shared();
    assert_snapshot!(head(&app.get(VENDORED[0]).header("accept-encoding", "gzip").send()), @r#"
    200
    cache-control: public, max-age=3600
    content-encoding: gzip
    content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'
    content-type: text/javascript; charset=utf-8
    etag: "[16 digits]"
    referrer-policy: no-referrer
    vary: accept-encoding
    "#);
    assert_snapshot!(head(&app.get(VENDORED[0]).header("accept-encoding", "identity").send()), @r#"
    200
    cache-control: public, max-age=3600
    content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'
    content-type: text/javascript; charset=utf-8
    etag: "[16 digits]"
    referrer-policy: no-referrer
    vary: accept-encoding
    "#);
    for path in VENDORED {
        let sent = |encoding: &str| app.get(path).header("accept-encoding", encoding).send().expect(200);
        let (plain, compressed) = (sent("identity"), sent("br, gzip;q=0.8"));
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        assert_eq!(compressed.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(compressed.body[..2], [0x1f, 0x8b], "{path}");
        // A gzip file ends with the length of what is in it (RFC 1952, 2.3.1).
        let length = compressed.body.last_chunk().map(|bytes| u32::from_le_bytes(*bytes) as usize);
        assert_eq!(length, Some(plain.body.len()), "{path}");
        assert_ne!(plain.header("etag"), compressed.header("etag"), "{path}");
    }
}

#[test]
fn what_the_browser_has_already_is_not_sent_again() {
    let app = TestApp::shared();
    for path in ["/docs/", "/docs/init.js", "/docs/page.css", "/docs/openapi/users.yaml", VENDORED[0]] {
        for encoding in ["gzip", "identity"] {
            let get = || app.get(path).header("accept-encoding", encoding);
            let first = get().send().expect(200);
            let tag = first.header("etag").unwrap();
            let again = get().header("if-none-match", &format!("\"other\", W/{tag}")).send().expect(304);
            assert!(again.body.is_empty(), "{path}");
            for name in ["etag", "cache-control", "vary", "content-security-policy"] {
                assert_eq!(again.header(name), first.header(name), "{path}: {name}");
            }
            let other = get().header("if-none-match", "\"other\"").send().expect(200);
            assert!(other.body == first.body, "{path}");
        }
    }
}

#[test]
fn head_tells_what_get_would_send() {
    let app = TestApp::shared();
    for path in ["/docs/", "/docs/openapi/auth.yaml", VENDORED[1], "/docs/nothing"] {
        let (head, get) = (app.request("HEAD", path).send(), app.get(path).send());
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(head.status, get.status, "{path}");
        for name in ["content-type", "content-length", "etag", "cache-control", "vary"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
}

#[test]
fn it_can_only_be_read() {
    let app = TestApp::shared();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        for path in ["/docs", "/docs/", "/docs/openapi/users.yaml"] {
            let answer = app.request(method, path).send();
            assert_eq!((answer.status, answer.problem().as_str()), (405, "method-not-allowed"), "{method} {path}");
            assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{method} {path}");
        }
    }
}

#[test]
fn no_path_leads_to_another_file() {
    let app = TestApp::shared();
    for path in [
        "/docs/nothing",
        "/docs//",
        "/docs/index.html",
        "/docs/openapi",
        "/docs/openapi/",
        "/docs/openapi/users.yaml/",
        "/docs/openapi/USERS.yaml",
        "/docs/openapi/users",
        "/docs/swagger-ui/swagger-ui.css.gz",
        "/docs/swagger-ui/unpacked",
        "/docs/page/index.html",
        "/docs/..",
        "/docs/../..",
        "/docs/../spin.toml",
        "/docs/../../etc/passwd",
        "/docs/openapi/../../spin.toml",
        "/docs/openapi/../openapi/users.yaml",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/docs/%2e%2e%2f%2e%2e%2fetc/passwd",
        "/docs/openapi/..%2fusers.yaml",
        "/docs/openapi%2fusers.yaml",
        "/docs/openapi/%2e/users.yaml",
        "/docs/openapi/users.yaml%00",
        "/docs/openapi/users.yaml%00.js",
        "/docs/%00",
        "/docs/..%5c..%5cspin.toml",
        "/docs//etc/passwd",
        "/docs/%c0%ae%c0%ae/spin.toml",
    ] {
        // As it is: a client would resolve the dots itself.
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        let answer = app.client().raw(request.as_bytes()).unwrap();
        let is_page = answer.text().contains("<title>");
        assert!(!is_page && answer.status == 404, "{path}: {} {}", answer.status, answer.text());
    }
}
