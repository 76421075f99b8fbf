//! What one file shows and sounds like around an instant, decoded. Blocks: for a thread that may.
//!
//! All times are those that the file itself gives, as libav reads them.

use std::{collections::BTreeMap, ffi::CStr, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::stamps::SampleStamps;
use crate::{
    av::{AvError, Demuxer, Interrupt, StreamDecoder, StreamInfo},
    error::Failure,
    media::{Container, StreamKind},
    source::{OpenSource, ReadFailure, Reader, Remote, SourceError, Storage, open_unchanged},
    time::{OutOfRange, Rounding, Time, Timescale},
};

/// How many times a place is looked for further back before the file is read from its beginning.
pub(super) const MAX_SEEKS: u32 = 8;

/// Which stream of a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    /// The one that its container numbers so.
    Id(u32),
    /// Its position among all.
    Index(usize),
    /// Its position among those of its kind.
    Nth(StreamKind, usize),
}

/// Why a file cannot be decoded.
#[derive(Debug)]
pub(super) enum Failed {
    Source(SourceError),
    Av(AvError),
    Time,
}

impl From<AvError> for Failed {
    fn from(error: AvError) -> Self {
        Self::Av(error)
    }
}

impl From<OutOfRange> for Failed {
    fn from(_: OutOfRange) -> Self {
        Self::Time
    }
}

/// A file that is decoded in places.
pub(super) struct MediaFile {
    pub(super) storage: Storage,
    len: u64,
    pub(super) demuxer: Option<&'static CStr>,
    opened: Option<Demuxer>,
    failure: ReadFailure,
    pub(super) interrupt: Interrupt,
    /// The times of its packets, where its own do not rise.
    pub(super) stamps: SampleStamps,
}

impl MediaFile {
    /// The first `len` bytes of `source`, which are a file of `container`; all of them where that is nothing
    /// but coded frames, which may lie behind it.
    pub(super) fn new(
        source: &OpenSource,
        len: u64,
        container: Container,
        interrupt: &Interrupt,
        stop: &CancellationToken,
    ) -> Result<Self, Failed> {
        let OpenSource { source, state } = source;
        let storage = match source.local_path() {
            Some(path) => {
                let file = open_unchanged(path, state).map_err(Failed::Source)?;
                Storage::File(Arc::new(file))
            }
            None => Storage::Remote(Arc::new(Remote::new(source, state, stop.clone()))),
        };
        // libav can only guess where a time is in nothing but coded frames.
        let demuxer = (!container.is_untimed()).then(|| container.demuxer());
        Ok(Self {
            storage,
            len: if demuxer.is_some() { len } else { state.len },
            demuxer,
            opened: None,
            failure: ReadFailure::default(),
            interrupt: interrupt.clone(),
            stamps: SampleStamps::default(),
        })
    }

    /// Opens it, from its beginning.
    fn open(&mut self) -> Result<(), Failed> {
        let name = self.demuxer.ok_or_else(|| {
            Failed::Av(AvError::Missing {
                what: "demuxer",
                codec: "coded frames".to_owned(),
            })
        })?;
        let reader = Reader {
            base: 0,
            storage: self.storage.clone(),
            len: self.len,
            at: 0,
            failure: self.failure.clone(),
        };
        let opened = Demuxer::open_until(name, reader, self.interrupt.clone());
        self.opened = Some(self.judged(opened)?);
        self.stamps.rewind();
        Ok(())
    }

    /// A failure of the reader comes first: libav takes it for the end, or for damage.
    fn judged<T>(&self, done: Result<T, AvError>) -> Result<T, Failed> {
        match self.failure.take() {
            Some((offset, error)) => Err(Failed::Source(SourceError::of_io(offset, error))),
            None => done.map_err(Failed::Av),
        }
    }

    pub(super) fn demuxer(&mut self) -> Result<&mut Demuxer, Failed> {
        if self.opened.is_none() {
            self.open()?;
        }
        let missing = || Failed::Av(AvError::OutOfMemory { call: "open" });
        self.opened.as_mut().ok_or_else(missing)
    }

    pub(super) fn info(&mut self, which: Which) -> Result<StreamInfo, Failed> {
        let all = self.demuxer()?.streams()?;
        let found = match which {
            Which::Id(id) => all
                .into_iter()
                .find(|info| u32::try_from(info.id) == Ok(id)),
            Which::Index(index) => all.into_iter().find(|info| info.index == index),
            Which::Nth(kind, nth) => all
                .into_iter()
                .filter(|info| info.kind == Some(kind))
                .nth(nth),
        };
        found.ok_or_else(|| {
            Failed::Av(AvError::Missing {
                what: "stream",
                codec: format!("{which:?}"),
            })
        })
    }

    /// Where seeking is by pictures, the first stream of these; else `own`.
    pub(super) fn seeking(&mut self, own: &StreamInfo) -> Result<StreamInfo, Failed> {
        let by_pictures = self
            .demuxer
            .is_some_and(|name| name == c"matroska" || name == c"flv");
        let all = self.demuxer()?.streams()?;
        let pictures = all
            .into_iter()
            .find(|info| info.kind == Some(StreamKind::Video));
        Ok(pictures
            .filter(|_| by_pictures)
            .unwrap_or_else(|| own.clone()))
    }

    /// The next packet of stream `index`.
    pub(super) fn next(&mut self, index: usize) -> Result<Option<Stamp>, Failed> {
        loop {
            if self.interrupt.is_due() {
                return Err(Failed::Av(AvError::Missing {
                    what: "time",
                    codec: "decoding".to_owned(),
                }));
            }
            let next = self.demuxer()?.next();
            let next = next.map(|packet| {
                packet.map(|packet| {
                    let stamp = Stamp {
                        pts: packet.pts.or(packet.dts),
                        dts: packet.dts.or(packet.pts),
                        key: packet.key,
                        hidden: false,
                    };
                    (packet.stream, stamp)
                })
            });
            match self.judged(next)? {
                None => return Ok(None),
                Some((stream, mut stamp)) if stream == index => {
                    stamp.hidden = self.demuxer()?.is_hidden();
                    if let Some(sample) = self.stamps.next(index) {
                        (stamp.pts, stamp.dts) = (Some(sample.pts), Some(sample.dts));
                        self.demuxer()?.restamp(sample.pts, sample.dts);
                    }
                    return Ok(Some(stamp));
                }
                Some(_) => {}
            }
        }
    }

    /// How many packets each stream has; reads all of them.
    pub(super) fn packets(&mut self) -> Result<BTreeMap<usize, usize>, Failed> {
        self.open()?;
        let mut all = BTreeMap::new();
        loop {
            let next = self.demuxer()?.next();
            let next = next.map(|packet| packet.map(|packet| packet.stream));
            match self.judged(next)? {
                Some(stream) => *all.entry(stream).or_default() += 1,
                None => return Ok(all),
            }
        }
    }

    /// Reads on from a place at or before `ticks` of `by`, or from the beginning where that cannot be
    /// told; whether it is the beginning.
    pub(super) fn go(
        &mut self,
        by: &StreamInfo,
        ticks: Option<i64>,
        index: usize,
    ) -> Result<bool, Failed> {
        let sought = match ticks {
            Some(ticks) if self.stamps.is_empty() => {
                let sought = self.demuxer()?.seek(by.index, ticks);
                match self.judged(sought) {
                    Err(Failed::Source(error)) => return Err(Failed::Source(error)),
                    sought => sought.is_ok(),
                }
            }
            _ => false,
        };
        if !sought {
            self.open()?;
        }
        self.demuxer()?.select(index);
        Ok(!sought)
    }

    pub(super) fn decoder(&mut self, index: usize) -> Result<StreamDecoder, Failed> {
        Ok(StreamDecoder::of(self.demuxer()?, index)?)
    }
}

/// What a packet says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub(super) pts: Option<i64>,
    pub(super) dts: Option<i64>,
    pub(super) key: bool,
    /// Whether an edit list hides it. Where it hides what lies between, libav gives packets twice: once
    /// for each edit that needs them.
    pub(super) hidden: bool,
}

/// Ticks of a stream as a time.
pub(super) fn from_ticks(ticks: i64, (num, den): (u32, u32)) -> Time {
    let den = Timescale::new(den).unwrap_or(Timescale::MIN);
    Time::from_ticks(ticks.saturating_mul(i64::from(num)), den)
}

/// A time in ticks of a stream, rounded down.
pub(super) fn to_ticks(time: Time, (num, den): (u32, u32)) -> Result<i64, OutOfRange> {
    let den = Timescale::new(den).unwrap_or(Timescale::MIN);
    let ticks = time.to_ticks(den, Rounding::Down)?.0;
    Ok(ticks.div_euclid(i64::from(num.max(1))))
}

/// As an error of a fragment.
impl Failed {
    pub(super) fn failure(self, container: Container) -> Failure {
        use crate::error::MediaError;
        match self {
            Self::Source(error) => Failure::Source(error),
            Self::Av(source) => Failure::Media(MediaError::Packets { container, source }),
            Self::Time => Failure::Media(MediaError::Time(OutOfRange)),
        }
    }
}
