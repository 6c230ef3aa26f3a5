//! TLS towards what is probed: whom to believe, and how to begin.

use std::{sync::Arc, time::Duration};

use quorate_consensus::BoxIo;
use quorate_model::{Address, AddressKind, CaPem, Clock, Tls};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    time_provider::TimeProvider,
};
use tokio_rustls::TlsConnector;

/// The certificates of the authorities that a member trusts where a check names none. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Trust {
    roots: Arc<RootCertStore>,
}

/// What was given as certificates cannot be used as such.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these are no certificates in PEM: {problem}")]
pub struct InvalidCertificates {
    problem: String,
}

/// TLS could not be begun.
#[derive(Debug, thiserror::Error)]
pub(super) enum BeginError {
    #[error(transparent)]
    Certificates(#[from] InvalidCertificates),
    #[error("this member trusts no authority; let the check name its own, or skip the verification")]
    NoAuthority,
    #[error("TLS: {0}")]
    Tls(String),
}

/// Begins TLS over connections.
#[derive(Debug, Clone)]
pub(super) struct Encryption {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    time: Arc<WallTime>,
}

/// The wall clock of the member: certificates are valid for a time.
#[derive(Debug)]
struct WallTime(Arc<dyn Clock>);

/// Takes any certificate, and still has whoever shows it prove that it is theirs.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

// === impl Trust ===

impl Trust {
    /// Trusts the certificates of a text in PEM, at least one.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidCertificates> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let added = certificate.map_err(|error| format!("{error:?}"));
            let added = added.and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
            added.map_err(|problem| InvalidCertificates { problem })?;
        }
        if roots.is_empty() {
            let problem = "there is none".to_owned();
            return Err(InvalidCertificates { problem });
        }
        Ok(Self { roots: Arc::new(roots) })
    }

    /// Trusts nobody: a check that speaks TLS has to say itself whom to trust, or that it does not matter.
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            roots: Arc::new(RootCertStore::empty()),
        }
    }

    fn of(pem: &CaPem) -> Result<Self, InvalidCertificates> {
        Self::from_pem(pem.as_str())
    }
}

// === impl Encryption ===

impl Encryption {
    pub(super) fn new(trust: Trust, clock: Arc<dyn Clock>) -> Self {
        Self {
            trust,
            provider: Arc::new(ring::default_provider()),
            time: Arc::new(WallTime(clock)),
        }
    }

    /// Begins TLS as `tls` says, with whoever is at `address`, to speak `protocol`.
    pub(super) async fn begin(
        &self,
        io: BoxIo,
        tls: &Tls,
        address: &Address,
        protocol: &'static [u8],
    ) -> Result<BoxIo, BeginError> {
        let mut config = self.config(tls)?;
        config.alpn_protocols = vec![protocol.to_vec()];
        // A probe is to find out whether a handshake works, and not whether one worked an hour ago.
        config.resumption = rustls::client::Resumption::disabled();
        let name = server_name(tls.server_name.as_ref().unwrap_or(address))?;
        let begun = TlsConnector::from(Arc::new(config)).connect(name, io).await;
        match begun {
            Ok(io) => Ok(Box::pin(io) as BoxIo),
            Err(error) => Err(BeginError::Tls(error.to_string())),
        }
    }

    fn config(&self, tls: &Tls) -> Result<ClientConfig, BeginError> {
        let time: Arc<dyn TimeProvider> = Arc::<WallTime>::clone(&self.time);
        let config = ClientConfig::builder_with_details(Arc::clone(&self.provider), time)
            .with_safe_default_protocol_versions()
            .map_err(|error| BeginError::Tls(error.to_string()))?;
        if tls.skip_verify {
            let verifier = Arc::new(AnyCertificate(Arc::clone(&self.provider)));
            let config = config.dangerous().with_custom_certificate_verifier(verifier);
            return Ok(config.with_no_client_auth());
        }
        let trust = match &tls.ca_pem {
            Some(pem) => Trust::of(pem)?,
            None if self.trust.roots.is_empty() => return Err(BeginError::NoAuthority),
            None => self.trust.clone(),
        };
        Ok(config.with_root_certificates(trust.roots).with_no_client_auth())
    }
}

fn server_name(address: &Address) -> Result<ServerName<'static>, BeginError> {
    match address.kind() {
        AddressKind::Ip(ip) => Ok(ServerName::IpAddress((*ip).into())),
        AddressKind::Host(host) => {
            let name = ServerName::try_from(host.to_string());
            name.map_err(|_| BeginError::Tls(format!("{host} is no name that a certificate can have")))
        }
    }
}

// === impl WallTime ===

impl TimeProvider for WallTime {
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch = Duration::from_millis(self.0.wall_ms());
        Some(UnixTime::since_unix_epoch(since_epoch))
    }
}

// === impl AnyCertificate ===

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
