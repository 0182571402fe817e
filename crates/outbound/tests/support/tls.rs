//! Certificates good and bad, made when a test needs them.

use base64::Engine;
use gavel_outbound::ExtraRoots;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ServerConfig, SupportedProtocolVersion};

/// The name the good certificates are for.
pub(crate) const HOST: &str = "stranger.example.com";

/// Who vouches in a test.
#[derive(Debug)]
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// What is wrong with a server's side of the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    SelfSigned,
    UnknownAuthority,
    Expired,
    NotYetValid,
    OtherName,
    /// Signed with SHA-1.
    Sha1,
    /// Speaks TLS 1.0 or 1.1 only; the second byte of its version.
    Old(u8),
    /// Speaks plain HTTP.
    Plain,
    /// Takes the connection and never answers.
    Stall,
    /// Hangs up in the middle.
    HangUp,
}

impl Flaw {
    /// The flaw a corpus names, such as `tls_self_signed`.
    pub(crate) fn named(name: &str) -> Option<Flaw> {
        let named = [
            ("self_signed", Flaw::SelfSigned),
            ("untrusted", Flaw::UnknownAuthority),
            ("unknown", Flaw::UnknownAuthority),
            ("expired", Flaw::Expired),
            ("not_yet", Flaw::NotYetValid),
            ("name", Flaw::OtherName),
            ("host", Flaw::OtherName),
            ("sha1", Flaw::Sha1),
            ("sha_1", Flaw::Sha1),
            ("1_0", Flaw::Old(1)),
            ("1_1", Flaw::Old(2)),
            ("plain", Flaw::Plain),
            ("stall", Flaw::Stall),
            ("close", Flaw::HangUp),
            ("hang_up", Flaw::HangUp),
        ];
        let tls = name.strip_prefix("tls_")?;
        named.iter().find(|(word, _)| tls.contains(word)).map(|(_, flaw)| *flaw)
    }
}

impl Authority {
    pub(crate) fn new() -> Authority {
        Authority::with("An authority of the tests", KeyPair::generate().unwrap())
    }

    fn with(name: &str, key: KeyPair) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Authority { issuer: Issuer::new(params, key), certificate }
    }

    pub(crate) fn pem(&self) -> String {
        let text = base64::engine::general_purpose::STANDARD.encode(&self.certificate);
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).unwrap()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    pub(crate) fn roots(&self) -> ExtraRoots {
        ExtraRoots::from_pem(self.pem().as_bytes()).unwrap()
    }

    /// A server that has a good certificate for every name, over these versions.
    pub(crate) fn acceptor(self, versions: &[&'static SupportedProtocolVersion]) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self));
        TlsAcceptor::from(Arc::new(config))
    }

    /// A server with this flaw, and the roots with which it is seen. It does not come to its answer.
    pub(crate) async fn flawed(ip: &str, flaw: Flaw) -> (SocketAddr, ExtraRoots) {
        let authority = match flaw {
            Flaw::Sha1 => {
                Authority::with("An old authority", KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap())
            }
            _ => Authority::new(),
        };
        let roots = match flaw {
            Flaw::UnknownAuthority => Authority::with("Another", KeyPair::generate().unwrap()).roots(),
            _ => authority.roots(),
        };
        let (chain, key) = authority.certificate_with(flaw);
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS12, &TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(greet(stream, flaw, acceptor.clone()));
            }
        });
        (address, roots)
    }

    fn certificate_with(&self, flaw: Flaw) -> (CertificateDer<'static>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let host = if flaw == Flaw::OtherName { "other.example.com" } else { HOST };
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name = named(host);
        match flaw {
            Flaw::Expired => params.not_after = rcgen::date_time_ymd(2020, 1, 1),
            Flaw::NotYetValid => params.not_before = rcgen::date_time_ymd(3000, 1, 1),
            _ => {}
        }
        let made = match flaw {
            Flaw::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.issuer),
        };
        let der = made.unwrap().der().clone();
        (if flaw == Flaw::Sha1 { said_to_be_sha1(&der) } else { der }, key)
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![hello.server_name()?.to_owned()]).unwrap();
        params.distinguished_name = named("a good agent");
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(key).unwrap();
        Some(Arc::new(CertifiedKey::new(vec![certificate], key)))
    }
}

async fn greet(mut stream: TcpStream, flaw: Flaw, acceptor: TlsAcceptor) -> io::Result<()> {
    let mut hello = [0; 4_096];
    match flaw {
        Flaw::Plain => {
            let _ = stream.read(&mut hello).await?;
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await
        }
        Flaw::Old(version) => {
            let _ = stream.read(&mut hello).await?;
            stream.write_all(&hello_of(version)).await?;
            stream.read_to_end(&mut Vec::new()).await.map(|_| ())
        }
        Flaw::Stall => stream.read_to_end(&mut Vec::new()).await.map(|_| ()),
        Flaw::HangUp => stream.read(&mut hello).await.map(|_| ()),
        _ => acceptor.accept(stream).await.map(|_| ()),
    }
}

/// What a server says that knows nothing newer: record, handshake, version, random, no session, AES128-SHA.
fn hello_of(version: u8) -> Vec<u8> {
    let body = [&[3, version][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    let handshake = [&[2, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat();
    [&[22, 3, version, 0, u8::try_from(handshake.len()).unwrap()][..], &handshake].concat()
}

/// The same certificate, naming SHA-1 with RSA (1.2.840.113549.1.1.5) in both places instead of SHA-256 (...11). Who
/// refuses the algorithm does not come to see that the signature is now another's.
fn said_to_be_sha1(der: &CertificateDer<'_>) -> CertificateDer<'static> {
    const SHA256: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
    let mut bytes = der.to_vec();
    let places: Vec<usize> =
        bytes.windows(SHA256.len()).enumerate().filter(|(_, w)| *w == SHA256).map(|(at, _)| at).collect();
    assert_eq!(places.len(), 2, "inside and outside of what is signed");
    places.iter().for_each(|at| bytes[at + SHA256.len() - 1] = 5);
    CertificateDer::from(bytes)
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}
