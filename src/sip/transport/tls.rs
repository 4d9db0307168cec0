//! SIP over TLS (RFC 3261 section 26.2.1, RFC 5922): connections behind a certificate that can be replaced
//! while the listener runs, and the names that certificates of clients prove.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};
use rustls_platform_verifier::BuilderVerifierExt;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use webpki::EndEntityCert;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read, or holds no certificate or key in PEM.
    #[error("{path} cannot be read as PEM")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not go together, or an authority's certificate is none.
    #[error("the certificate cannot be used")]
    Pair(#[from] rustls::Error),
    /// There is no authority that clients could be known by.
    #[error("no certificate of a client can be checked")]
    Clients(#[from] VerifierBuilderError),
}

/// The files that TLS is served with, all PEM.
#[derive(Debug, Clone)]
pub struct Files {
    /// The certificate chain.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities whose certificates of clients are believed; without them no client is asked for one.
    pub client_authorities: Option<PathBuf>,
}

/// The certificate of the listener, as its files have it.
#[derive(Debug)]
pub struct Certificate {
    files: Files,
    current: watch::Sender<Loaded>,
}

/// What the files hold.
#[derive(Debug, Clone)]
struct Loaded {
    config: Arc<ServerConfig>,
    /// What we connect with ourselves; `None` if the system has no authorities to know others by.
    connector: Option<Arc<ClientConfig>>,
    fingerprint: Vec<u8>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn load(files: Files) -> Result<Self, CertificateError> {
        let current = watch::Sender::new(read(&files)?);
        Ok(Self { files, current })
    }

    /// Reads the files again, for connections from now on. If they cannot be used, the certificate
    /// stays what it was.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn reload(&self) -> Result<(), CertificateError> {
        self.current.send_replace(read(&self.files)?);
        Ok(())
    }

    /// The SHA-256 digest of the certificate as it is now (RFC 8122 section 5).
    #[must_use]
    pub fn fingerprint(&self) -> Vec<u8> {
        self.current.borrow().fingerprint.clone()
    }

    /// What connections are accepted with now.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.borrow().config))
    }

    /// What connections are opened with now: we show our certificate, and believe those of the authorities that clients
    /// are known by, else of the system's.
    pub(super) fn connector(&self) -> Option<Arc<ClientConfig>> {
        self.current.borrow().connector.clone()
    }
}

fn read(files: &Files) -> Result<Loaded, CertificateError> {
    let certificates = certificates(&files.chain)?;
    let first = certificates.first().map(AsRef::as_ref);
    let fingerprint = Sha256::digest(first.unwrap_or_default()).to_vec();
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(in_file(&files.key))?;
    let builder = match &files.client_authorities {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(file) => {
            let authorities = Arc::new(authorities(file)?);
            // A client without one is a stranger, who may be known by other means.
            let verifier = WebPkiClientVerifier::builder(authorities).allow_unauthenticated();
            ServerConfig::builder().with_client_cert_verifier(verifier.build()?)
        }
    };
    let connector = connector(files, certificates.clone(), key.clone_key())?;
    Ok(Loaded {
        config: Arc::new(builder.with_single_cert(certificates, key)?),
        connector: connector.map(Arc::new),
        fingerprint,
    })
}

fn connector(
    files: &Files,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Option<ClientConfig>, CertificateError> {
    let builder = ClientConfig::builder();
    let builder = match &files.client_authorities {
        Some(file) => builder.with_root_certificates(authorities(file)?),
        None => match builder.with_platform_verifier() {
            Ok(builder) => builder,
            Err(error) => {
                tracing::debug!("nobody can be known over TLS: {error}");
                return Ok(None);
            }
        },
    };
    Ok(Some(builder.with_client_auth_cert(chain, key)?))
}

/// The certificates of a PEM file as roots of trust.
///
/// # Errors
/// When the file cannot be read or has a certificate that is none.
pub fn authorities(file: &Path) -> Result<RootCertStore, CertificateError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

/// The certificates of a PEM file.
///
/// # Errors
/// When the file cannot be read.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(in_file(file))
}

fn in_file(path: &Path) -> impl FnOnce(rustls::pki_types::pem::Error) -> CertificateError {
    let path = path.to_owned();
    move |source| CertificateError::File { path, source }
}

/// The names that the certificate of a client is good for: host names, and domains in SIP URIs (RFC 5922
/// section 7.1). It has been verified in the handshake.
pub(super) fn client_names(connection: &ServerConnection) -> Arc<[String]> {
    let certificate = connection.peer_certificates().and_then(<[_]>::first);
    let Some(Ok(certificate)) = certificate.map(EndEntityCert::try_from) else {
        return Arc::from([]);
    };
    let domains = certificate
        .valid_uri_names()
        .filter_map(|uri| uri.strip_prefix("sip:"))
        // With a user part it names a person, not a domain.
        .filter(|rest| !rest.contains(['@', ':', ';', '?']));
    certificate
        .valid_dns_names()
        .chain(domains)
        .map(str::to_owned)
        .collect()
}
