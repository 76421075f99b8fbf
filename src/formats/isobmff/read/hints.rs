//! Where movie fragments are said to be: `sidx` in front of them, `mfra` behind them
//! (ISO/IEC 14496-12 § 8.16.3, § 8.8.9 to § 8.8.11). A hint only lets bytes be asked for early. What
//! is at a place, the walk over the boxes tells.

use std::collections::BTreeSet;

use crate::formats::isobmff::{
    FourCc,
    boxes::{BoxError, Fields, boxes},
};

/// More places than this are not remembered.
const MAX_PLACES: usize = 1 << 20;
/// The length of `mfro`, the last box of the last box of a file with `mfra`.
pub(super) const MFRO: u64 = 16;

/// Places ahead at which a box is said to begin.
#[derive(Debug, Default)]
pub(super) struct Hints {
    places: BTreeSet<u64>,
    /// One was wrong: the file is not to be believed.
    distrusted: bool,
}

impl Hints {
    /// Takes places that lie behind `at`.
    pub(super) fn add(&mut self, places: impl IntoIterator<Item = u64>, at: u64, len: u64) {
        if self.distrusted {
            return;
        }
        let room = MAX_PLACES.saturating_sub(self.places.len());
        let ahead = |place: &u64| *place > at && *place < len;
        self.places
            .extend(places.into_iter().filter(ahead).take(room));
    }

    /// A box begins at `at`. A place between this box and the last one was none: then there are no
    /// hints any more.
    pub(super) fn reach(&mut self, at: u64) {
        match self.places.first() {
            Some(&first) if first < at => {
                self.places.clear();
                self.distrusted = true;
            }
            Some(&first) if first == at => {
                self.places.pop_first();
            }
            _ => {}
        }
    }

    /// Places from `at` on.
    pub(super) fn behind(&self, at: u64) -> impl Iterator<Item = u64> + '_ {
        self.places.range(at..).copied()
    }

    /// Whether they say more than what the next box will say.
    pub(super) fn are_many(&self) -> bool {
        self.places.len() > 1
    }
}

/// Where the parts begin that a `sidx` tells of, which ends at byte `end` of the file.
pub(super) fn of_sidx(payload: &[u8], end: u64) -> Vec<u64> {
    read_sidx(payload, end).unwrap_or_default()
}

fn read_sidx(payload: &[u8], end: u64) -> Result<Vec<u64>, BoxError> {
    let mut fields = Fields::new(FourCc(*b"sidx"), payload);
    let (version, _) = fields.version()?;
    let _reference = fields.u32()?;
    let _timescale = fields.u32()?;
    let _earliest = fields.wide(version > 0)?;
    let first = fields.wide(version > 0)?;
    let _reserved = fields.u16()?;
    let count = fields.u16()?;
    let mut at = end.saturating_add(first);
    let rows = fields.table(count.into(), 12)?.chunks_exact(12);
    let places = rows.map(|row| {
        let place = at;
        let word = u32::from_be_bytes([row[0], row[1], row[2], row[3]]);
        // The highest bit tells media from another `sidx`.
        at = at.saturating_add(u64::from(word & 0x7FFF_FFFF));
        place
    });
    Ok(places.collect())
}

/// The length of the `mfra` that ends the file, by its last bytes.
pub(super) fn mfra_length(last: &[u8]) -> Option<u64> {
    let [.., a, b, c, d] = *last else {
        return None;
    };
    let is_mfro = last.starts_with(b"\0\0\0\x10mfro");
    is_mfro.then_some(u64::from(u32::from_be_bytes([a, b, c, d])))
}

/// Where the movie fragments begin that an `mfra` tells of.
pub(super) fn of_mfra(whole: &[u8]) -> Vec<u64> {
    let mut places = Vec::new();
    for mfra in boxes(FourCc(*b"file"), whole).flatten() {
        if mfra.kind.0 != *b"mfra" {
            continue;
        }
        for tfra in boxes(mfra.kind, mfra.payload).flatten() {
            if tfra.kind.0 == *b"tfra" {
                places.extend(read_tfra(tfra.payload).unwrap_or_default());
            }
        }
    }
    places
}

fn read_tfra(payload: &[u8]) -> Result<Vec<u64>, BoxError> {
    let kind = FourCc(*b"tfra");
    let mut fields = Fields::new(kind, payload);
    let (version, _) = fields.version()?;
    let _track = fields.u32()?;
    let sizes = fields.u32()?;
    let count = fields.u32()?;
    // Time and place, then three numbers of one to four bytes.
    let numbers: usize = [4, 2, 0]
        .map(|shift| (sizes >> shift & 3) as usize + 1)
        .iter()
        .sum();
    let wide = version > 0;
    let width = if wide { 16 } else { 8 } + numbers;
    let rows = fields.table(count, width)?.chunks_exact(width);
    rows.map(|row| {
        let mut fields = Fields::new(kind, row);
        let _time = fields.wide(wide)?;
        fields.wide(wide)
    })
    .collect()
}
