//! Uploads that outlive an attempt.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use media_concat::{
    CancellationToken, Overwrite,
    checksum::Digests,
    layout::{Layout, Piece},
    object::ObjectStore,
    progress::ProgressSink,
    sink::{ObjectTarget, ResumableUpload, SinkError, UploadCheckpoint, Written, write_object},
    source::{OpenSource, SourceError},
};
use media_concat_test_support::s3::Server;

use crate::{
    client::{Clients, url},
    clips::{SUMS, sha256},
};

const MIB: usize = 1 << 20;
/// Parts of eight mebibytes.
const PARTS: usize = 5;

fn bytes(seed: u8, size: usize) -> Bytes {
    let mut bytes = vec![0; size];
    for (index, block) in bytes.chunks_mut(4096).enumerate() {
        block.fill(seed.wrapping_add(index as u8));
    }
    bytes.into()
}

/// A store to copy from, and another to copy to: between them nothing is copied but through us.
struct Stores {
    from: Server,
    to: Server,
}

impl Stores {
    async fn with(seed: u8, size: usize) -> (Self, OpenSource) {
        let stores = Self {
            from: Server::start("access", "secret").await,
            to: Server::start("other", "another").await,
        };
        let open = stores.put(seed, size).await;
        (stores, open)
    }

    async fn put(&self, seed: u8, size: usize) -> OpenSource {
        self.from.put("a", bytes(seed, size)).await;
        let source = self.from.store().source(url("a"));
        let source: media_concat::source::SharedSource = Arc::new(source);
        let state = source.state().await.expect("a state");
        OpenSource { source, state }
    }

    async fn write(
        &self,
        from: &OpenSource,
        keeper: &ResumableUpload,
        cancel: &CancellationToken,
    ) -> Result<Written, SinkError> {
        let mut options = self.to.options();
        options.parallel = 1;
        let store = ObjectStore::new(options).expect("a store");
        let target = ObjectTarget::new(store, url("b"), Overwrite::Replace);
        let target = target.with_checksums(SUMS).with_resumable(keeper.clone());
        let mut layout = Layout::new();
        layout.push(Piece::Source {
            fragment: 0,
            offset: 0,
            len: from.state.len,
        });
        let sources = [from.clone()].into();
        let (progress, cancel) = (ProgressSink::default(), cancel.clone());
        write_object(Arc::new(layout), sources, &target, progress, cancel).await
    }

    /// An attempt that is cancelled when it has uploaded two parts; what is kept then.
    async fn broken_off(&self, from: &OpenSource) -> UploadCheckpoint {
        let keeper = ResumableUpload::default();
        self.break_off(from, &keeper, || ()).await;
        let kept = keeper.kept().expect("an upload");
        assert!((2..=3).contains(&kept.parts.len()), "{kept:?}");
        assert!(!self.to.leftovers().is_empty());
        assert_eq!(self.to.object("b"), None);
        self.to.operations();
        kept
    }

    /// `before` is what happens just before it is cancelled.
    async fn break_off(
        &self,
        from: &OpenSource,
        keeper: &ResumableUpload,
        before: impl Fn() + Send + 'static,
    ) {
        let cancel = CancellationToken::new();
        let (asked, stop) = (AtomicUsize::new(0), cancel.clone());
        self.to.hook(move |operation| {
            if operation == "UploadPart" && asked.fetch_add(1, SeqCst) == 2 {
                before();
                stop.cancel();
            }
            None
        });
        let broken = self.write(from, keeper, &cancel).await;
        assert!(broken.is_err_and(|error| error.is_cancelled()));
        self.to.hook(|_| None);
    }

    async fn finished(
        &self,
        from: &OpenSource,
        keeper: &ResumableUpload,
    ) -> (Written, Vec<String>) {
        let written = self.write(from, keeper, &CancellationToken::new()).await;
        let written = written.expect("an object");
        assert_eq!(keeper.kept(), None);
        self.to.assert_clean().await;
        assert!(self.to.object("b") == self.from.object("a"));
        (written, self.to.operations())
    }
}

fn count(operations: &[String], name: &str) -> usize {
    operations.iter().filter(|it| *it == name).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_upload_goes_on_with_the_parts_that_lack() {
    let (stores, from) = Stores::with(1, PARTS * 8 * MIB).await;
    let kept = stores.broken_off(&from).await;
    let left = PARTS - kept.parts.len();
    let (written, operations) = stores
        .finished(&from, &ResumableUpload::new(Some(kept)))
        .await;
    assert_eq!(count(&operations, "CreateMultipartUpload"), 0);
    // As it was begun: nobody said of what kind these bytes are.
    assert_eq!(stores.to.media_types(), ["application/octet-stream"]);
    assert_eq!(count(&operations, "UploadPart"), left);
    assert_eq!(written.bytes_uploaded, (left * 8 * MIB) as u64);
    assert_eq!(written.bytes_downloaded, written.bytes_uploaded);
    // Some of it was never here.
    assert_eq!(*written.checksums(), Digests::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_not_broken_off_is_kept_no_longer() {
    let (stores, from) = Stores::with(1, 2 * 8 * MIB).await;
    let (written, _) = stores.finished(&from, &ResumableUpload::default()).await;
    assert_eq!(written.checksums().sha256, sha256(&bytes(1, 2 * 8 * MIB)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_store_has_ended_is_begun_anew() {
    let (stores, from) = Stores::with(1, PARTS * 8 * MIB).await;
    let kept = stores.broken_off(&from).await;
    stores
        .to
        .store()
        .abort_resumable(&url("b"), &kept)
        .await
        .expect("it ends");
    stores.to.assert_clean().await;
    // Once more: what is not there counts as ended.
    let again = stores.to.store().abort_resumable(&url("b"), &kept).await;
    again.expect("it has ended");
    let (written, operations) = stores
        .finished(&from, &ResumableUpload::new(Some(kept)))
        .await;
    assert_eq!(count(&operations, "CreateMultipartUpload"), 1);
    assert_eq!(written.bytes_uploaded, from.state.len);
    assert_eq!(
        written.checksums().sha256,
        sha256(&bytes(1, PARTS * 8 * MIB))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_another_state_is_ended() {
    // As large as before; and so small that it is written at once.
    for size in [PARTS * 8 * MIB, MIB] {
        let (stores, from) = Stores::with(1, PARTS * 8 * MIB).await;
        let kept = stores.broken_off(&from).await;
        let from = stores.put(2, size).await;
        let (written, _) = stores
            .finished(&from, &ResumableUpload::new(Some(kept)))
            .await;
        assert_eq!(written.bytes_uploaded, size as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changes_meanwhile_ends_the_upload() {
    let (stores, from) = Stores::with(1, PARTS * 8 * MIB).await;
    let kept = stores.broken_off(&from).await;
    stores.put(2, PARTS * 8 * MIB).await;
    let keeper = ResumableUpload::new(Some(kept));
    let cancel = CancellationToken::new();
    match stores.write(&from, &keeper, &cancel).await {
        Err(SinkError::Source {
            source: SourceError::Changed { .. },
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(keeper.kept(), None);
    stores.to.assert_clean().await;
    assert_eq!(stores.to.object("b"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_nobody_finishes_are_ended_by_their_age() {
    let (stores, from) = Stores::with(1, PARTS * 8 * MIB).await;
    stores.broken_off(&from).await;
    let store = stores.to.store();
    let end = async |prefix, age| {
        let ended = store.end_uploads(url("b").bucket(), prefix, age).await;
        ended.expect("they are listed")
    };
    assert_eq!(end("b", Duration::from_secs(3_600)).await, 0);
    assert_eq!(end("c", Duration::ZERO).await, 0);
    assert!(!stores.to.leftovers().is_empty());
    assert_eq!(end("b", Duration::ZERO).await, 1);
    stores.to.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_nobody_wants_is_ended_when_it_breaks_off() {
    let (stores, from) = Stores::with(1, PARTS * 8 * MIB).await;
    for spared in [None, Some("another".to_owned())] {
        let keeper = ResumableUpload::default();
        let unwanted = keeper.clone();
        let discard = move || unwanted.discard(spared.clone());
        stores.break_off(&from, &keeper, discard).await;
        stores.to.assert_clean().await;
        assert_eq!(keeper.kept(), None);
    }
    // Somebody else goes on with it.
    let keeper = ResumableUpload::default();
    let wanted = keeper.clone();
    let spare = move || wanted.discard(wanted.kept().map(|kept| kept.id));
    stores.break_off(&from, &keeper, spare).await;
    assert!(!stores.to.leftovers().is_empty());
    stores
        .finished(&from, &ResumableUpload::new(keeper.kept()))
        .await;
}

/// Tags tell the states of one source apart, not one source from another.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_another_source_is_ended() {
    let (stores, from) = Stores::with(1, PARTS * 8 * MIB).await;
    let kept = stores.broken_off(&from).await;
    stores.from.put("c", bytes(1, PARTS * 8 * MIB)).await;
    let source = stores.from.store().source(url("c"));
    let source: media_concat::source::SharedSource = Arc::new(source);
    let state = source.state().await.expect("a state");
    assert_eq!(state, from.state);
    let other = OpenSource { source, state };
    let (_, operations) = stores
        .finished(&other, &ResumableUpload::new(Some(kept)))
        .await;
    assert_eq!(count(&operations, "CreateMultipartUpload"), 1);
}
