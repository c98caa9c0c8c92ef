//! TLS in front of an app, as on Kubernetes: an nginx as the ingress, which alone has the certificate, and behind it the gateway with the
//! configuration that `k8s/components` ships. Only addresses and ports are others there.

use crate::app::TestApp;
use crate::{folder, poll, skipped};
use base64::Engine as _;
use dev_servers::install;
use dev_servers::ports;
use dev_servers::process::{Launch, Managed};
use rcgen::PublicKeyData as _;
use sha2::{Digest, Sha256};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The parts of the gateway's configuration: what `k8s/overlays/production` takes.
const GATEWAY: &[&str] = &[
    "gateway/gateway.conf",
    "behind-proxy/forwarded-for",
    "account/account.location",
    "console/console.location",
    "docs/docs.location",
];
/// Where the gateway's connections to services come from, and the ingress's to the gateway: addresses of nobody else.
const PROXIES: &str = "127.9.9.0/24";
const GATEWAY_ADDRESS: &str = "127.9.9.9";
const INGRESS_ADDRESS: &str = "127.9.9.8";
const LIMIT: Duration = Duration::from_secs(20);

/// Free ports, the certificate, and the app's public address.
#[derive(Debug)]
pub struct Ingress {
    /// The host, which no name server knows: a browser has to be told.
    pub host: String,
    /// Where people are.
    pub tls: u16,
    /// Where they are sent on from, without TLS.
    pub plain: u16,
    /// Where the gateway listens, which nobody outside should reach.
    pub gateway: u16,
    certificate: String,
    key: String,
    /// What Chromium knows the key by.
    fingerprint: String,
}

/// The running proxies. Dropping them ends them.
#[derive(Debug)]
pub struct Proxies {
    _nginx: Managed,
}

impl Ingress {
    /// One for a host, and for others below it. `None`, with the reason printed, where there is no nginx.
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn new(host: &str) -> Option<Self> {
        if install::program("nginx").is_none() {
            skipped::note("there is no nginx here (Debian: `apt-get install nginx-light` as root)");
            return None;
        }
        let port = || ports::free_port().expect("there is a free port");
        let names = [host.to_owned(), format!("*.{host}")];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate can be made");
        let digest = Sha256::digest(made.signing_key.subject_public_key_info());
        Some(Self {
            host: host.to_owned(),
            tls: port(),
            plain: port(),
            gateway: port(),
            certificate: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
            fingerprint: base64::engine::general_purpose::STANDARD.encode(digest),
        })
    }

    /// What `public_url` is to be.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("https://{}:{}", self.host, self.tls)
    }

    /// What `trusted_proxies` is to be.
    #[must_use]
    pub fn trusted_proxies(&self) -> &'static str {
        PROXIES
    }

    /// What Chromium is to be told: that the hosts are here, and that this one certificate is as good as one of an authority. Others are
    /// refused as ever.
    #[must_use]
    pub fn browser_arguments(&self) -> Vec<String> {
        let Self { host, fingerprint, .. } = self;
        vec![
            format!("--host-resolver-rules=MAP {host} 127.0.0.1, MAP *.{host} 127.0.0.1"),
            format!("--ignore-certificate-errors-spki-list={fingerprint}"),
        ]
    }

    /// Starts it in front of an app.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(&self, app: &TestApp) -> Proxies {
        let dir = folder::fresh("nginx");
        let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("a file can be written");
        let services = app.app.url().trim_start_matches("http://").to_owned();
        for part in GATEWAY {
            let path = folder::workspace().join("k8s/components").join(part);
            let name = path.file_name().expect("it is a file").to_owned();
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{part}: {error}"));
            write(&name.to_string_lossy(), &self.here(&text, &dir, &services));
        }
        write("key.pem", &self.key);
        write("certificate.pem", &self.certificate);
        write("nginx.conf", &self.configuration(&dir));
        let mut command = Command::new(install::program("nginx").expect("there is an nginx"));
        command.arg("-p").arg(&dir).arg("-c").arg(dir.join("nginx.conf")).args(["-e", "stderr"]);
        let nginx = Launch::new("nginx", command, &dir.join("nginx.log")).start().expect("nginx starts");
        poll::until(LIMIT, "nginx listens", || {
            assert!(nginx.is_running(), "{}", nginx.log());
            [self.tls, self.plain, self.gateway].iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
        });
        Proxies { _nginx: nginx }
    }

    /// A file of the gateway with this machine's addresses.
    fn here(&self, text: &str, dir: &Path, services: &str) -> String {
        let text = text.replace("/etc/nginx/conf.d", &dir.to_string_lossy());
        let text = text.replace("listen 4000;", &format!("listen 127.0.0.1:{};", self.gateway));
        let names = ["users", "auth", "notification", "account", "console", "docs"];
        names.iter().fold(text, |text, name| text.replace(&format!("{name}-ms-cluster-ip-service:4000"), services))
    }

    /// What ingress controllers do by themselves: TLS, the host as it was asked for, the caller's address in the place of what the caller
    /// says, and people without TLS sent on.
    fn configuration(&self, dir: &Path) -> String {
        let Self { host, tls, plain, gateway, .. } = self;
        let dir = dir.display();
        format!(
            "daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    proxy_bind {GATEWAY_ADDRESS};
    include {dir}/gateway.conf;
    server {{
        listen 127.0.0.1:{tls} ssl;
        ssl_certificate {dir}/certificate.pem;
        ssl_certificate_key {dir}/key.pem;
        location / {{
            proxy_bind {INGRESS_ADDRESS};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto https;
            proxy_pass http://127.0.0.1:{gateway};
        }}
    }}
    server {{
        listen 127.0.0.1:{plain};
        return 308 https://{host}:{tls}$request_uri;
    }}
}}
"
        )
    }
}
