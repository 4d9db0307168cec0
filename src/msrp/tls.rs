//! TLS to a peer that is known by the fingerprint in its session description (RFC 4975 section 14.4, RFC 8122): we
//! connect, and whoever answers must have that certificate.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use sha2::{Digest, Sha256};

use crate::msrp::sdp::values::Fingerprint;

/// The one hash that is compared; every peer of today has it (RFC 8122 section 5).
const SHA_256: &str = "sha-256";

/// Whether a peer with these fingerprints can be known by them.
#[must_use]
pub fn can_be_known(fingerprints: &[Fingerprint]) -> bool {
    digests(fingerprints).next().is_some()
}

fn digests(fingerprints: &[Fingerprint]) -> impl Iterator<Item = &Vec<u8>> {
    fingerprints
        .iter()
        .filter(|fingerprint| fingerprint.hash == SHA_256)
        .map(|fingerprint| &fingerprint.digest)
}

/// What to connect with to a peer that has one of these fingerprints.
///
/// # Errors
/// When there is no cryptography to do it with.
pub fn config(fingerprints: &[Fingerprint]) -> Result<ClientConfig, Error> {
    let provider = CryptoProvider::get_default()
        .ok_or_else(|| Error::General("no cryptography was installed".to_owned()))?;
    let pinned = Pinned {
        digests: digests(fingerprints).cloned().collect(),
        provider: Arc::clone(provider),
    };
    Ok(ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_no_client_auth())
}

/// Takes a certificate that has one of these digests, whatever its name, and whoever proves to have its key.
#[derive(Debug)]
struct Pinned {
    digests: Vec<Vec<u8>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let digest = Sha256::digest(end_entity);
        if self.digests.iter().any(|known| known[..] == digest[..]) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
