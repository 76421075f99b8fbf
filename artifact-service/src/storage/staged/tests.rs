use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use futures::{future::BoxFuture, stream};
use media_concat::source::{OpenSource, Source, SourceState, Validator};

use tokio::sync::Notify;

use super::*;
use crate::{
    ids,
    seal::MasterKey,
    storage::{FolderStore, Keeper, Store},
};

const LEN: u64 = 20 << 20;
const KEY: &str = "temp/one/a.wav";

/// Bytes elsewhere, of which some are not given.
#[derive(Debug)]
struct Elsewhere {
    tag: &'static str,
    /// Where reading fails, or what is sent too much.
    fails_at: AtomicU64,
    /// Where reads began.
    read: Mutex<Vec<u64>>,
}

impl Elsewhere {
    fn open(tag: &'static str) -> (Arc<Self>, OpenSource) {
        let source = Arc::new(Self {
            tag,
            fails_at: AtomicU64::new(u64::MAX),
            read: Mutex::default(),
        });
        let state = SourceState {
            len: LEN,
            validator: Validator::Tag(tag.to_owned()),
        };
        let open = OpenSource {
            source: Arc::<Self>::clone(&source),
            state,
        };
        (source, open)
    }

    fn piece(&self, at: u64) -> Bytes {
        let fill = (at >> 18) as u8 ^ self.tag.as_bytes()[1];
        vec![fill; 1 << 18].into()
    }

    fn whole(&self) -> Vec<u8> {
        let starts = (0..LEN).step_by(1 << 18);
        starts.flat_map(|at| self.piece(at)).collect()
    }

    fn reads(&self) -> Vec<u64> {
        std::mem::take(&mut self.read.lock().expect("a lock"))
    }
}

impl Source for Elsewhere {
    fn name(&self) -> String {
        "elsewhere".to_owned()
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        unreachable!("it is known")
    }

    fn read(
        &self,
        range: Range<u64>,
        _: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        self.read.lock().expect("a lock").push(range.start);
        let fails_at = self.fails_at.load(SeqCst);
        let pieces = range.clone().step_by(1 << 18).map(move |at| {
            if at >= fails_at {
                return Err(wrong(at));
            }
            let piece = self.piece(at);
            let within = (at & ((1 << 18) - 1)) as usize;
            Ok(piece.slice(within..))
        });
        let surplus = (fails_at == range.end).then(|| Err(wrong(range.end)));
        stream::iter(pieces.chain(surplus)).boxed()
    }
}

fn wrong(offset: u64) -> SourceError {
    SourceError::Answer {
        offset,
        what: "the length of the body",
        expected: "another".to_owned(),
        found: "this".to_owned(),
    }
}

struct Place {
    root: tempfile::TempDir,
    store: Arc<FolderStore>,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let master = MasterKey::new([7; 32]);
        let (path, bucket) = (root.path().to_owned(), "b".to_owned());
        let store = FolderStore::new(path, bucket, master, String::new());
        let store = Arc::new(store.expect("a store"));
        Self { root, store }
    }

    async fn copy(&self, from: &OpenSource, keeper: &Keeper) -> Result<Written, CopyError> {
        let (progress, cancel) = (ProgressSink::default(), CancellationToken::new());
        let (from, to) = (from.clone(), to(keeper));
        self.store.copy(from, to, progress, cancel).await
    }

    fn object(&self) -> Option<Vec<u8>> {
        fs::read(self.root.path().join(KEY)).ok()
    }

    fn litter(&self) -> usize {
        let incoming = fs::read_dir(self.root.path().join(".incoming"));
        incoming.expect("a folder").count()
    }
}

fn to(keeper: &Keeper) -> To<'_> {
    To {
        key: KEY,
        content_type: "audio/wav",
        keeper,
    }
}

/// As another process would know it.
fn told(keeper: &Keeper) -> Keeper {
    Keeper::new(keeper.news())
}

#[tokio::test]
async fn a_download_goes_on_behind_its_last_stored_part() {
    let (place, keeper) = (Place::new(), Keeper::default());
    let (elsewhere, from) = Elsewhere::open("\"a\"");
    elsewhere.fails_at.store(17 << 20, SeqCst);
    place.copy(&from, &keeper).await.expect_err("it fails");
    assert_eq!((place.object(), place.litter()), (None, 1));
    elsewhere.fails_at.store(u64::MAX, SeqCst);
    let (keeper, start) = (told(&keeper), 16 << 20);
    let written = place.copy(&from, &keeper).await.expect("an object");
    assert_eq!(elsewhere.reads(), [0, start]);
    assert_eq!(written.bytes_downloaded, LEN - start);
    assert_eq!(written.checksums().sha256, None);
    assert!(place.object() == Some(elsewhere.whole()));
    assert_eq!(place.litter(), 0);
    // It is there: nothing is read again.
    place.copy(&from, &told(&keeper)).await.expect("an object");
    assert_eq!(elsewhere.reads(), [0; 0]);
}

#[tokio::test]
async fn bytes_of_another_state_are_not_gone_on_with() {
    let (place, keeper) = (Place::new(), Keeper::default());
    let (elsewhere, from) = Elsewhere::open("\"a\"");
    elsewhere.fails_at.store(17 << 20, SeqCst);
    place.copy(&from, &keeper).await.expect_err("it fails");
    let (elsewhere, from) = Elsewhere::open("\"b\"");
    let written = place.copy(&from, &told(&keeper)).await;
    let sum = written.expect("an object").checksums().sha256;
    let expected = ids::sha256(&elsewhere.whole());
    assert_eq!(sum.map(|sum| sum.to_string()), Some(expected));
    assert_eq!(elsewhere.reads(), [0]);
    assert!(place.object() == Some(elsewhere.whole()));
    assert_eq!(place.litter(), 0);
}

#[tokio::test]
async fn a_file_that_is_shorter_than_what_is_kept_is_begun_anew() {
    let (place, keeper) = (Place::new(), Keeper::default());
    let (elsewhere, from) = Elsewhere::open("\"a\"");
    elsewhere.fails_at.store(17 << 20, SeqCst);
    place.copy(&from, &keeper).await.expect_err("it fails");
    elsewhere.fails_at.store(u64::MAX, SeqCst);
    // As by a folder that came back from a backup.
    let folder = fs::read_dir(place.root.path().join(".incoming")).expect("a folder");
    let folder = folder.flatten().next().expect("one").path();
    let file = fs::read_dir(folder).expect("a folder").flatten().next();
    let file = File::options()
        .write(true)
        .open(file.expect("a file").path());
    file.expect("a file").set_len(9 << 20).expect("it is cut");
    place.copy(&from, &told(&keeper)).await.expect("an object");
    assert_eq!(elsewhere.reads(), [0, 0]);
    assert!(place.object() == Some(elsewhere.whole()));
}

#[tokio::test]
async fn what_may_be_the_same_for_other_bytes_is_not_kept() {
    for tag in ["W/\"a\"", "Thu, 26 Nov 2026 10:00:00 GMT"] {
        let (place, keeper) = (Place::new(), Keeper::default());
        let (elsewhere, from) = Elsewhere::open(tag);
        elsewhere.fails_at.store(17 << 20, SeqCst);
        place.copy(&from, &keeper).await.expect_err("it fails");
        assert_eq!((place.object(), place.litter()), (None, 0));
        assert_eq!(keeper.news(), None);
    }
}

/// A source that sends more than it said is found out at its end only.
#[tokio::test]
async fn a_source_is_read_to_its_very_end() {
    let (place, keeper) = (Place::new(), Keeper::default());
    let (elsewhere, from) = Elsewhere::open("\"a\"");
    elsewhere.fails_at.store(LEN, SeqCst);
    let error = place.copy(&from, &keeper).await.expect_err("it is wrong");
    let CopyError::Join(media_concat::Error::Sink(SinkError::Source { source, .. })) = error else {
        panic!("{error:?}");
    };
    assert!(matches!(source, SourceError::Answer { offset: LEN, .. }));
    assert_eq!(place.object(), None);
    place.store.remove(KEY, &keeper).await.expect("removed");
    assert_eq!(place.litter(), 0);
}

#[tokio::test]
async fn a_cancelled_download_keeps_what_is_stored() {
    let (place, keeper) = (Place::new(), Keeper::default());
    let (_, from) = Elsewhere::open("\"a\"");
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    // Progress is of what came: the parts before it are stored when a third one begins.
    let progress = ProgressSink::new(move |progress| {
        if progress.bytes_done > 18 << 20 {
            stop.cancel();
        }
    });
    let copied = place.store.copy(from, to(&keeper), progress, cancel);
    let error = copied.await.expect_err("it was cancelled");
    assert!(matches!(error, CopyError::Join(error) if error.is_cancelled()));
    let stored = match told(&keeper).kept() {
        Some(Kept::Staged { bytes, .. }) => bytes,
        other => panic!("{other:?}"),
    };
    assert!((8 << 20..LEN).contains(&stored), "{stored}");
    assert_eq!((place.object(), place.litter()), (None, 1));
}

/// A worker that is taken for dead and comes back: neither takes from the other what it needs.
#[tokio::test]
async fn two_workers_do_not_disturb_each_other() {
    let place = Place::new();
    for tag in ["\"a\"", "W/\"a\""] {
        let (elsewhere, from) = Elsewhere::open(tag);
        // The first is in the middle when the second does all of it.
        let (first, second) = (Keeper::default(), Keeper::default());
        let (reached, go_on) = (Arc::new(Notify::new()), CancellationToken::new());
        let (tell, wait) = (Arc::clone(&reached), go_on.clone());
        let progress = ProgressSink::new(move |progress| {
            if progress.bytes_done == 12 << 20 {
                tell.notify_one();
                while !wait.is_cancelled() {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
            }
        });
        let store = Arc::clone(&place.store);
        let own = from.clone();
        let slow = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let cancel = CancellationToken::new();
            let copied = store.copy(own, to(&first), progress, cancel);
            runtime.block_on(copied).is_ok()
        });
        reached.notified().await;
        place.copy(&from, &second).await.expect("an object");
        assert!(place.object() == Some(elsewhere.whole()));
        go_on.cancel();
        let slow = spawn_blocking(move || slow.join().expect("no panic"));
        assert!(slow.await.expect("it ends"), "an object, too");
        assert!(place.object() == Some(elsewhere.whole()));
        assert_eq!(place.litter(), 0);
    }
}
