//! TLS to servers: which of them are trusted, and the addresses for which there is no TLS.
//!
//! The authorities are those of the platform, or of `SSL_CERT_FILE` and `SSL_CERT_DIR` where these are set; on a platform
//! that has none, those that browsers trust. They are read when the first server shows its certificate.

use std::sync::{Arc, LazyLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// What to do without TLS for MQTT.
pub(crate) const NO_TLS: &str = "Spindle has no TLS client for MQTT: use mqtt:// in a network that you trust, put a TLS tunnel \
                                 such as stunnel beside Spindle, or run the app on Spin";

/// Whether an address asks for TLS that there is not.
pub(crate) fn is_missing(address: &str) -> bool {
    let scheme = address.trim_start().split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("mqtts")
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));

static VERIFIER: LazyLock<Result<Arc<WebPkiServerVerifier>, String>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some of the platform's certificate authorities cannot be read");
    }
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().find(|name| std::env::var_os(name).is_some());
        if let Some(name) = named {
            // Trusting others than those that somebody has named would be a surprise.
            return Err(format!("there is no certificate authority in what {name} names"));
        }
        tracing::warn!("the platform has no certificate authorities; those that browsers trust are taken");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&PROVIDER))
        .build()
        .map_err(|error| error.to_string())
});

/// How to speak TLS 1.2 and 1.3 to a server.
pub(crate) fn client() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_safe_default_protocol_versions()
        .expect("ring has the default protocol versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PlatformVerifier))
        .with_no_client_auth()
}

/// rustls' own verifier, with authorities that are read when they are needed.
#[derive(Debug)]
struct PlatformVerifier;

impl PlatformVerifier {
    fn verifier() -> Result<&'static WebPkiServerVerifier, Error> {
        VERIFIER.as_ref().map(Arc::as_ref).map_err(|reason| Error::General(reason.clone()))
    }
}

impl ServerCertVerifier for PlatformVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Self::verifier()?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::verifier()?.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::verifier()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_tells() {
        assert!(is_missing(" MQTTS://broker?client_id=a"));
        assert!(!is_missing("rediss://cache:6380") && !is_missing("redis://cache") && !is_missing("mqtts"));
    }
}
