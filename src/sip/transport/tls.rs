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
    /// The system has no authorities.
    #[error("the system knows no authorities that servers could be known by")]
    System(#[source] rustls::Error),
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
    /// Authorities that servers are known by; without them, those of the system.
    pub server_authorities: Option<PathBuf>,
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
    /// What connections of ours are put behind TLS with; `None` if there are no authorities to know servers by.
    client: Option<Arc<ClientConfig>>,
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
}

/// What connections of ours are put behind TLS with.
#[derive(Debug, Clone)]
pub enum Connector {
    /// With our certificate, as it is then: many know their peers by it.
    Certificate(Arc<Certificate>),
    /// With none; there is no TLS if there are no authorities to know servers by.
    Nameless(Option<Arc<ClientConfig>>),
}

impl Connector {
    /// Shows this certificate; without one, servers are known by `authorities`, else by the system's.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn new(
        certificate: Option<Arc<Certificate>>,
        authorities: Option<&Path>,
    ) -> Result<Self, CertificateError> {
        Ok(match certificate {
            Some(certificate) => Self::Certificate(certificate),
            None => Self::Nameless(client(authorities, None)?),
        })
    }

    /// What a connection is opened with now.
    pub(in crate::sip) fn config(&self) -> Option<Arc<ClientConfig>> {
        match self {
            Self::Certificate(certificate) => certificate.current.borrow().client.clone(),
            Self::Nameless(config) => config.clone(),
        }
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
    let own = (files.chain.as_path(), files.key.as_path());
    let client = client(files.server_authorities.as_deref(), Some(own))?;
    Ok(Loaded {
        config: Arc::new(builder.with_single_cert(certificates, key)?),
        client,
        fingerprint,
    })
}

/// [`client_config`], if there are authorities to know servers by: whoever does not connect over TLS needs none.
fn client(
    authority_file: Option<&Path>,
    own: Option<(&Path, &Path)>,
) -> Result<Option<Arc<ClientConfig>>, CertificateError> {
    match client_config(authority_file, own) {
        Ok(config) => Ok(Some(Arc::new(config))),
        Err(CertificateError::System(error)) => {
            tracing::debug!("no server can be known over TLS: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What connections of ours are put behind TLS with. Servers are known by these authorities, else by the system's;
/// `own` is a certificate chain to show to them, and its key.
///
/// # Errors
/// When a file cannot be used, or the system has no authorities.
pub fn client_config(
    authority_file: Option<&Path>,
    own: Option<(&Path, &Path)>,
) -> Result<ClientConfig, CertificateError> {
    let builder = ClientConfig::builder();
    let builder = match authority_file {
        Some(file) => builder.with_root_certificates(authorities(file)?),
        None => builder
            .with_platform_verifier()
            .map_err(CertificateError::System)?,
    };
    let Some((chain, key)) = own else {
        return Ok(builder.with_no_client_auth());
    };
    let private = PrivateKeyDer::from_pem_file(key).map_err(in_file(key))?;
    Ok(builder.with_client_auth_cert(certificates(chain)?, private)?)
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
