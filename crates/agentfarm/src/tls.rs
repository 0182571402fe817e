//! The farm's certificate authority, made at start and gone with it; certificates right and wrong.

use crate::spec::{TLS_NAME, Tls};
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use std::io;
use std::sync::Arc;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The name on the certificate that is another's.
const OTHER_NAME: &str = "another.test";
/// Base64 of a PEM file is broken after so many characters.
const PEM_LINE: usize = 64;

/// Vouches for agents. Nobody trusts it but the tests that ask for its certificate.
#[derive(Debug)]
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> io::Result<Self> {
        let made = || {
            let mut params = CertificateParams::new(Vec::<String>::new())?;
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, "Agent farm, for tests only");
            CertifiedIssuer::self_signed(params, KeyPair::generate()?)
        };
        made().map(Self).map_err(io::Error::other)
    }

    pub(crate) fn der(&self) -> &[u8] {
        self.0.der()
    }

    pub(crate) fn pem(&self) -> String {
        let text = STANDARD.encode(self.der());
        let lines: Vec<String> =
            text.as_bytes().chunks(PEM_LINE).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// The server's side of a handshake, with the certificate this door shows.
    pub(crate) fn server(&self, tls: Tls) -> io::Result<Arc<ServerConfig>> {
        let (chain, key) = self.certificate(tls).map_err(io::Error::other)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(io::Error::other)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn certificate(&self, tls: Tls) -> Result<(Vec<CertificateDer<'static>>, KeyPair), rcgen::Error> {
        let name = if tls == Tls::WrongName { OTHER_NAME } else { TLS_NAME };
        let mut params = CertificateParams::new([name.to_owned()])?;
        match tls {
            Tls::Expired => params.not_after = date_time_ymd(2020, 1, 1),
            Tls::NotYetValid => params.not_before = date_time_ymd(4000, 1, 1),
            _ => {}
        }
        let key = KeyPair::generate()?;
        let certificate = match tls {
            Tls::SelfSigned => params.self_signed(&key)?,
            Tls::UnknownAuthority => {
                let unknown = CertificateParams::new(Vec::<String>::new())?;
                let authority = CertifiedIssuer::self_signed(unknown, KeyPair::generate()?)?;
                params.signed_by(&key, &authority)?
            }
            _ => params.signed_by(&key, &self.0)?,
        };
        Ok((vec![certificate.der().clone()], key))
    }
}
