//! Whom the client believes: real handshakes with certificates good and bad.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use gavel_dispatcher::retry::may_send_again;
use gavel_dispatcher::transport::{FailureKind, SendFailure, Transport};
use gavel_outbound::{BadRoots, ExtraRoots, Limits, Outbound, Surroundings, SystemDial};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::{Authority, Flaw, HOST, Names, Play, Server, guard, ok, request};
use tokio_rustls::rustls::version::{TLS12, TLS13};

const PATIENCE_MS: u64 = 30_000;

fn client(port: u16, roots: ExtraRoots, limits: Limits) -> Outbound {
    let surroundings =
        Surroundings { lookup: Names::new(&[&["127.0.0.2"]]), roots, dial: Arc::new(SystemDial) };
    Outbound::within(surroundings, guard(&[port]), limits).unwrap()
}

async fn refused(flaw: Flaw, limits: Limits) -> SendFailure {
    let (address, roots) = Authority::flawed("127.0.0.2", flaw).await;
    let url = format!("https://{HOST}:{}/execute", address.port());
    client(address.port(), roots, limits).send(request(&url, PATIENCE_MS)).await.unwrap_err()
}

#[tokio::test]
async fn an_authority_that_was_named_is_believed_over_both_versions() {
    for versions in [&[&TLS12], &[&TLS13]] {
        let authority = Authority::new();
        let roots = authority.roots();
        let server = Server::tls("127.0.0.2", authority.acceptor(versions), Play::Write(ok("{}"))).await;
        let url = server.url_of_a_stranger();
        let believing = client(server.address.port(), roots, Limits::default());
        for _ in 0..2 {
            assert_eq!(believing.send(request(&url, PATIENCE_MS)).await.unwrap().status, 200);
        }
        assert_eq!(server.connections(), 1);
        let strict = client(server.address.port(), ExtraRoots::default(), Limits::default());
        let failure = strict.send(request(&url, PATIENCE_MS)).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Tls, "{failure}");
        assert_eq!(server.requests().len(), 2, "nothing is sent to whom is not believed");
    }
}

/// Each with an authority that is believed: it vouches for no wrong date, name or algorithm.
#[tokio::test]
async fn what_is_wrong_is_refused_whoever_vouches() {
    for (flaw, said) in [
        (Flaw::SelfSigned, "UnknownIssuer"),
        (Flaw::UnknownAuthority, "UnknownIssuer"),
        (Flaw::Expired, "expired"),
        (Flaw::NotYetValid, "not valid yet"),
        (Flaw::OtherName, "not valid for name"),
        (Flaw::Sha1, "nsupported"),
        (Flaw::Old(1), ""),
        (Flaw::Old(2), ""),
        (Flaw::Plain, "corrupt message"),
    ] {
        let failure = refused(flaw, Limits::default()).await;
        assert_eq!(
            (failure.kind, may_send_again(failure.kind)),
            (FailureKind::Tls, false),
            "{flaw:?}: {failure}"
        );
        assert!(failure.message.contains(said), "{flaw:?}: {failure}");
        assert!(failure.timing.tls.is_some() && failure.timing.first_byte.is_none(), "{flaw:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_no_connection() {
    let soon = Limits { connect: Duration::from_millis(200), ..Limits::default() };
    for flaw in [Flaw::Stall, Flaw::HangUp] {
        let failure = refused(flaw, soon.clone()).await;
        assert_eq!(
            (failure.kind, may_send_again(failure.kind)),
            (FailureKind::Connect, true),
            "{flaw:?}: {failure}"
        );
    }
}

#[test]
fn a_file_of_authorities_is_taken_whole_or_not_at_all() {
    let (one, two) = (Authority::new().pem(), Authority::new().pem());
    assert!(ExtraRoots::from_pem(format!("# ours\n{one}{two}").as_bytes()).is_ok());
    let error = |text: &str| ExtraRoots::from_pem(text.as_bytes()).unwrap_err();
    assert!(matches!(error(""), BadRoots::Empty));
    assert!(matches!(error("no PEM at all"), BadRoots::Empty));
    assert!(matches!(error(&one[..one.len() - 40]), BadRoots::Pem(_)));
    let not_one = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let second = error(&format!("{one}{not_one}"));
    assert!(second.to_string().starts_with("its certificate 2 cannot be used"), "{second}");
}

/// There is one verifier, the platform's, and nobody writes another one.
#[test]
fn nothing_switches_verification_off() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut text = String::new();
    for file in fs::read_dir(sources).unwrap() {
        text.push_str(&fs::read_to_string(file.unwrap().path()).unwrap());
    }
    assert_eq!(text.matches("dangerous").count(), 1, "the one place that hands in the platform's verifier");
    assert_eq!(text.matches("with_custom_certificate_verifier(Arc::new(verifier))").count(), 1);
    assert_eq!(text.matches("let verifier = Verifier::new_with_extra_roots(").count(), 1);
    for way in [
        "ServerCertVerifier",
        "ServerCertVerified",
        "danger_",
        "insecure",
        "SignatureValid",
        "set_certificate_verifier",
    ] {
        assert!(!text.contains(way), "{way}");
    }
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/default.toml");
    let settings = fs::read_to_string(settings).unwrap().to_ascii_lowercase();
    for way in ["insecure", "verify", "skip_tls", "accept_invalid"] {
        assert!(!settings.contains(way), "{way} is no setting");
    }
}
