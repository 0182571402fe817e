//! Whom we trust: the roots this machine trusts, over TLS 1.2 and 1.3, for HTTP/1.1 and nothing else.

use rustls_platform_verifier::Verifier;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{self, ClientConfig, crypto::aws_lc_rs};

/// Why no agent can be reached over https.
#[derive(Debug, Clone, thiserror::Error)]
#[error("https is out of reach, install this machine's root certificates: {0}")]
pub struct NoTrust(#[from] rustls::Error);

/// The client's side of every handshake.
pub(crate) fn trust_of_the_machine() -> Result<TlsConnector, NoTrust> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new(Arc::clone(&provider))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous() // so called for any verifier that is handed in; this one is the operating system's
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
