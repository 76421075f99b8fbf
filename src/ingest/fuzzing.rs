//! Doors for the fuzz targets to what is read beside libav.

use std::{cell::RefCell, fs::File, os::unix::fs::FileExt, sync::Arc};

use super::{
    complete::{Elements, Last, check, check_elements, check_last, is_cut},
    sniff::{sniff, tag_length},
};
use crate::{
    codecs::vorbis::Vorbis,
    error::{Failure, MediaError},
    formats::matroska::read::video_tracks,
    media::{Codec, Container, picture::StereoMode},
    source::Storage,
};

/// The containers whose ends are looked at.
const LOOKED_INTO: [Container; 11] = [
    Container::Matroska,
    Container::WebM,
    Container::Avi,
    Container::Ogg,
    Container::Opus,
    Container::MpegTs,
    Container::Flv,
    Container::Amr,
    Container::Adts,
    Container::Mp3,
    Container::Ac3,
];

thread_local! {
    /// One file for all inputs: making one takes longer than reading it.
    static FILE: RefCell<Option<Arc<File>>> = const { RefCell::new(None) };
}

/// `bytes` as a local file.
fn stored(bytes: &[u8]) -> Option<Storage> {
    FILE.with_borrow_mut(|file| {
        if file.is_none() {
            *file = tempfile::tempfile().ok().map(Arc::new);
        }
        let file = Arc::clone(file.as_ref()?);
        file.set_len(bytes.len() as u64).ok()?;
        file.write_all_at(bytes, 0).ok()?;
        Some(Storage::File(file))
    })
}

/// Reads `bytes` as a file of Matroska: what tracks say of their pictures fits into them, and takes no more
/// memory than the file.
pub fn matroska(bytes: &[u8]) {
    let Some(storage) = stored(bytes) else { return };
    let tracks = video_tracks(&storage, bytes.len() as u64).expect("a file in memory is read");
    let mut kept = 0;
    for track in &tracks {
        let (across, down) = track.aspect.unwrap_or((1, 1));
        assert!(across > 0 && down > 0, "{track:?}");
        let facts = &track.facts;
        if let Some(crop) = facts.crop {
            let (width, height) = crop
                .shown(track.size)
                .expect("a crop inside of the picture");
            assert!(width > 0 && height > 0, "{track:?}");
        }
        let (beside, below) = facts.stereo.map_or((1, 1), StereoMode::views);
        assert!(beside > 0 && below > 0);
        if let Some(turn) = track.turn {
            assert!(turn.degrees > -180.0 && turn.degrees <= 180.0, "{turn:?}");
            let _ = turn.matrix(track.size);
        }
        let layers = facts.layers.iter().map(|layer| layer.record.len());
        let projection = facts.projection.iter().map(|found| found.data.len());
        // Its element has fewer bytes than a sphere's bounds, which stand for none.
        kept += 1 + layers.chain(projection).sum::<usize>();
    }
    assert!(kept <= bytes.len() + 20 * tracks.len());
    // An entry has an identifier, a size, and a type.
    assert!(tracks.len() * 5 <= bytes.len());
}

/// Looks at what the end of `bytes` lacks, as every container: what is told lies in the file and is
/// shorter than it says.
pub fn endings(bytes: &[u8]) {
    let Some(storage) = stored(bytes) else { return };
    let len = bytes.len() as u64;
    let tag = usize::try_from(tag_length(bytes)).unwrap_or(usize::MAX);
    let _ = sniff(bytes, bytes.get(tag..).filter(|_| tag > 0));
    for container in LOOKED_INTO {
        judged(check(container, &storage, len), len);
    }
    let mut elements = Elements::default();
    for until in (0..len).step_by(4_096) {
        let passed = elements.pass(&storage, len, until);
        passed.expect("a file in memory is read");
    }
    let walked = judged(
        check_elements(Container::Matroska, &mut elements, &storage, len),
        len,
    );
    let mut fresh = Elements::default();
    let at_once = check_elements(Container::Matroska, &mut fresh, &storage, len);
    assert_eq!(walked, judged(at_once, len));
    let mut last = Last::default();
    let frame = &bytes[bytes.len() - bytes.len().min(700)..];
    last.see(frame);
    for container in LOOKED_INTO {
        judged(check_last(container, &last, &storage, len), len);
    }
    for codec in [Codec::Aac, Codec::Ac3, Codec::Mp3] {
        let _ = is_cut(&codec, frame);
    }
}

/// Where the file is cut.
fn judged(found: Result<(), Failure>, len: u64) -> Option<(u64, u64)> {
    let failure = found.err()?;
    let Failure::Media(error) = failure else {
        panic!("a file in memory is not read: {failure:?}");
    };
    match error {
        MediaError::Truncated { stated, found, .. } => {
            assert!(stated > found && found == len, "{error}");
            Some((0, stated))
        }
        MediaError::Cut {
            at, stated, found, ..
        } => {
            assert!(stated > found, "{error}");
            assert!(at + found <= len, "{error}, of {len} bytes");
            Some((at, stated))
        }
        MediaError::Unended { at, .. } => {
            assert!(at < len, "{error}");
            Some((at, 0))
        }
        other => panic!("an end is not judged so: {other}"),
    }
}

/// Reads `bytes` as the headers of Vorbis, then as a packet: modes are as many as a packet can name.
pub fn vorbis(bytes: &[u8]) {
    let Some(found) = Vorbis::of(bytes) else {
        return;
    };
    assert!((1..=64).contains(&found.modes.len()));
    assert!(found.bits_of_mode() <= 6);
    for packet in bytes.chunks(3) {
        let block = found.block(packet);
        assert!(block.is_none_or(|block| found.blocks.contains(&block)));
    }
}
