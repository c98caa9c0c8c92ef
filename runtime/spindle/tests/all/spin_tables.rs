//! What Spin 3.6.3 has: the options of `spin up`, the keys of a manifest and of the runtime configuration, the interfaces of
//! its host; and what is expected of Spindle for each.

use self::Answer::{Differs, No, Yes};
use crate::support::{Setup, guest};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    /// It is there, and the note says what is otherwise.
    Differs,
    No,
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) answer: Answer,
    pub(crate) note: &'static str,
}

const fn row(name: &'static str, answer: Answer, note: &'static str) -> Row {
    Row { name, answer, note }
}

/// Options of `spin up`, with what is tried of those that take a value.
pub(crate) const OPTIONS: [(Row, &str); 40] = [
    (
        row(
            "--from, -f, --from-file, --file",
            Differs,
            "files of this machine alone; a `.wasm` file is an app, as with Spin",
        ),
        "",
    ),
    (row("--from-registry", No, "get the app out of its registry with Spin"), "x"),
    (row("--insecure, -k", No, "it is for registries"), "-"),
    (row("--cache-dir", No, "nothing is downloaded"), "x"),
    (row("--env, -e", Yes, ""), "A=b"),
    (row("--temp, --tmp", Yes, ""), "t"),
    (row("--direct-mounts", Yes, ""), "-"),
    (row("--build", Yes, ""), "-"),
    (row("--component-id, -c", Yes, ""), "guest"),
    (row("--help, -h", Yes, ""), ""),
    (row("--log-dir, -L", Differs, "a file of 64 MiB is renamed to `.1`"), "l"),
    (row("--truncate-logs", Yes, ""), "-"),
    (
        row("--follow", Differs, "lines begin with the component's id, and standard output goes to standard output"),
        "guest",
    ),
    (row("--quiet, -q, --sh, --shush", Yes, ""), "-"),
    (row("--disable-cache", Yes, ""), "-"),
    (row("--cache", Differs, "Wasmtime's configuration file, of which `directory` alone is read; or a directory"), ""),
    (row("--disable-pooling", Yes, ""), "-"),
    (row("--runtime-config-file", Yes, ""), ""),
    (row("--state-dir", Yes, ""), "s"),
    (row("--allow-transient-write", Yes, ""), "-"),
    (row("--key-value", Yes, ""), "a=b"),
    (row("--sqlite", Yes, ""), "SELECT 1"),
    (row("--variable", Yes, ""), "colour=red"),
    (row("--max-instance-memory", Differs, "256 MiB unless it is set"), "100000000"),
    (row("--experimental-wasi-otel", No, "the runtime makes spans, components make none"), "-"),
    (row("--experimental-wasm-feature", No, "Wasmtime's defaults hold"), "gc"),
    (row("--listen", Yes, ""), "127.0.0.1:0"),
    // These two are tried together.
    (row("--tls-cert", Yes, "`SPIN_TLS_CERT` too"), ""),
    (row("--tls-key", Yes, "`SPIN_TLS_KEY` too"), ""),
    (row("--find-free-port", Yes, ""), "-"),
    (row("--http1-max-buf-size", Differs, "for HTTP/2 as well, and 64 KiB unless it is set"), "70000"),
    (row("--max-instance-reuse-count", No, "an instance serves one request"), "2"),
    (row("--max-instance-concurrent-reuse-count", No, "an instance serves one request"), "2"),
    (row("--idle-instance-timeout", No, "an instance serves one request"), "2s"),
    (row("--request-timeout", No, "`--http-deadline`, which holds for WASI 0.2 too"), "2s"),
    (row("--file (several sources at once)", Differs, "the last one counts; Spin refuses it"), ""),
    (
        row(
            "SPIN_ALWAYS_BUILD, SPIN_HTTP_LISTEN_ADDR, SPIN_LOG_DIR, SPIN_MAX_INSTANCE_MEMORY, RUNTIME_CONFIG_FILE",
            Yes,
            "",
        ),
        "",
    ),
    (row("DISABLE_WASMTIME_CACHE, WASMTIME_CACHE_FILE, SPIN_HTTP1_MAX_BUF_SIZE", Yes, ""), ""),
    (
        row("SPIN_MAX_INSTANCE_COUNT and other sizes of the pool", Differs, "`[limits]` in the runtime configuration"),
        "",
    ),
    (row("SPIN_VARIABLE_*, .env", Differs, "read at start"), ""),
];

/// A row that is tried with a manifest and a configuration of its own.
pub(crate) type Tried = (Row, fn(Setup) -> Setup);

/// One HTTP trigger, and keys of it or of others.
fn with_trigger(setup: Setup, text: &str) -> Setup {
    setup.triggers(&format!("{text}\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \"guest\"\n"))
}

/// Keys of the manifest.
pub(crate) const MANIFEST: [Tried; 31] = [
    (row("spin_manifest_version = 2", Yes, ""), |setup| setup),
    (row("application: name, version, description, authors, tool", Yes, ""), |setup| {
        with_trigger(setup, "description = \"d\"\nauthors = [\"a\"]\n[application.tool.x]\na = 1")
    }),
    (row("application.targets, component.targets", Differs, "not checked"), |setup| {
        with_trigger(setup, "targets = [\"spin-up:3.6\"]").component("targets = [\"spin-up:3.6\"]\n")
    }),
    (row("variables: default, required, secret, description", Yes, ""), |setup| {
        setup.manifest("[variables]\na = { default = \"x\", secret = true, description = \"d\" }\n")
    }),
    (row("trigger.*.id", Yes, ""), |setup| {
        setup.triggers("[[trigger.http]]\nid = \"i\"\nroute = \"/\"\ncomponent = \"guest\"\n")
    }),
    (row("trigger.*.component, by name", Yes, ""), |setup| setup),
    (row("trigger.*.component, in line", Yes, ""), |setup| {
        let source = guest();
        with_trigger(setup, &format!("[[trigger.http]]\nroute = \"/x\"\ncomponent = {{ source = {source:?} }}"))
    }),
    (row("trigger.*.components", No, "write one `component`"), |setup| {
        setup.triggers("[[trigger.http]]\nroute = \"/\"\ncomponents = { a = \"guest\" }\n")
    }),
    (row("trigger.http.route, with wildcards and private", Yes, ""), |setup| {
        with_trigger(
            setup,
            "[[trigger.http]]\nroute = { private = true }\ncomponent = \"guest\"\n[[trigger.http]]\nroute = \"/:a/b\"\ncomponent = \"guest\"",
        )
    }),
    (row("trigger.http.static_response", Yes, ""), |setup| {
        with_trigger(setup, "[[trigger.http]]\nroute = \"/s\"\nstatic_response = { status_code = 204 }")
    }),
    (row("trigger.http.executor: http", Yes, ""), |setup| {
        with_trigger(setup, "[[trigger.http]]\nroute = \"/s\"\ncomponent = \"guest\"\nexecutor = { type = \"http\" }")
    }),
    (row("trigger.http.executor: wagi", No, "build the component for `wasi:http`"), |setup| {
        setup.triggers("[[trigger.http]]\nroute = \"/\"\ncomponent = \"guest\"\nexecutor = { type = \"wagi\" }\n")
    }),
    (row("trigger.redis: channel, address", Differs, "it connects again when the connection is lost"), |setup| {
        with_trigger(setup, "[application.trigger.redis]\naddress = \"redis://127.0.0.1:1\"\n[[trigger.redis]]\nchannel = \"c\"\ncomponent = \"guest\"")
            .component("key_value_stores = [\"default\"]\n")
    }),
    (row("trigger.sqs and those of other plugins", No, "run the app on Spin"), |setup| {
        setup.triggers("[[trigger.sqs]]\nqueue_url = \"q\"\ncomponent = \"guest\"\n")
    }),
    (row("component.source, a file", Yes, ""), |setup| setup),
    (row("component.source, a URL or in a registry", No, "fetch the file and name it"), |setup| {
        with_trigger(setup, "[component.far]\nsource = { url = \"https://x/y.wasm\", digest = \"sha256:0\" }")
    }),
    (row("component.description, component.tool", Yes, ""), |setup| {
        setup.component("description = \"d\"\n").manifest("[component.guest.tool.x]\na = 1\n")
    }),
    (row("component.variables", Differs, "resolved at start; one without a value stops the start"), |setup| {
        setup.variable("a", "b")
    }),
    (row("component.environment", Yes, ""), |setup| setup.component("environment = { A = \"b\" }\n")),
    (row("component.files, directories", Differs, "mounted where they are, as with `--direct-mounts`"), |setup| {
        setup.file("d/a", "a").component("files = [{ source = \"d\", destination = \"/d\" }]\n")
    }),
    (row("component.files, files and patterns", Yes, ""), |setup| {
        setup.file("d/a", "a").component("files = [\"d/*\", { source = \"d/a\", destination = \"b\" }]\n")
    }),
    (row("component.exclude_files", Yes, ""), |setup| {
        setup.file("d/a", "a").component("files = [\"d/*\"]\nexclude_files = [\"**/b\"]\n")
    }),
    (row("component.allowed_outbound_hosts", Yes, ""), |setup| {
        setup.hosts(&["https://*.example:1..9", "tcp://10.0.0.0/8:*"])
    }),
    (row("component.allowed_http_hosts", No, "write allowed_outbound_hosts"), |setup| {
        setup.component("allowed_http_hosts = [\"x.example\"]\n")
    }),
    (row("component.key_value_stores", Yes, ""), |setup| setup.component("key_value_stores = [\"default\"]\n")),
    (row("component.sqlite_databases", Yes, ""), |setup| setup.component("sqlite_databases = [\"default\"]\n")),
    (row("component.ai_models", No, "call a model by HTTP"), |setup| {
        setup.component("ai_models = [\"llama2-chat\"]\n")
    }),
    (row("component.build: command, workdir, watch", Yes, ""), |setup| {
        setup.manifest("[component.guest.build]\ncommand = [\"a\", \"b\"]\nworkdir = \"w\"\nwatch = [\"s\"]\n")
    }),
    (row("component.dependencies", No, "compose the component beforehand"), |setup| {
        setup.manifest("[component.guest.dependencies]\n\"a:b\" = { path = \"x.wasm\" }\n")
    }),
    (row("component.dependencies_inherit_configuration", Yes, ""), |setup| {
        setup.component("dependencies_inherit_configuration = true\n")
    }),
    (row("spin_version = \"1\"", No, "version 2 only"), |setup| {
        setup.file("old/spin.toml", "spin_version = \"1\"\n").arguments(&["--from", "old"])
    }),
];

/// Keys of the runtime configuration.
pub(crate) const CONFIGURATION: [Tried; 16] = [
    (row("variables_provider: static, env", Yes, ""), |setup| {
        setup
            .runtime("[[variables_provider]]\ntype = \"static\"\nvalues = {}\n[[variables_provider]]\ntype = \"env\"\n")
    }),
    (row("variables_provider: vault", No, "the provider is not known"), |setup| {
        setup.runtime("[[variables_provider]]\ntype = \"vault\"\nurl = \"u\"\ntoken = \"t\"\nmount = \"m\"\n")
    }),
    (row("variables_provider: azure_key_vault", No, "the provider is not known"), |setup| {
        setup.runtime("[[variables_provider]]\ntype = \"azure_key_vault\"\nvault_url = \"u\"\n")
    }),
    (row("key_value_store: spin, redis", Yes, ""), |setup| {
        setup.runtime(
            "[key_value_store.a]\ntype = \"spin\"\n[key_value_store.b]\ntype = \"redis\"\nurl = \"redis://x\"\n",
        )
    }),
    (row("key_value_store: azure_cosmos", No, "the store is not known"), |setup| {
        setup.runtime("[key_value_store.a]\ntype = \"azure_cosmos\"\naccount = \"a\"\n")
    }),
    (row("key_value_store: aws_dynamo", No, "the store is not known"), |setup| {
        setup.runtime("[key_value_store.a]\ntype = \"aws_dynamo\"\ntable = \"t\"\n")
    }),
    (row("sqlite_database: spin", Yes, ""), |setup| setup.runtime("[sqlite_database.a]\ntype = \"spin\"\n")),
    (row("sqlite_database: libsql", No, "the database is not known"), |setup| {
        setup.runtime("[sqlite_database.a]\ntype = \"libsql\"\nurl = \"u\"\ntoken = \"t\"\n")
    }),
    (
        row("outbound_http: connection_pooling, max_connections", Differs, "pooling stays on unless it is turned off"),
        |setup| setup.runtime("[outbound_http]\nmax_connections = 3\n"),
    ),
    (
        row(
            "outbound_pg, outbound_redis, outbound_mqtt: max_connections",
            Differs,
            "for each component and address; of Spin 4.1",
        ),
        |setup| {
            setup.runtime("[outbound_pg]\nmax_connections = 3\n[outbound_redis]\nmax_connections = 3\n[outbound_mqtt]\nmax_connections = 3\n")
        },
    ),
    (row("client_tls", No, "the file that SSL_CERT_FILE names"), |setup| {
        setup.runtime("[[client_tls]]\nhosts = [\"x\"]\n")
    }),
    (row("outbound_networking", No, "list what components may reach"), |setup| {
        setup.runtime("[outbound_networking]\nblock_networks = [\"private\"]\n")
    }),
    (row("llm_compute", No, "call a model by HTTP"), |setup| setup.runtime("[llm_compute]\ntype = \"remote_http\"\n")),
    (row("state_dir", Yes, ""), |setup| setup.runtime("state_dir = \"s\"\n")),
    (row("log_dir", Yes, ""), |setup| setup.runtime("log_dir = \"l\"\n")),
    (row("max_instance_memory", Yes, ""), |setup| setup.runtime("max_instance_memory = 100000000\n")),
];

/// Interfaces that components import, each with a part of it in the text format; those of the test guest have none.
pub(crate) const INTERFACES: [(Row, &str); 29] = [
    (row("wasi:cli/environment@0.2.0", Yes, ""), "(export \"get-arguments\" (func (result (list string))))"),
    (row("wasi:clocks/monotonic-clock@0.2.0", Yes, ""), "(export \"now\" (func (result u64)))"),
    (row("wasi:filesystem/types@0.2.0", Yes, ""), "(export \"descriptor\" (type (sub resource)))"),
    (row("wasi:io/streams@0.2.0", Yes, ""), "(export \"input-stream\" (type (sub resource)))"),
    (row("wasi:random/random@0.2.0", Yes, ""), "(export \"get-random-u64\" (func (result u64)))"),
    (row("wasi:http/types@0.2.0", Yes, ""), "(export \"fields\" (type (sub resource)))"),
    (
        row(
            "wasi:http/outgoing-handler@0.2.0",
            Differs,
            "a request without an authority is not one to the app itself; write `self.alt`",
        ),
        "",
    ),
    (row("wasi:sockets/tcp@0.2.0", Yes, ""), "(export \"tcp-socket\" (type (sub resource)))"),
    (row("wasi:sockets/udp@0.2.0", Yes, ""), "(export \"udp-socket\" (type (sub resource)))"),
    (row("wasi:http/types@0.2.6", Yes, ""), "(export \"fields\" (type (sub resource)))"),
    (row("wasi:http/types@0.2.0-rc-2023-11-10", No, "build it with a newer SDK"), "-"),
    (row("wasi:http/types@0.2.0-rc-2023-10-18", No, "build it with a newer SDK"), "-"),
    (row("wasi:http/handler@0.3.0-rc-2026-01-06", No, "build it with spin-sdk 5"), "-"),
    (row("wasi:otel/tracing@0.2.0-rc.2", No, "build it without"), "-"),
    (row("wasi:keyvalue/store@0.2.0-draft2", No, "use fermyon:spin/key-value"), "-"),
    (row("wasi:config/store@0.2.0-draft-2024-09-27", No, "read variables by fermyon:spin/variables"), "-"),
    (row("fermyon:spin/variables@2.0.0", Yes, ""), ""),
    (row("fermyon:spin/key-value@2.0.0", Yes, ""), ""),
    (row("fermyon:spin/sqlite@2.0.0", Differs, "no `ATTACH`, no `VACUUM`"), ""),
    (row("spin:sqlite/sqlite@3.0.0", Differs, "no `ATTACH`, no `VACUUM`"), ""),
    (row("fermyon:spin/redis@2.0.0", Differs, "pooled"), ""),
    (row("fermyon:spin/mqtt@2.0.0", Differs, "pooled, and no `mqtts://`"), ""),
    (row("fermyon:spin/postgres@2.0.0", Differs, "pooled"), ""),
    (row("spin:postgres/postgres@3.0.0", Differs, "pooled"), ""),
    (row("spin:postgres/postgres@4.0.0", Differs, "pooled"), ""),
    (row("fermyon:spin/mysql@2.0.0", No, "use PostgreSQL"), "-"),
    (row("fermyon:spin/llm@2.0.0", No, "call a model by HTTP"), "-"),
    (row("fermyon:spin/key-value and others without a version", No, "build it with spin-sdk 2 or later"), "-"),
    (row("fermyon:spin/inbound-redis, exported", Yes, ""), ""),
];
