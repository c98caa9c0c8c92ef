//! Options and keys of the manifest that do as they do on Spin.

use crate::support::{App, Setup, guest, until};

/// What a file in the app's directory holds, once there is something.
fn logged(app: &App, name: &str) -> String {
    until(|| std::fs::read_to_string(app.dir().join(name)).ok().filter(|text| !text.is_empty()))
}

#[test]
fn an_environment_variable_of_the_command_line_is_for_all_components_and_beats_the_manifest() {
    let app = Setup::default()
        .component("environment = { COLOUR = \"red\", SHAPE = \"round\" }\n")
        .arguments(&["--env", "COLOUR=blue=ish", "-e", "SIZE=2"])
        .start();
    assert_eq!(
        [app.text("/env?name=COLOUR"), app.text("/env?name=SHAPE"), app.text("/env?name=SIZE")],
        ["blue=ish", "round", "2"]
    );
    let error = Setup::default().arguments(&["--env", "COLOUR"]).fail();
    assert!(error.contains("NAME=VALUE"), "{error}");
}

#[test]
fn build_commands_run_first_where_they_say() {
    let app = Setup::default()
        .file("sub/input", "made")
        .component("files = [\"sub/output\"]\n")
        .manifest("[component.guest.build]\ncommand = [\"cp input middle\", \"mv middle output\"]\nworkdir = \"sub\"\n")
        .arguments(&["--build"])
        .start();
    assert_eq!(app.text("/file?path=/sub/output"), "made");
    let failing = Setup::default().manifest("[component.guest.build]\ncommand = \"exit 3\"\n");
    let error = failing.arguments(&["--build"]).fail();
    assert!(error.contains("`guest`: `exit 3` failed: exit status: 3"), "{error}");
}

#[test]
fn files_are_given_by_pattern_and_by_name_without_those_that_are_excluded() {
    let app = Setup::default()
        .file("pages/a.html", "a")
        .file("pages/deep/b.html", "b")
        .file("pages/secret.key", "key")
        .component("files = [\"pages/**/*\", { source = \"spin.toml\", destination = \"/x/renamed\" }]\nexclude_files = [\"**/*.key\"]\n")
        .start();
    assert_eq!([app.text("/file?path=/pages/a.html"), app.text("/file?path=/pages/deep/b.html")], ["a", "b"]);
    assert!(app.text("/file?path=/x/renamed").starts_with("spin_manifest_version"));
    assert_eq!(app.get("/file?path=/pages/secret.key").status, 418);
    assert_eq!(app.get("/write?path=/pages/a.html&text=changed").status, 418);
    assert_eq!(app.text("/file?path=/pages/a.html"), "a");
}

#[test]
fn what_components_write_to_their_files_is_not_the_apps() {
    let setup =
        || Setup::default().file("pages/a", "a").component("files = [{ source = \"pages\", destination = \"/p\" }]\n");
    let app = setup().arguments(&["--allow-transient-write", "--temp", "copies"]).start();
    assert_eq!(app.text("/write?path=/p/a&text=changed"), "written");
    assert_eq!(app.text("/file?path=/p/a"), "changed");
    assert_eq!(logged(&app, "pages/a"), "a");
    assert_eq!(logged(&app, "copies/assets/guest/p/a"), "changed");
    // As it is, a change of the app's own files is seen at once.
    let app = setup().arguments(&["--direct-mounts"]).start();
    assert_eq!(app.get("/write?path=/p/a&text=changed").status, 418);
    std::fs::write(app.dir().join("pages/a"), "new").unwrap();
    assert_eq!(app.text("/file?path=/p/a"), "new");
    let error = setup().component("exclude_files = [\"x\"]\n").arguments(&["--direct-mounts"]).fail();
    assert!(error.contains("--direct-mounts"), "{error}");
}

#[test]
fn output_is_in_files_too_and_is_printed_for_those_who_are_followed() {
    let mut app = Setup::default().start();
    app.text("/print?text=1");
    assert_eq!(logged(&app, ".spin/logs/guest_stdout.txt"), "out 1\n");
    assert_eq!(logged(&app, ".spin/logs/guest_stderr.txt"), "err 1\n");
    app.wait_for_output("guest: err 1");
    let directory = app.dir().join("logs").to_str().unwrap().to_owned();
    for (argument, is_printed, lines) in
        [("--follow=guest", true, 1), ("--quiet", false, 2), ("--follow=guest --truncate-logs", true, 1)]
    {
        let arguments: Vec<_> = argument.split(' ').chain(["--log-dir", &directory]).collect();
        let mut other = Setup::default().arguments(&arguments).start();
        other.text("/print?text=2");
        other.signal("TERM");
        other.wait_for_end();
        assert_eq!(logged(&app, "logs/guest_stderr.txt").lines().count(), lines, "{argument}");
        assert_eq!(other.output().contains("guest: out 2"), is_printed, "{argument}");
    }
    let error = Setup::default().arguments(&["--follow", "nobody"]).fail();
    assert!(error.contains("no component `nobody`"), "{error}");
}

#[test]
fn without_a_state_directory_nothing_is_left_behind() {
    let app = Setup::default().component("key_value_stores = [\"default\"]\n").arguments(&["--state-dir", ""]).start();
    app.text("/kv?op=set&key=a&value=b");
    app.text("/print?text=1");
    assert_eq!(app.text("/kv?op=get&key=a"), "b");
    assert!(!app.dir().join(".spin").exists());
    let app = Setup::default().arguments(&["--log-dir", ""]).start();
    app.text("/print?text=1");
    assert!(!app.dir().join(".spin/logs").exists());
}

#[test]
fn where_nothing_can_be_written_output_is_printed_all_the_same() {
    // Not even root can make a directory in a file.
    let mut app = Setup::default().file("state", "").arguments(&["--state-dir", "state"]).start();
    app.wait_for_output("components' output is not written to files");
    app.text("/print?text=1");
    app.wait_for_output("guest: out 1");
    assert!(Setup::default().file("f", "").arguments(&["--log-dir", "f/logs"]).fail().contains("f/logs"));
}

#[test]
fn the_cache_is_a_directory_or_a_file_of_wasmtimes_that_names_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cache.toml");
    let (cache, file) = (dir.path().join("kept"), file.to_str().unwrap());
    std::fs::write(file, format!("[cache]\nenabled = true\ndirectory = {cache:?}\n")).unwrap();
    let app = Setup::default().arguments(&["--cache", file]).start();
    assert_eq!(app.text("/hello"), "hello");
    assert_eq!(std::fs::read_dir(cache.join("spindle")).unwrap().count(), 1);
    std::fs::write(file, "[cache]\ndirectory = \"here\"\n").unwrap();
    assert!(Setup::default().arguments(&["--cache", file]).fail().contains("not an absolute path"));
}

#[test]
fn a_component_alone_is_an_app() {
    let app = Setup::default().arguments(&["--from", guest().to_str().unwrap()]).start();
    assert_eq!(app.text("/hello"), "hello");
}
