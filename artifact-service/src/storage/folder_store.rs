//! A folder as a bucket: objects are files, and our own server takes and gives them, to whoever has
//! a URL that we signed.

use std::{
    io,
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use media_concat::{
    CancellationToken, Overwrite, Planned, Report,
    layout::{Layout, Piece},
    options::{Checksums, Durability, Transfer},
    progress::ProgressSink,
    sink::{Publication, Written, write_file},
    source::{FileSource, OpenSource, SharedSource},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{CopyError, Keeper, Once, StorageError, Store, To, keeper::identity, staged::Download};
use crate::{
    ids,
    seal::{MasterKey, hmac},
};

/// What a path of a URL keeps as it is.
const IN_PATH: AsciiSet = NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');

/// Files that are being uploaded; beside the objects, so that they are on the same file system.
const INCOMING: &str = ".incoming";

/// What a signed URL allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Download.
    Get,
    /// Upload.
    Put,
}

/// The query of a signed URL.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Grant {
    /// Until when it holds, in milliseconds since the epoch.
    pub expires: i64,
    /// Our signature.
    pub signature: String,
}

/// A folder as a bucket.
#[derive(Debug)]
pub struct FolderStore {
    root: PathBuf,
    bucket: String,
    master: MasterKey,
    public_url: String,
}

impl FolderStore {
    /// The folder, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new(
        root: PathBuf,
        bucket: String,
        master: MasterKey,
        public_url: String,
    ) -> Result<Self, StorageError> {
        std::fs::create_dir_all(root.join(INCOMING))?;
        let root = root.canonicalize()?;
        Ok(Self {
            root,
            bucket,
            master,
            public_url,
        })
    }

    /// The file of an object.
    ///
    /// # Errors
    /// If the key leads anywhere else.
    pub fn path(&self, key: &str) -> Result<PathBuf, StorageError> {
        let path = Path::new(key);
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        let hidden = key.starts_with('.') || key.contains('\0');
        if key.is_empty() || hidden || !path.components().all(plain) {
            return Err(StorageError::Path(key.chars().take(100).collect()));
        }
        Ok(self.root.join(path))
    }

    /// A new file for an upload, which gets its name once it is whole.
    ///
    /// # Errors
    /// What the file system says.
    pub async fn incoming(&self) -> io::Result<(PathBuf, tokio::fs::File)> {
        let path = self.root.join(INCOMING).join(ids::new_token());
        let file = tokio::fs::File::create_new(&path).await?;
        Ok((path, file))
    }

    /// Gives a file that is all there its name.
    ///
    /// # Errors
    /// What the file system says.
    pub async fn publish(&self, incoming: &Path, key: &str) -> Result<(), StorageError> {
        let path = self.ready(key).await?;
        tokio::fs::rename(incoming, &path).await?;
        if let Some(folder) = path.parent() {
            tokio::fs::File::open(folder).await?.sync_all().await?;
        }
        Ok(())
    }

    /// The file in which a download to `key` is kept until it is whole.
    pub(super) fn staged(&self, key: &str, file: &str) -> PathBuf {
        self.staging(key).join(file)
    }

    fn staging(&self, key: &str) -> PathBuf {
        self.root.join(INCOMING).join(ids::sha256(key.as_bytes()))
    }

    /// Removes a file that a download to `key` has left. There may be others, of workers that are taken for
    /// dead.
    pub(super) async fn unstage(&self, key: &str, file: &str) -> Result<(), StorageError> {
        match tokio::fs::remove_file(self.staged(key, file)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        // One that is not empty stays.
        tokio::fs::remove_dir(self.staging(key)).await.ok();
        Ok(())
    }

    async fn unstage_all(&self, key: &str) -> Result<(), StorageError> {
        match tokio::fs::remove_dir_all(self.staging(key)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Bytes that are free.
    pub(super) fn available(&self) -> u64 {
        let asked = rustix::fs::statvfs(&self.root);
        asked.map_or(0, |it| it.f_bavail.saturating_mul(it.f_frsize))
    }

    /// Whether we signed this.
    pub fn allows(&self, method: Method, key: &str, grant: &Grant) -> bool {
        let signature = self.signature(method, key, grant.expires);
        grant.expires > ids::now() && ids::same(signature.as_bytes(), grant.signature.as_bytes())
    }

    fn signature(&self, method: Method, key: &str, expires: i64) -> String {
        let method = match method {
            Method::Get => "GET",
            Method::Put => "PUT",
        };
        let message = format!("{method}\n{expires}\n{key}");
        let signed = self.master.sign("object URLs", message.as_bytes());
        ids::hex(&hmac(&signed, b"URL"))
    }

    fn signed(
        &self,
        method: Method,
        key: &str,
        lifetime: Duration,
    ) -> Result<String, StorageError> {
        self.path(key)?;
        let lifetime = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        let expires = ids::now().saturating_add(lifetime);
        let signature = self.signature(method, key, expires);
        let path = utf8_percent_encode(key, &IN_PATH);
        let url = &self.public_url;
        Ok(format!(
            "{url}/objects/{path}?expires={expires}&signature={signature}"
        ))
    }

    async fn ready(&self, key: &str) -> Result<PathBuf, StorageError> {
        let path = self.path(key)?;
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder).await?;
        }
        Ok(path)
    }
}

impl Store for FolderStore {
    fn bucket(&self) -> &str {
        &self.bucket
    }

    fn source(&self, key: &str) -> Result<SharedSource, StorageError> {
        Ok(Arc::new(FileSource::new(self.path(key)?)))
    }

    fn copy<'a>(
        &'a self,
        from: OpenSource,
        to: To<'a>,
        progress: ProgressSink,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Written, CopyError>> {
        async move {
            let path = self.ready(to.key).await?;
            let len = from.state.len;
            if from.source.is_remote() {
                let of = identity(&from);
                let there = tokio::fs::metadata(&path).await;
                if of.as_deref().is_some_and(|of| to.keeper.has_whole(of))
                    && there.is_ok_and(|it| it.len() == len)
                {
                    return Ok(Written::default());
                }
                let download = Download {
                    folder: self,
                    name: from.source.name(),
                    len: Some(len),
                    of,
                    to,
                    progress,
                };
                let read = |start| match start < len {
                    true => from.source.read(start..len, &from.state),
                    false => stream::empty().boxed(),
                };
                return download.run(read, &cancel).await;
            }
            to.keeper.keep(None);
            let publication = Publication {
                overwrite: Overwrite::Replace,
                durability: Durability::default(),
                checksums: sha256(),
            };
            let layout = whole(&from);
            let (sources, transfer) = ([from].into(), Transfer::default());
            Ok(write_file(
                layout,
                sources,
                &path,
                publication,
                transfer,
                progress,
                cancel,
            )
            .await?)
        }
        .boxed()
    }

    fn receive<'a>(
        &'a self,
        from: Once,
        to: To<'a>,
        progress: ProgressSink,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Written, CopyError>> {
        async move {
            let download = Download {
                folder: self,
                name: from.name,
                len: from.whole.len,
                of: None,
                to,
                progress,
            };
            download.run(|_| from.whole.into_stream(), &cancel).await
        }
        .boxed()
    }

    fn join<'a>(
        &'a self,
        planned: &'a Planned,
        to: To<'a>,
    ) -> BoxFuture<'a, Result<Report, CopyError>> {
        async move {
            let path = self.ready(to.key).await?;
            Ok(planned.write_file(&path, Overwrite::Replace).await?)
        }
        .boxed()
    }

    fn end_begun<'a>(
        &'a self,
        key: &'a str,
        _: &'a Keeper,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        self.unstage_all(key).boxed()
    }

    fn remove<'a>(
        &'a self,
        key: &'a str,
        _: &'a Keeper,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        async move {
            let path = self.path(key)?;
            self.unstage_all(key).await?;
            match tokio::fs::remove_file(&path).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
            // The folder of its own that every object has; one that is not empty stays.
            if let Some(folder) = path.parent()
                && folder != self.root
            {
                tokio::fs::remove_dir(folder).await.ok();
            }
            Ok(())
        }
        .boxed()
    }

    fn end_unfinished(
        &self,
        _prefix: &str,
        before: i64,
    ) -> BoxFuture<'_, Result<u64, StorageError>> {
        async move {
            let mut ended = 0;
            let mut files = tokio::fs::read_dir(self.root.join(INCOMING)).await?;
            while let Some(file) = files.next_entry().await? {
                // Gone by now: its upload has ended.
                let Ok(modified) = modified(&file.path()).await else {
                    continue;
                };
                let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
                if i64::try_from(modified.as_millis()).is_ok_and(|modified| modified < before) {
                    // What is kept of a download is in a folder of its own.
                    if tokio::fs::remove_file(file.path()).await.is_err() {
                        tokio::fs::remove_dir_all(file.path()).await.ok();
                    }
                    ended += 1;
                }
            }
            Ok(ended)
        }
        .boxed()
    }

    fn upload_url(
        &self,
        key: &str,
        lifetime: Duration,
    ) -> BoxFuture<'_, Result<String, StorageError>> {
        let url = self.signed(Method::Put, key, lifetime);
        async move { url }.boxed()
    }

    fn download_url(
        &self,
        key: &str,
        lifetime: Duration,
    ) -> BoxFuture<'_, Result<String, StorageError>> {
        let url = self.signed(Method::Get, key, lifetime);
        async move { url }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        async move {
            let (path, file) = self.incoming().await?;
            drop(file);
            tokio::fs::remove_file(path).await?;
            Ok(())
        }
        .boxed()
    }

    fn folder(&self) -> Option<&FolderStore> {
        Some(self)
    }
}

/// When a file, or the newest one in a folder, was written last.
async fn modified(path: &Path) -> io::Result<SystemTime> {
    let own = tokio::fs::metadata(path).await?;
    let mut newest = own.modified()?;
    if own.is_dir() {
        let mut files = tokio::fs::read_dir(path).await?;
        while let Some(file) = files.next_entry().await? {
            newest = newest.max(file.metadata().await?.modified()?);
        }
    }
    Ok(newest)
}

/// A layout of one source, as it is.
pub(super) fn whole(from: &OpenSource) -> Arc<Layout> {
    let mut layout = Layout::new();
    layout.push(Piece::Source {
        fragment: 0,
        offset: 0,
        len: from.state.len,
    });
    Arc::new(layout)
}

/// The checksum that artifacts have.
pub const fn sha256() -> Checksums {
    Checksums {
        sha256: true,
        crc32c: false,
    }
}
