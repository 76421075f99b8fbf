//! A folder as a bucket: objects are files, and our own server takes and gives them, to whoever has
//! a URL that we signed.

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use media_concat::{
    CancellationToken, Overwrite, Planned, Report,
    options::{Durability, Transfer},
    progress::ProgressSink,
    sink::{Publication, Written, write_file},
    source::{FileSource, OpenSource, SharedSource},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    CopyError, Keeper, OneShot, StorageError, Store, To,
    folder::Folder,
    keeper::identity,
    staged::Download,
    whole::{sha256, whole},
};
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
    files: Folder,
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
        Ok(Self {
            files: Folder::new(&root)?,
            bucket,
            master,
            public_url,
        })
    }

    /// Its files.
    pub const fn files(&self) -> &Folder {
        &self.files
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
        self.files.path(key)?;
        let lifetime = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        let expires = ids::now().saturating_add(lifetime);
        let signature = self.signature(method, key, expires);
        let path = utf8_percent_encode(key, &IN_PATH);
        let url = &self.public_url;
        Ok(format!(
            "{url}/objects/{path}?expires={expires}&signature={signature}"
        ))
    }
}

impl Store for FolderStore {
    fn bucket(&self) -> &str {
        &self.bucket
    }

    fn source(&self, key: &str) -> Result<SharedSource, StorageError> {
        Ok(Arc::new(FileSource::new(self.files.path(key)?)))
    }

    fn copy<'a>(
        &'a self,
        from: OpenSource,
        to: To<'a>,
        progress: ProgressSink,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Written, CopyError>> {
        async move {
            let path = self.files.ready(to.key).await?;
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
                    folder: &self.files,
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
            let publication = Publication::default()
                .overwrite(Overwrite::Replace)
                .durability(Durability::default())
                .checksums(sha256());
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
        from: OneShot,
        to: To<'a>,
        progress: ProgressSink,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Written, CopyError>> {
        async move {
            let download = Download {
                folder: &self.files,
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
            let path = self.files.ready(to.key).await?;
            Ok(planned.write_file(&path, Overwrite::Replace).await?)
        }
        .boxed()
    }

    fn end_begun<'a>(
        &'a self,
        key: &'a str,
        _: &'a Keeper,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        self.files.unstage_all(key).boxed()
    }

    fn remove<'a>(
        &'a self,
        key: &'a str,
        _: &'a Keeper,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        self.files.remove(key).boxed()
    }

    fn end_unfinished(
        &self,
        _prefix: &str,
        before: i64,
    ) -> BoxFuture<'_, Result<u64, StorageError>> {
        self.files.end_unfinished(before).boxed()
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
            let (path, file) = self.files.incoming().await?;
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
