//! TLS: whose certificates are believed.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

use super::*;

/// An authority, and a server that it vouches for under the name web.example.
struct Vouched {
    authority_pem: String,
    server: Arc<ServerConfig>,
}

fn vouched() -> Vouched {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["web.example".to_owned(), "10.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    Vouched {
        authority_pem: authority.pem(),
        server: Arc::new(server),
    }
}

/// What is found of a server that speaks TLS and answers that all is well.
async fn found(address: &str, server: &Arc<ServerConfig>, tls: Tls, trust: Trust) -> Found {
    let probe = http(HttpProbeParts {
        tls: Some(tls),
        ..HttpProbeParts::default()
    });
    let acceptor = TlsAcceptor::from(Arc::clone(server));
    let target = target(address, probe);
    let (found, ()) = look(&target, trust, async |io| {
        // Whoever is not believed is left alone.
        let Ok(mut io) = acceptor.accept(io).await else {
            return;
        };
        if io.get_ref().1.alpn_protocol().is_none() {
            request(&mut io).await;
            let _ = io.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            let _ = io.shutdown().await;
        }
    })
    .await;
    found
}

fn authority(pem: &str) -> Tls {
    Tls {
        ca_pem: Some(pem.parse().unwrap()),
        ..Tls::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_the_authority_of_the_check_vouches_for_is_believed() {
    let Vouched { authority_pem, server } = vouched();
    let tls = authority(&authority_pem);
    is(
        &found("10.0.0.1", &server, tls.clone(), Trust::nobody()).await,
        true,
        "HTTP 200",
    );
    let other = found("10.0.0.9", &server, tls.clone(), Trust::nobody()).await;
    assert!(
        !other.is_good && other.output.as_str().starts_with("TLS: "),
        "{other:?}"
    );
    let named = Tls {
        server_name: Some("web.example".parse().unwrap()),
        ..tls
    };
    is(
        &found("10.0.0.9", &server, named, Trust::nobody()).await,
        true,
        "HTTP 200",
    );
}

#[tokio::test(start_paused = true)]
async fn the_authorities_of_the_member_are_believed_where_the_check_names_none() {
    let Vouched { authority_pem, server } = vouched();
    let trust = Trust::from_pem(&authority_pem).unwrap();
    is(
        &found("10.0.0.1", &server, Tls::default(), trust.clone()).await,
        true,
        "HTTP 200",
    );
    let stranger = vouched();
    let other = found("10.0.0.1", &stranger.server, Tls::default(), trust.clone()).await;
    assert!(!other.is_good, "{other:?}");
    let other = found("10.0.0.1", &server, authority(&stranger.authority_pem), trust).await;
    assert!(!other.is_good, "the check names another: {other:?}");
}

#[tokio::test(start_paused = true)]
async fn any_certificate_is_taken_where_that_is_asked_for() {
    let skipped = Tls {
        skip_verify: true,
        ..Tls::default()
    };
    is(
        &found("10.0.0.9", &vouched().server, skipped, Trust::nobody()).await,
        true,
        "HTTP 200",
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_trusts_nobody_says_so() {
    let found = found("10.0.0.1", &vouched().server, Tls::default(), Trust::nobody()).await;
    assert!(
        found.output.as_str().starts_with("this member trusts no authority"),
        "{found:?}"
    );
}

#[test]
fn what_is_no_certificate_is_not_trusted() {
    let empty = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    let half = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    for bad in ["", "nothing", empty, half, &empty.replace("\n-", "\nAAAA\n-")] {
        assert!(Trust::from_pem(bad).is_err(), "{bad:?}");
    }
    assert!(Trust::from_pem(&vouched().authority_pem).is_ok());
}
