//! Doors with TLS, right and wrong, as a client sees them that trusts the farm's authority and nobody else.

use crate::support::{Ended, Got, talk, until};
use base64::{Engine, engine::general_purpose::STANDARD};
use gavel_agentfarm::{Action, AgentSpec, Door, Endless, Farm, Payload, TLS_NAME, Tls};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

/// A handshake that stalls is not over by then.
const STALL: Duration = Duration::from_millis(200);

async fn farm(tls: Tls, action: Action) -> Farm {
    Farm::start(vec![AgentSpec::always("a", action).behind(Door::Https(tls))]).await.unwrap()
}

/// Connects as a caller does that resolves the name to loopback.
async fn connect(ca: Vec<u8>, url: &str) -> io::Result<TlsStream<TcpStream>> {
    let port = url.strip_prefix(&format!("https://{TLS_NAME}:")).unwrap().split('/').next().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(ca)).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).await?;
    let name = ServerName::try_from(TLS_NAME).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn call(farm: &Farm) -> Got {
    let agent = farm.agent("a").unwrap();
    let mut stream = connect(farm.ca_der().unwrap(), &agent.url()).await.unwrap();
    talk(&mut stream, "/execute", "", "{}").await
}

#[tokio::test]
async fn a_valid_chain_carries_a_bid_and_everything_a_script_can_say() {
    let valid = farm(Tls::Valid, Action::Bid).await;
    let got = call(&valid).await;
    assert_eq!((got.status(), got.end), (200, Ended::Closed));
    assert_eq!(valid.requests("a").len(), 1);
    let lie = Action::Lie { content_length: 500, body: Payload::from("short") };
    assert_eq!(call(&farm(Tls::Valid, lie).await).await.body(), b"short");
    assert_eq!(call(&farm(Tls::Valid, Action::Endless(Endless::Body)).await).await.end, Ended::Endless);
    let reset = Action::Reset { after: Payload::from("HTTP/1.1 200 OK\r\n") };
    assert_eq!(call(&farm(Tls::Valid, reset).await).await.end, Ended::Reset);
}

#[tokio::test]
async fn every_wrong_door_is_wrong_in_its_own_way() {
    for (tls, why) in [
        (Tls::Expired, "expired"),
        (Tls::NotYetValid, "not valid yet"),
        (Tls::WrongName, "not valid for name"),
        (Tls::SelfSigned, "UnknownIssuer"),
        (Tls::UnknownAuthority, "UnknownIssuer"),
        (Tls::OldVersion, "ServerDoesNotSupportTls12Or13"),
        (Tls::Garbage, "corrupt message"),
        (Tls::PlainHttp, "corrupt message"),
        (Tls::HangUp, "eof"),
    ] {
        let farm = farm(tls, Action::Bid).await;
        let agent = farm.agent("a").unwrap();
        let refused = connect(farm.ca_der().unwrap(), &agent.url()).await.map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains(why), "{tls:?}: {refused}");
        until("the connection is over", || agent.connections() == 0).await;
        assert_eq!((agent.connections_ever(), agent.everything().len()), (1, 0), "{tls:?}");
    }
}

#[tokio::test]
async fn a_handshake_may_stall() {
    let farm = farm(Tls::Stall, Action::Bid).await;
    let agent = farm.agent("a").unwrap();
    let url = agent.url();
    assert!(timeout(STALL, connect(farm.ca_der().unwrap(), &url)).await.is_err());
    until("the caller is noticed to be gone", || agent.connections() == 0).await;
    assert!(agent.everything().is_empty());
}

#[tokio::test]
async fn the_certificate_to_trust_is_the_same_in_both_forms() {
    let farm = Farm::start(Vec::new()).await.unwrap();
    let pem = farm.ca_pem().unwrap();
    let inside: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    assert_eq!(STANDARD.decode(inside).unwrap(), farm.ca_der().unwrap());
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n") && pem.lines().all(|line| line.len() <= 64));
    let other = Farm::start(Vec::new()).await.unwrap();
    assert_ne!(other.ca_der().unwrap(), farm.ca_der().unwrap(), "nobody keeps an authority");
}
