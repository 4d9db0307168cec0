//! SIP over TLS (RFC 3261 section 26.2.1): TCP connections behind a certificate that can be
//! replaced while the listener runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

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
    /// Certificate and key do not go together.
    #[error("the certificate cannot be used with the key")]
    Pair(#[from] rustls::Error),
}

/// The certificate of the listener, as its files have it.
#[derive(Debug)]
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: watch::Sender<Arc<ServerConfig>>,
}

impl Certificate {
    /// Reads the chain and the key, both PEM files.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn load(chain: &Path, key: &Path) -> Result<Self, CertificateError> {
        let current = watch::Sender::new(Arc::new(read(chain, key)?));
        Ok(Self {
            chain: chain.to_owned(),
            key: key.to_owned(),
            current,
        })
    }

    /// Reads the files again, for connections from now on. If they cannot be used, the certificate
    /// stays what it was.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn reload(&self) -> Result<(), CertificateError> {
        self.current
            .send_replace(Arc::new(read(&self.chain, &self.key)?));
        Ok(())
    }

    /// What connections are accepted with now.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.borrow()))
    }
}

fn read(chain: &Path, key: &Path) -> Result<ServerConfig, CertificateError> {
    let in_file = |path: &Path| {
        let path = path.to_owned();
        move |source| CertificateError::File { path, source }
    };
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(in_file(chain))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(in_file(key))?;
    Ok(ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)?)
}
