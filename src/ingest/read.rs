//! A fragment's packets, read once and in order, as tables of samples.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    sniff::Found,
    source::{Own, PacketSource},
    work::Work,
};
use crate::{
    av::{CodecInfoCache, Interrupt},
    error::Failure,
    formats::isobmff::{SampleTable, TrackDescription},
    media::{Addition, Chapter, CodecParameters, Extras},
    options::Limits,
    source::{
        Remote, SharedSource, SourceState, Storage, open_unchanged,
        spool::{Region, Spool},
    },
    timeline::{Break, Span},
    warning::Warning,
};

/// Fragments that are read through libav at the same time.
const AT_ONCE: usize = 2;

/// A fragment as tables of samples.
#[derive(Debug)]
pub(crate) struct Ingested {
    pub(crate) streams: Vec<IngestedStream>,
    pub(crate) chapters: Vec<Chapter>,
    /// `meta` with tags and a cover picture, for the movie's user data.
    pub(crate) metadata: Option<Bytes>,
    pub(crate) extras: Extras,
    /// What is odd about it and was read all the same.
    pub(crate) warnings: Vec<Warning>,
    /// What the samples' offsets refer to, and its state.
    pub(crate) source: SharedSource,
    pub(crate) state: SourceState,
}

/// One stream of it.
#[derive(Debug)]
pub(crate) struct IngestedStream {
    pub(crate) id: u32,
    pub(crate) description: Arc<TrackDescription>,
    /// As its container describes it.
    pub(crate) parameters: CodecParameters,
    pub(crate) samples: SampleTable,
    /// Sound: where frames do not follow each other.
    pub(crate) breaks: Vec<Break>,
    /// What is presented when.
    pub(crate) span: Span,
    /// What comes beside the samples.
    pub(crate) additions: Arc<[Addition]>,
}

/// What the fragments of a join that are read packet by packet share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// What of them is kept on disk.
    spool: Arc<Spool>,
    /// Whether there will be a join.
    joins: bool,
    /// Turns at reading through libav.
    turns: Semaphore,
    learned: Arc<CodecInfoCache>,
}

impl Shared {
    /// For fragments of which `limits` allow so much on disk. What only a join needs is not kept unless
    /// there will be one.
    pub(crate) fn new(limits: &Limits, joins: bool) -> Self {
        let folder = std::env::temp_dir();
        Self {
            joins,
            spool: Arc::new(Spool::new(folder, limits.spool_bytes)),
            turns: Semaphore::new(AT_ONCE),
            learned: Arc::default(),
        }
    }
}

/// Ends the reading when the probe is given up.
pub(super) struct Abandon(pub(super) Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Reads the packets of `source`.
pub(crate) async fn ingest(
    source: &SharedSource,
    state: &SourceState,
    found: Found,
    shared: &Shared,
    limits: &Limits,
) -> Result<Ingested, Failure> {
    let Shared {
        spool,
        joins,
        turns,
        learned,
    } = shared;
    let stop = CancellationToken::new();
    let _stopped_with_us = stop.clone().drop_guard();
    let (storage, downloaded) = match source.local_path() {
        Some(path) => {
            let (path, state) = (path.to_owned(), state.clone());
            let opened = tokio::task::spawn_blocking(move || open_unchanged(&path, &state)).await;
            let file = opened.map_err(|_| stopped())?.map_err(Failure::Source)?;
            (Storage::File(Arc::new(file)), None)
        }
        None if !joins => {
            let remote = Remote::new(source, state, stop);
            (Storage::Remote(Arc::new(remote)), None)
        }
        None => {
            let mut region = Region::new(spool);
            let mut pieces = source.read(0..state.len, state);
            while let Some(piece) = pieces.next().await {
                region
                    .append(piece.map_err(Failure::Source)?)
                    .await
                    .map_err(Failure::Source)?;
            }
            region.finish().await.map_err(Failure::Source)?;
            let region = Arc::new(region);
            (Storage::Region(Arc::clone(&region)), Some(region))
        }
    };
    // libav keeps what it looks at to find out about the streams: megabytes for each fragment.
    let _turn = turns.acquire().await.map_err(|_| stopped())?;
    let interrupt = Interrupt {
        abandoned: Arc::default(),
        deadline: Instant::now().checked_add(limits.reading),
    };
    let _guard = Abandon(Arc::clone(&interrupt.abandoned));
    let work = Work {
        storage,
        len: state.len,
        found,
        spool: Arc::clone(spool),
        all: *joins,
        learned: Arc::clone(learned),
        limits: *limits,
        interrupt,
    };
    let done = tokio::task::spawn_blocking(move || work.run()).await;
    let read = done.map_err(|_| stopped())??;
    let rewritten = read.rewritten.len();
    let whole = SourceState {
        len: state.len + rewritten,
        validator: state.validator.clone(),
    };
    let source: SharedSource = if rewritten == 0 && downloaded.is_none() {
        Arc::clone(source)
    } else {
        Arc::new(PacketSource {
            inner: Arc::clone(source),
            own: downloaded.map_or_else(|| Own::Source(state.clone()), Own::Region),
            len: state.len,
            spooled: Arc::new(read.rewritten),
            state: whole.clone(),
        })
    };
    Ok(Ingested {
        streams: read.streams,
        chapters: read.chapters,
        metadata: read.metadata,
        extras: read.extras,
        warnings: read.warnings,
        source,
        state: whole,
    })
}

pub(super) fn stopped() -> Failure {
    Failure::at(0, std::io::Error::other("the reading thread stopped"))
}
