//! An output's boxes, as `mp4-atom` reads them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use mp4_atom::{Decode, Moov, Trak};

use super::tables::{Sample, samples};

/// A box at the top of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopBox {
    pub(crate) kind: [u8; 4],
    pub(crate) offset: u64,
    pub(crate) header: u64,
    pub(crate) size: u64,
}

impl TopBox {
    /// Reads the header of the box at `offset` from its first sixteen bytes.
    pub(crate) fn parse(offset: u64, bytes: [u8; 16]) -> Self {
        let short = u64::from(u32::from_be_bytes(bytes[..4].try_into().unwrap()));
        let long = u64::from_be_bytes(bytes[8..].try_into().unwrap());
        let (header, size) = if short == 1 { (16, long) } else { (8, short) };
        Self {
            kind: bytes[4..8].try_into().unwrap(),
            offset,
            header,
            size,
        }
    }
}

/// A whole file's structure.
#[derive(Debug)]
pub(crate) struct Movie {
    pub(crate) boxes: Vec<TopBox>,
    pub(crate) moov: Moov,
    pub(crate) raw: Vec<u8>,
    pub(crate) tracks: Vec<Track>,
    pub(crate) length: u64,
}

/// One track with its samples listed one by one.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) kind: [u8; 4],
    pub(crate) timescale: i64,
    pub(crate) samples: Vec<Sample>,
    pub(crate) trak: Trak,
}

/// A piece of the presentation; `media` is where it starts in the media, `None` where it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) duration: i64,
    pub(crate) media: Option<i64>,
}

impl Movie {
    pub(crate) fn open(path: &Path) -> Self {
        let mut file = File::open(path).unwrap();
        let length = file.metadata().unwrap().len();
        let (mut boxes, mut raw) = (Vec::new(), Vec::new());
        let mut offset = 0;
        while offset < length {
            file.seek(SeekFrom::Start(offset)).unwrap();
            let mut head = [0; 16];
            let known = file.read(&mut head).unwrap();
            assert!(
                known >= 8,
                "{} bytes left at {offset} are no box",
                length - offset
            );
            let found = TopBox::parse(offset, head);
            assert!(
                found.size >= found.header && found.size <= length - offset,
                "{found:?}"
            );
            if &found.kind == b"moov" {
                file.seek(SeekFrom::Start(offset)).unwrap();
                raw = vec![0; usize::try_from(found.size).unwrap()];
                file.read_exact(&mut raw).unwrap();
            }
            boxes.push(found);
            offset += found.size;
        }
        assert!(!raw.is_empty(), "no moov in {}", path.display());
        Self::of(raw, boxes, length)
    }

    /// The structure of a file of which only the index is at hand.
    pub(crate) fn of(raw: Vec<u8>, boxes: Vec<TopBox>, length: u64) -> Self {
        let moov = Moov::decode(&mut raw.as_slice()).unwrap();
        let tracks = moov.trak.iter().cloned().map(Track::new).collect();
        Self {
            boxes,
            moov,
            raw,
            tracks,
            length,
        }
    }

    /// Ticks per second of the movie.
    pub(crate) fn timescale(&self) -> i64 {
        i64::from(self.moov.mvhd.timescale)
    }

    /// The movie's duration in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.moov.mvhd.duration as f64 / self.timescale() as f64
    }

    /// The tracks with handler `kind`.
    pub(crate) fn tracks_of(&self, kind: &[u8; 4]) -> Vec<&Track> {
        self.tracks
            .iter()
            .filter(|track| &track.kind == kind)
            .collect()
    }

    /// The only video track.
    pub(crate) fn video(&self) -> &Track {
        self.tracks_of(b"vide")[0]
    }

    /// The first audio track.
    pub(crate) fn audio(&self) -> &Track {
        self.tracks_of(b"soun")[0]
    }

    /// Where the box `kind` is at the top, by order.
    pub(crate) fn position(&self, kind: &[u8; 4]) -> Option<usize> {
        self.boxes.iter().position(|found| &found.kind == kind)
    }

    /// The presented instant (seconds) of every sample of `track` that an edit shows, by time.
    pub(crate) fn shown(&self, track: &Track) -> Vec<Shown> {
        let mut shown = Vec::new();
        let mut at = 0.0;
        let mut order: Vec<_> = (0..track.samples.len()).collect();
        order.sort_by_key(|index| track.samples[*index].pts);
        for edit in track.edits() {
            let length = edit.duration as f64 / self.timescale() as f64;
            let Some(media) = edit.media else {
                at += length;
                continue;
            };
            let scale = track.timescale as f64;
            for (&index, next) in order
                .iter()
                .zip(order.iter().skip(1).map(Some).chain([None]))
            {
                let sample = &track.samples[index];
                // A sample is shown until the next in order of presentation.
                let end = next.map_or(sample.pts + sample.duration, |n| track.samples[*n].pts);
                let inside = (sample.pts - media) as f64 / scale;
                let end = (end - media) as f64 / scale;
                // A tick of either clock is what rounding may cost.
                if end > 1.5 / scale && inside < length - 1e-3 {
                    let visible = end.min(length) - inside.max(0.0);
                    shown.push(Shown {
                        index,
                        at: at + inside.max(0.0),
                        lasts: visible,
                    });
                }
            }
            at += length;
        }
        shown.sort_by(|a, b| a.at.total_cmp(&b.at));
        shown
    }
}

/// The bytes of every video sample of a file, by its sample tables.
pub(crate) fn video_bytes(path: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    let movie = Movie::open(path);
    let part = |sample: &Sample| bytes[sample.offset as usize..][..sample.size as usize].to_vec();
    movie.video().samples.iter().map(part).collect()
}

/// A sample as an edit shows it; times in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    pub(crate) index: usize,
    pub(crate) at: f64,
    pub(crate) lasts: f64,
}

impl Track {
    fn new(trak: Trak) -> Self {
        Self {
            kind: trak.mdia.hdlr.handler.into(),
            timescale: i64::from(trak.mdia.mdhd.timescale),
            samples: samples(&trak.mdia.minf.stbl),
            trak,
        }
    }

    /// The edit list; a track without one is shown from its start.
    pub(crate) fn edits(&self) -> Vec<Edit> {
        let elst = self.trak.edts.as_ref().and_then(|edts| edts.elst.as_ref());
        let whole = Edit {
            duration: i64::MAX / 2,
            media: Some(0),
        };
        elst.map_or_else(
            || vec![whole],
            |elst| {
                elst.entries
                    .iter()
                    .map(|entry| Edit {
                        duration: entry.segment_duration as i64,
                        media: entry.media_time.map(|time| time as i64),
                    })
                    .collect()
            },
        )
    }

    /// How many runs of equal durations there are.
    pub(crate) fn runs(&self) -> usize {
        self.trak.mdia.minf.stbl.stts.entries.len()
    }

    /// Presented instants (seconds) of the sync samples, in order.
    pub(crate) fn keyframes(&self, movie: &Movie) -> Vec<f64> {
        let shown = movie.shown(self);
        shown
            .iter()
            .filter(|shown| self.samples[shown.index].sync)
            .map(|shown| shown.at)
            .collect()
    }
}
