//! What looking at a remote fragment costs: requests, and bytes that are read twice or for nothing.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::{TryStreamExt, future, future::BoxFuture, stream::BoxStream};

use crate::{
    Concat, Error,
    source::{MemorySource, Source, SourceError, SourceState},
};

/// How many bytes come with the state, and are kept.
const HEAD: u64 = 4 << 10;

/// A fragment on a server, and what that was asked for.
#[derive(Debug, Clone)]
struct Server {
    content: MemorySource,
    len: u64,
    requests: Arc<Mutex<Vec<Range<u64>>>>,
}

impl Server {
    fn of(name: &str, content: Vec<u8>) -> Self {
        Self {
            len: content.len() as u64,
            content: MemorySource::new(name, content),
            requests: Arc::default(),
        }
    }

    fn ask(&self, range: Range<u64>) {
        if !range.is_empty() {
            self.requests.lock().expect("no panic").push(range);
        }
    }

    /// Requests, and bytes in all.
    fn cost(&self) -> (usize, u64) {
        let requests = self.requests.lock().expect("no panic");
        let bytes = requests.iter().map(|range| range.end - range.start).sum();
        (requests.len(), bytes)
    }
}

impl Source for Server {
    fn name(&self) -> String {
        self.content.name()
    }

    fn state(&self) -> BoxFuture<'_, Result<SourceState, SourceError>> {
        self.ask(0..HEAD.min(self.len));
        self.content.state()
    }

    fn read(
        &self,
        range: Range<u64>,
        state: &SourceState,
    ) -> BoxStream<'_, Result<Bytes, SourceError>> {
        self.ask(range.start.max(HEAD.min(range.end))..range.end);
        self.content.read(range, state)
    }

    fn is_remote(&self) -> bool {
        true
    }
}

/// Joins fragments without looking at the bytes.
async fn join(servers: &[Server]) -> Result<u64, Error> {
    let servers = servers.iter().cloned();
    let concat = servers.fold(Concat::new(), |all, one| all.fragment(one, None));
    let planned = concat.plan().await?;
    let pieces = planned.stream();
    let size = pieces.try_fold(0, |sum, piece| future::ready(Ok(sum + piece.len() as u64)));
    Ok(size.await?)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/generated")
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).expect("a fixture")
}

/// Where a box begins that is there once.
fn box_at(file: &[u8], kind: &[u8; 4]) -> usize {
    let mut all = (4..file.len()).filter(|&at| file[at..].starts_with(kind));
    let found = all.next().expect("a box") - 4;
    assert_eq!(all.next(), None);
    found
}

/// A whole fragment, its index and its media, takes at most four requests, and no byte twice; one
/// whose like was seen before, three.
#[tokio::test]
async fn a_fragment_takes_at_most_four_requests() {
    let names = fs::read_dir(folder()).expect("fixtures");
    let mut joined = 0;
    for name in names.map(|entry| entry.expect("an entry").file_name()) {
        let name = name.to_str().expect("a name");
        let content = fixture(name);
        if content.windows(4).any(|kind| kind == b"moof") {
            continue;
        }
        let servers = [0, 1].map(|_| Server::of(name, content.clone()));
        if join(&servers).await.is_err() {
            continue;
        }
        joined += 1;
        for (server, most) in servers.iter().zip([4, 3]) {
            let (requests, bytes) = server.cost();
            assert!(requests <= most, "{name}: {:?}", server.requests);
            assert!(bytes <= server.len, "{name}: {:?}", server.requests);
        }
    }
    assert!(joined > 60, "only {joined} fixtures could be joined");
}

/// The index of a long file behind its media is one read, also when it is large.
#[tokio::test]
async fn a_large_index_at_the_end_is_one_read() {
    let mut file = fixture("a0.mp4");
    let index = file.split_off(box_at(&file, b"moov"));
    let media = box_at(&file, b"mdat");
    let grown = file.len() - media + 4_000_000;
    file[media..media + 4].copy_from_slice(&(grown as u32).to_be_bytes());
    file.resize(media + grown, 0);
    file.extend(&index);
    let padding = 150_000;
    let at = file.len() - index.len();
    file[at..at + 4].copy_from_slice(&((index.len() + padding) as u32).to_be_bytes());
    file.extend((padding as u32).to_be_bytes());
    file.extend(b"free");
    file.resize(at + index.len() + padding, 0);
    let servers = [0, 1].map(|_| Server::of("long", file.clone()));
    join(&servers).await.expect("joined");
    let requests = servers[1].requests.lock().expect("no panic").clone();
    assert_eq!(requests.len(), 3, "{requests:?}");
    assert_eq!(requests[1], at as u64..file.len() as u64);
}

/// Where only a text track has the titles, that takes a read for those that lie together.
#[tokio::test]
async fn titles_of_chapters_are_read_together() {
    let mut file = fixture("chapters.mp4");
    let list = box_at(&file, b"chpl");
    file[list + 4..list + 8].copy_from_slice(b"free");
    let server = Server::of("chapters", file);
    let concat = Concat::new().fragment(server.clone(), None);
    let probed = concat.probe().await.expect("probed");
    let titles = probed.fragments()[0].chapters.iter();
    let titles: Vec<&str> = titles.map(|chapter| chapter.title.as_str()).collect();
    assert_eq!(titles, ["First", "Second"]);
    let (requests, bytes) = server.cost();
    assert!(requests <= 5, "{:?}", server.requests);
    assert!(bytes < server.len / 4, "{:?}", server.requests);
}
