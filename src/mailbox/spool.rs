//! Where the content of a large message lies while it is being received: a temporary file that is written at any
//! place, for the chunks of an MSRP message come in any order (RFC 4975 section 7.3.1).
//!
//! What comes in order is gathered before it is written, and a small content never reaches the disk here.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tempfile::{Builder, NamedTempFile};
use tokio::task::spawn_blocking;

/// Octets that are gathered before they are written.
const GATHERED: usize = 64 * 1024;
/// What the names of the files begin with.
const PREFIX: &str = "large-";

/// The directory of the temporary files.
#[derive(Debug, Clone)]
pub struct SpoolDirectory(Arc<Path>);

impl SpoolDirectory {
    /// Makes the directory if it is not there, for nobody else's eyes, and removes what an earlier run has left in
    /// it. The files of one that still runs are locked and stay.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
            if ours && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(Self(path.into()))
    }

    /// A content of which nothing has come yet.
    #[must_use]
    pub fn spool(&self) -> Spool {
        Spool {
            directory: self.clone(),
            file: None,
            gathered: BytesMut::new(),
            gathered_at: 0,
        }
    }
}

/// A content while it is being received. Dropped, it is gone.
#[derive(Debug)]
pub struct Spool {
    directory: SpoolDirectory,
    /// Made when something is written.
    file: Option<Arc<NamedTempFile>>,
    /// Octets not written yet, and their place in the content.
    gathered: BytesMut,
    gathered_at: u64,
}

impl Spool {
    /// Takes octets at their place, counted from 0. What was there is replaced; what is skipped is zeros.
    ///
    /// # Errors
    /// When they cannot be written; the content is lost then.
    pub async fn write_at(&mut self, offset: u64, octets: Bytes) -> io::Result<()> {
        let end = self.gathered_at + self.gathered.len() as u64;
        if offset != end {
            self.flush().await?;
            self.gathered_at = offset;
        }
        self.gathered.extend_from_slice(&octets);
        if self.gathered.len() >= GATHERED {
            self.flush().await?;
        }
        Ok(())
    }

    /// The first `most` octets, or all if there are fewer.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn read_head(&mut self, most: usize) -> io::Result<Bytes> {
        if self.file.is_none() && self.gathered_at == 0 {
            let len = self.gathered.len().min(most);
            return Ok(Bytes::copy_from_slice(
                self.gathered.get(..len).unwrap_or_default(),
            ));
        }
        let file = self.flush().await?;
        blocking(move || {
            let len = file.as_file().metadata()?.len();
            let len = usize::try_from(len).unwrap_or(usize::MAX).min(most);
            let mut head = vec![0; len];
            file.as_file().read_exact_at(&mut head, 0)?;
            Ok(head.into())
        })
        .await
    }

    /// The file with all that has come, for as long as the result is held. Its octets need not be on the disk yet.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn into_file(mut self) -> io::Result<Arc<NamedTempFile>> {
        self.flush().await
    }

    /// Writes what was gathered.
    async fn flush(&mut self) -> io::Result<Arc<NamedTempFile>> {
        if self.file.is_none() {
            self.file = Some(Arc::new(self.directory.make_file().await?));
        }
        let file = self.file.clone().ok_or(io::ErrorKind::NotFound)?;
        let octets = self.gathered.split().freeze();
        if octets.is_empty() {
            return Ok(file);
        }
        let at = self.gathered_at;
        self.gathered_at += octets.len() as u64;
        blocking(move || {
            file.as_file().write_all_at(&octets, at)?;
            Ok(file)
        })
        .await
    }
}

impl SpoolDirectory {
    async fn make_file(&self) -> io::Result<NamedTempFile> {
        let directory = Arc::clone(&self.0);
        blocking(move || {
            let file = Builder::new().prefix(PREFIX).tempfile_in(directory)?;
            file.as_file().lock()?;
            Ok(file)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(work)
    }

    fn files(directory: &Path) -> usize {
        std::fs::read_dir(directory).unwrap().count()
    }

    #[test]
    fn what_is_small_and_in_order_never_reaches_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let spools = SpoolDirectory::open(directory.path()).unwrap();
        run(async {
            let mut spool = spools.spool();
            spool.write_at(0, Bytes::from("Watson, ")).await.unwrap();
            spool.write_at(8, Bytes::from("come here.")).await.unwrap();
            assert_eq!(spool.read_head(6).await.unwrap(), "Watson");
            assert_eq!(spool.read_head(100).await.unwrap(), "Watson, come here.");
            assert_eq!(files(directory.path()), 0);
            spool.write_at(0, Bytes::from("w")).await.unwrap();
            assert_eq!(spool.read_head(100).await.unwrap(), "watson, come here.");
            assert_eq!(files(directory.path()), 1);
        });
        assert_eq!(files(directory.path()), 0);
    }

    #[test]
    fn what_an_earlier_run_left_is_removed_and_what_is_in_use_stays() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("large-left"), "x").unwrap();
        std::fs::write(directory.path().join("other"), "x").unwrap();
        let spools = SpoolDirectory::open(directory.path()).unwrap();
        assert_eq!(files(directory.path()), 1);
        run(async {
            let mut spool = spools.spool();
            spool.write_at(9, Bytes::from("x")).await.unwrap();
            assert_eq!(spool.read_head(3).await.unwrap(), "\0\0\0");
            SpoolDirectory::open(directory.path()).unwrap();
            assert_eq!(files(directory.path()), 2);
        });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// Whatever is written where, the octets are those of an array written the same way.
        #[test]
        fn same_as_an_array(writes in proptest::collection::vec((0_usize..200_000, 1_usize..70_000, any::<u8>()), 1..12)) {
            let directory = tempfile::tempdir().unwrap();
            let spools = SpoolDirectory::open(directory.path()).unwrap();
            let mut array = Vec::new();
            let got = run(async {
                let mut spool = spools.spool();
                for (at, len, octet) in writes {
                    spool.write_at(at as u64, Bytes::from(vec![octet; len])).await.unwrap();
                    array.resize(array.len().max(at + len), 0);
                    array[at..at + len].fill(octet);
                }
                spool.read_head(usize::MAX).await.unwrap()
            });
            prop_assert!(got == array);
        }
    }
}
