//! Certificates made for a test.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedKey, IsCa, Issuer, KeyPair,
    generate_simple_self_signed,
};
use rustls::pki_types::CertificateDer;

/// An authority: its certificate, and what it signs with.
pub type Authority = (rcgen::Certificate, Issuer<'static, KeyPair>);

/// Writes a fresh certificate for localhost with its key, and gives it.
pub fn write_certificate(directory: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("chain.pem"), cert.pem()).unwrap();
    std::fs::write(directory.join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

/// An authority and a certificate of it for `name`, written as `NAME.pem` and `NAME-key.pem`.
pub fn issue(directory: &Path, authority: &Authority, name: &str) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority.1).unwrap();
    let file = |suffix: &str| directory.join(format!("{name}{suffix}.pem"));
    std::fs::write(file(""), certificate.pem()).unwrap();
    std::fs::write(file("-key"), key.serialize_pem()).unwrap();
}

/// A new authority.
pub fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    (certificate, Issuer::new(params, key))
}
