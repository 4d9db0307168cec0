//! Contents that are too large for the database: one object each, in a directory or in a bucket of a server that
//! speaks S3.
//!
//! Names are random and our own, never from a message. An object is durable before [`Objects::put_file`] returns,
//! and never changes. A row is written after its object, and removed before it: so an object without a row is
//! possible, a row without its object is not. [`crate::mailbox::expire`] removes objects without a row.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{
    GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::spawn_blocking;

use crate::clock;
use crate::domain::hex::hex;

/// Octets of one part of an upload: the least that S3 takes, for a part is in memory as a whole.
const PART: usize = 5 * 1024 * 1024;
/// Random octets in a name.
const NAME_OCTETS: usize = 16;

/// Where objects are kept.
#[derive(Debug, Clone)]
pub enum Place {
    /// A directory; it is made if it is not there.
    Directory(PathBuf),
    /// A bucket, which must be there.
    Bucket(Bucket),
}

/// A bucket of a server that speaks S3.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What the names of our objects begin with, without slashes around it; may be empty.
    pub prefix: String,
    /// URL of the server; absent, AWS.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: String,
    /// The id of an access key; absent, what the environment of the machine gives.
    pub access_key: Option<String>,
    /// The access key.
    pub secret_key: Option<SecretString>,
}

/// The place of objects did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The store of objects refused, failed or is away.
    #[error("the store of large contents failed")]
    Store(#[from] object_store::Error),
    /// A file could not be read, moved or made durable.
    #[error("a file of a large content could not be read or written")]
    Io(#[from] io::Error),
    /// The operating system has no randomness to give.
    #[error("no randomness from the operating system")]
    Entropy(#[from] getrandom::Error),
}

/// Octets as they come.
pub type Octets = BoxStream<'static, Result<Bytes, ObjectError>>;

/// The place where objects are kept.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: ObjectPath,
    /// The directory, where it is one: files are moved into it instead of copied.
    directory: Option<Arc<Path>>,
}

impl Objects {
    /// Opens the place; a bucket is not asked whether it is there. Objects lie in the folder `owner` of it, which is
    /// nobody else's: what is not known there is removed some day.
    ///
    /// # Errors
    /// When a directory cannot be made, or the description of a bucket makes no sense.
    pub fn open(place: &Place, owner: &str) -> Result<Self, ObjectError> {
        match place {
            Place::Directory(path) => {
                let path = path.join(owner);
                std::fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(&path)?;
                let path = path.canonicalize()?;
                let store = LocalFileSystem::new_with_prefix(&path)?.with_fsync(true);
                Ok(Self {
                    directory: Some(path.into()),
                    ..Self::new(Arc::new(store), ObjectPath::default())
                })
            }
            Place::Bucket(bucket) => {
                let prefix = ObjectPath::from(bucket.prefix.as_str()).join(owner);
                Ok(Self::new(Arc::new(bucket.connect()?), prefix))
            }
        }
    }

    /// A place of another kind, such as the memory of a test.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, prefix: ObjectPath) -> Self {
        Self {
            store,
            prefix,
            directory: None,
        }
    }

    /// Makes an object of a file, which may be gone afterwards; gives its name. It is durable then. `now` is when
    /// it counts as written.
    ///
    /// # Errors
    /// When it could not be written. Something of it may be there then, without a name that anybody knows.
    pub async fn put_file(&self, file: &Path, now: DateTime<Utc>) -> Result<String, ObjectError> {
        let name = hex(&clock::random::<NAME_OCTETS>()?);
        if let Some(directory) = &self.directory {
            match move_into(file.to_owned(), Arc::clone(directory), name.clone(), now).await {
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
                moved => return Ok(moved.map(|()| name)?),
            }
        }
        self.upload(file.to_owned(), &self.path(&name)).await?;
        Ok(name)
    }

    async fn upload(&self, file: PathBuf, path: &ObjectPath) -> Result<(), ObjectError> {
        let file = Arc::new(blocking(move || File::open(file)).await?);
        let first = read_part(&file, 0).await?;
        if first.len() < PART {
            self.store.put(path, PutPayload::from(first)).await?;
            return Ok(());
        }
        let mut upload = self.store.put_multipart(path).await?;
        let sent = send_parts(&file, first, upload.as_mut()).await;
        if sent.is_err() {
            // What this leaves the server removes by its own rules.
            let _ = upload.abort().await;
        }
        sent
    }

    /// The octets of an object within a range that lies in it.
    ///
    /// # Errors
    /// When it is not there, or the place fails.
    pub async fn get(&self, name: &str, range: Range<u64>) -> Result<Octets, ObjectError> {
        if range.is_empty() {
            return Ok(futures_util::stream::empty().boxed());
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let found = self.store.get_opts(&self.path(name), options).await?;
        Ok(found.into_stream().map_err(ObjectError::from).boxed())
    }

    /// Removes an object; one that is not there is as good as removed.
    ///
    /// # Errors
    /// When the place fails.
    pub async fn delete(&self, name: &str) -> Result<(), ObjectError> {
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of all objects last written before an instant, in no order.
    #[must_use]
    pub fn older_than(
        &self,
        instant: DateTime<Utc>,
    ) -> BoxStream<'static, Result<String, ObjectError>> {
        let prefix = Some(&self.prefix).filter(|prefix| !prefix.as_ref().is_empty());
        self.store
            .list(prefix)
            .try_filter_map(move |object| async move {
                let name = object.location.filename().filter(|name| is_name(name));
                Ok(name
                    .filter(|_| object.last_modified < instant)
                    .map(str::to_owned))
            })
            .map_err(ObjectError::from)
            .boxed()
    }

    fn path(&self, name: &str) -> ObjectPath {
        self.prefix.clone().join(name)
    }
}

impl Bucket {
    fn connect(&self) -> object_store::Result<impl ObjectStore> {
        let mut builder = match (&self.access_key, &self.secret_key) {
            (Some(id), Some(key)) => AmazonS3Builder::new()
                .with_access_key_id(id)
                .with_secret_access_key(key.expose_secret()),
            _ => AmazonS3Builder::from_env(),
        };
        builder = builder
            .with_bucket_name(&self.name)
            .with_region(&self.region);
        if let Some(endpoint) = &self.endpoint {
            builder = builder
                .with_config(AmazonS3ConfigKey::Endpoint, endpoint)
                .with_allow_http(endpoint.starts_with("http://"));
        }
        builder.build()
    }
}

/// Whether a name may be one of ours, and not that of a file that is being written.
fn is_name(name: &str) -> bool {
    name.len() == 2 * NAME_OCTETS && name.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Moves a file and makes it durable under its new name.
async fn move_into(
    file: PathBuf,
    directory: Arc<Path>,
    name: String,
    now: DateTime<Utc>,
) -> io::Result<()> {
    blocking(move || {
        let octets = File::open(&file)?;
        octets.set_modified(now.into())?;
        octets.sync_all()?;
        std::fs::rename(&file, directory.join(name))?;
        File::open(&directory)?.sync_all()
    })
    .await
}

/// Sends a file part by part, one after another, and closes the upload.
async fn send_parts(
    file: &Arc<File>,
    first: Bytes,
    upload: &mut dyn MultipartUpload,
) -> Result<(), ObjectError> {
    let mut part = first;
    let mut offset = 0;
    while !part.is_empty() {
        offset += part.len() as u64;
        upload.put_part(part.into()).await?;
        part = read_part(file, offset).await?;
    }
    upload.complete().await?;
    Ok(())
}

/// The next part of a file; shorter than [`PART`] only at its end.
async fn read_part(file: &Arc<File>, offset: u64) -> io::Result<Bytes> {
    let file = Arc::clone(file);
    blocking(move || {
        let mut part = BytesMut::zeroed(PART);
        let mut len = 0;
        while let Some(rest) = part.get_mut(len..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + len as u64)? {
                0 => break,
                read => len += read,
            }
        }
        part.truncate(len);
        Ok(part.freeze())
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
#[path = "objects_tests.rs"]
mod tests;
