//! TLS in front of a server: connections are decrypted and passed on.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::Upstream;

/// A port of its own, gone when dropped.
pub(crate) struct Tls {
    port: u16,
    certificate: String,
    passing: JoinHandle<()>,
}

impl Tls {
    /// In front of a server, with a new certificate for a host that nobody trusts yet.
    pub(crate) async fn before(upstream: &Upstream, host: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([host.to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key);
        let acceptor = TlsAcceptor::from(Arc::new(config.expect("a fitting pair")));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let behind = upstream.port();
        let passing = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut outside = acceptor.accept(stream).await?;
                    let mut inside = TcpStream::connect(("127.0.0.1", behind)).await?;
                    tokio::io::copy_bidirectional(&mut outside, &mut inside).await
                });
            }
        });
        Self {
            port,
            certificate: made.cert.pem(),
            passing,
        }
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its certificate, in PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.passing.abort();
    }
}
