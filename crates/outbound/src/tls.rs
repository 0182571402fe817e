//! Whom we trust: the roots this machine trusts and those an operator names beside them, over TLS 1.2 and 1.3, for
//! HTTP/1.1 and nothing else. Every certificate is verified; nothing switches that off.

use rustls_platform_verifier::Verifier;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, crypto::aws_lc_rs};

/// Certificate authorities an operator trusts beside the machine's: agents inside a company have certificates of the
/// company's own. They only vouch; dates, names and signatures are verified as for everyone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtraRoots(Vec<CertificateDer<'static>>);

/// Why no agent can be reached over https.
#[derive(Debug, Clone, thiserror::Error)]
#[error("https is out of reach, install this machine's root certificates: {0}")]
pub struct NoTrust(#[from] rustls::Error);

/// Why a file of certificate authorities is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BadRoots {
    /// It has no certificate, so nothing would be trusted that is not trusted already.
    #[error("it has no certificate; it must be PEM, with lines that say BEGIN CERTIFICATE")]
    Empty,
    /// A part of it is broken.
    #[error("it is broken PEM: {0}")]
    Pem(#[from] pem::Error),
    /// What calls itself a certificate is none.
    #[error("its certificate {number} cannot be used: {why}")]
    Certificate {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        why: rustls::Error,
    },
}

impl ExtraRoots {
    /// All certificates of a PEM text. Other parts of it are passed over.
    ///
    /// # Errors
    /// When there is none, or one that cannot be used: a trust that silently lacks one is worse than none.
    pub fn from_pem(text: &[u8]) -> Result<Self, BadRoots> {
        let certificates = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>()?;
        if certificates.is_empty() {
            return Err(BadRoots::Empty);
        }
        for (at, certificate) in certificates.iter().enumerate() {
            let added = RootCertStore::empty().add(certificate.clone());
            added.map_err(|why| BadRoots::Certificate { number: at + 1, why })?;
        }
        Ok(Self(certificates))
    }
}

/// The client's side of every handshake.
pub(crate) fn trust(extra: &ExtraRoots) -> Result<TlsConnector, NoTrust> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra.0.iter().cloned(), Arc::clone(&provider))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous() // so called for any verifier that is handed in; this one is the operating system's
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
