//! A source that is not on this machine is read several ranges at a time where its tables say that
//! several will be needed.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, future::BoxFuture, stream, stream::BoxStream};
use media_concat::{
    Concat,
    source::{FileSource, MemorySource, Source, SourceError, SourceState},
};
use media_concat_test_support::{ffmpeg::make, fixtures::fixture};

/// Bytes that take a while to come.
#[derive(Debug)]
struct Distant {
    bytes: MemorySource,
    under_way: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Source for Distant {
    fn is_remote(&self) -> bool {
        true
    }

    fn name(&self) -> String {
        self.bytes.name()
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        self.bytes.state()
    }

    fn read(
        &self,
        range: Range<u64>,
        state: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        let state = state.clone();
        let read = async move {
            let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            self.bytes.read(range, &state)
        };
        stream::once(read).flatten().boxed()
    }
}

/// A minute of movie fragments behind a `sidx`, made in `folder`.
fn fragmented(source: &Path, folder: &Path) -> PathBuf {
    let made = folder.join("fragmented.mp4");
    let looped = ["-stream_loop", "30", "-i", source.to_str().expect("text")];
    let flags = "+frag_keyframe+empty_moov+default_base_moof+global_sidx";
    let written = ["-c", "copy", "-movflags", flags];
    make(&made, looped.into_iter().chain(written));
    made
}

#[tokio::test]
async fn movie_fragments_come_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = fixture("a1.mp4");
    let fragmented = fragmented(&plain, folder.path());
    for (path, at_once) in [(fragmented, 10), (plain, 1)] {
        let name = path.display().to_string();
        let bytes = std::fs::read(&path).expect("run `make fixtures`");
        let most = Arc::new(AtomicUsize::new(0));
        let distant = Distant {
            bytes: MemorySource::new(&name, bytes),
            under_way: Arc::default(),
            most: Arc::clone(&most),
        };
        let far = Concat::new().fragment(distant, None).plan().await;
        let near = Concat::new().fragment(FileSource::new(path), None);
        let (far, near) = (far.expect("planned"), near.plan().await.expect("planned"));
        assert_eq!(far.layout(), near.layout(), "{name}");
        let most = most.load(Ordering::SeqCst);
        assert!((at_once..=20).contains(&most), "{name}: {most} at once");
    }
}
