//! `moof`: samples in movie fragments (ISO/IEC 14496-12 § 8.8).

use super::{ReadError, clock::Clock, movie::limit, oddities::Oddities, tables::sample_groups};
use crate::{
    formats::isobmff::{
        Chunk, FourCc, RunLength, SampleGroup, SampleSizes, SampleTable,
        boxes::{BoxError, Boxed, Fields, boxes},
    },
    time::{Time, Timescale},
    warning::WarningKind,
};

const TRAF: FourCc = FourCc(*b"traf");
/// Boxes of a `traf` that change what is read of it.
const WANTED: [[u8; 4]; 5] = [*b"tfhd", *b"tfdt", *b"trun", *b"saiz", *b"senc"];
/// `sample_is_non_sync_sample` among the sample flags.
const NON_SYNC: u32 = 0x0001_0000;
/// Group descriptions of a fragment's own are numbered from here, those of `moov` from 1.
const FIRST_LOCAL_DESCRIPTION: u32 = 0x1_0001;

/// What samples are like where nothing else is said.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Defaults {
    entry: u32,
    duration: u32,
    size: u32,
    flags: u32,
}

impl Defaults {
    /// A track's `trex`.
    pub(super) fn parse(found: &Boxed<'_>) -> Result<(u32, Self), BoxError> {
        let mut fields = Fields::new(found.kind, found.payload);
        fields.version()?;
        let track = fields.u32()?;
        let defaults = Self {
            entry: fields.u32()?,
            duration: fields.u32()?,
            size: fields.u32()?,
            flags: fields.u32()?,
        };
        Ok((track, defaults))
    }
}

/// How many samples a `trun` has.
fn run_length(found: &Boxed<'_>) -> Result<u64, BoxError> {
    let mut fields = Fields::new(found.kind, found.payload);
    fields.version()?;
    fields.u32().map(u64::from)
}

/// The samples of one track's fragments so far.
#[derive(Debug)]
pub(super) struct FragmentSamples {
    defaults: Defaults,
    /// Which of the track's sample entries is the first of the recording that is read.
    first_entry: u16,
    sizes: Vec<u32>,
    /// Runs of equal durations.
    durations: RunLength<u32>,
    /// The last sample's duration is kept apart: the next fragment's decode time corrects it.
    last_duration: Option<u32>,
    composition: Vec<i32>,
    any_composition: bool,
    sync: Vec<u32>,
    chunks: Vec<Chunk>,
    groups: Vec<SampleGroup>,
    /// Groupings that `moov` describes, for all fragments.
    shared: Vec<SampleGroup>,
    first_decode_time: u64,
    /// Decode time behind the last sample.
    next: u64,
}

impl FragmentSamples {
    pub(super) fn new(defaults: Defaults) -> Self {
        Self {
            defaults,
            first_entry: 0,
            sizes: Vec::new(),
            durations: RunLength::new(),
            last_duration: None,
            composition: Vec::new(),
            any_composition: false,
            sync: Vec::new(),
            chunks: Vec::new(),
            groups: Vec::new(),
            shared: Vec::new(),
            first_decode_time: 0,
            next: 0,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.sizes.len() as u64
    }

    /// What its samples are like where nothing else is said.
    pub(super) fn defaults(&self) -> Defaults {
        self.defaults
    }

    /// Another recording follows, whose sample entries begin with that number.
    pub(super) fn go_on(&mut self, defaults: Defaults, first_entry: u16) {
        self.defaults = defaults;
        self.first_entry = first_entry;
    }

    /// Where the samples so far end, and how long the last of them lasts; `None` without any.
    pub(super) fn end(&self) -> Option<(u64, u32)> {
        Some((self.next, self.last_duration?))
    }

    /// The track a `traf` belongs to, and the decode time that it states ('tfdt').
    pub(super) fn head(found: &Boxed<'_>) -> Result<(u32, Option<u64>), ReadError> {
        let (mut track, mut time) = (None, None);
        for child in boxes(TRAF, found.payload).map_while(Result::ok) {
            let mut fields = Fields::new(child.kind, child.payload);
            match &child.kind.0 {
                b"tfhd" if track.is_none() => {
                    fields.version()?;
                    track = Some(fields.u32()?);
                }
                b"tfdt" if time.is_none() => {
                    let (version, _) = fields.version()?;
                    time = Some(fields.wide(version == 1)?);
                }
                _ => {}
            }
        }
        let missing = ReadError::Missing {
            track: 0,
            kind: FourCc(*b"tfhd"),
        };
        Ok((track.ok_or(missing)?, time))
    }

    /// Adds the samples of a `traf`. `moof` is where its movie fragment begins, `follows` where the
    /// data of the track fragment before it ends; the track may have `most` samples. Returns where
    /// its own data ends.
    pub(super) fn add(
        &mut self,
        track: (u32, Timescale),
        found: &Boxed<'_>,
        (moof, follows): (u64, u64),
        most: u64,
        clock: &Clock,
        oddities: &mut Oddities,
    ) -> Result<u64, ReadError> {
        let (track, timescale) = track;
        let mut defaults = self.defaults;
        let mut base = follows;
        let mut at = follows;
        let first = u32::try_from(self.sizes.len()).unwrap_or(u32::MAX);
        for child in boxes(TRAF, found.payload) {
            let Some(child) = oddities.child(child, found.payload, &WANTED)? else {
                break;
            };
            let mut fields = Fields::new(child.kind, child.payload);
            match &child.kind.0 {
                b"tfhd" => {
                    let (_, flags) = fields.version()?;
                    fields.u32()?;
                    if flags & 0x02_0000 != 0 {
                        base = moof;
                    }
                    if flags & 0x01 != 0 {
                        base = fields.u64()?;
                    }
                    for (flag, value) in [
                        (0x02, &mut defaults.entry),
                        (0x08, &mut defaults.duration),
                        (0x10, &mut defaults.size),
                        (0x20, &mut defaults.flags),
                    ] {
                        if flags & flag != 0 {
                            *value = fields.u32()?;
                        }
                    }
                    at = base;
                }
                b"tfdt" => {
                    let (version, _) = fields.version()?;
                    let stated = fields.wide(version == 1)?;
                    let time = clock.decode_time(track, stated, timescale)?;
                    self.decode_time(track, time, timescale, oddities)?;
                }
                b"trun" => {
                    let samples = run_length(&child)?.saturating_add(self.len());
                    limit("the number of samples", samples, most)?;
                    at = self.run(track, &mut fields, &defaults, base, at)?;
                }
                b"saiz" | b"saio" | b"senc" => {
                    return Err(ReadError::Encrypted {
                        track,
                        kind: child.kind,
                    });
                }
                _ => {}
            }
        }
        self.groups(first, sample_groups(TRAF, found.payload)?);
        Ok(at)
    }

    /// A fragment's first decode time: the last sample before it lasts until then. A fragment before
    /// that sample follows it.
    fn decode_time(
        &mut self,
        track: u32,
        time: u64,
        timescale: Timescale,
        oddities: &mut Oddities,
    ) -> Result<(), ReadError> {
        if self.sizes.is_empty() {
            self.first_decode_time = time;
            self.next = time;
            return Ok(());
        }
        let Some(last) = self.last_duration else {
            return Ok(());
        };
        let Some(lasts) = time.checked_sub(self.next.saturating_sub(u64::from(last))) else {
            let end = self.next;
            oddities.note(WarningKind::OddIndex, || {
                let [time, end] = [time, end].map(|ticks| {
                    let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
                    Time::from_ticks(ticks, timescale)
                });
                format!(
                    "track {track}: a movie fragment begins at {time} s by its own word, the one before it ends at {end} s: it follows that one"
                )
            });
            return Ok(());
        };
        let Ok(lasts) = u32::try_from(lasts) else {
            return Err(ReadError::Inconsistent {
                track,
                what: "a fragment's decode time ('tfdt')",
                found: time,
                expected: self.next,
            });
        };
        self.last_duration = Some(self.share(last, lasts));
        self.next = time;
        Ok(())
    }

    /// How long the last sample lasts of a fragment that ends `lasts` ticks behind its beginning.
    /// Samples before it that begin with it, their durations being 0, share these ticks.
    fn share(&mut self, last: u32, lasts: u32) -> u32 {
        let Some(&(count, 0)) = self.durations.runs().last() else {
            return lasts;
        };
        let each = count.checked_add(1).map_or(0, |all| lasts / all);
        if last > 0 || each == 0 {
            return lasts;
        }
        let before = self.durations.len() - u64::from(count);
        self.durations.truncate(before);
        self.durations.push(count, each);
        lasts - count * each
    }

    fn run(
        &mut self,
        track: u32,
        fields: &mut Fields<'_>,
        defaults: &Defaults,
        base: u64,
        follows: u64,
    ) -> Result<u64, ReadError> {
        let (_, flags) = fields.version()?;
        let count = fields.u32()?;
        let mut at = follows;
        if flags & 0x01 != 0 {
            let offset = i64::from(fields.i32()?);
            at = base
                .checked_add_signed(offset)
                .ok_or(ReadError::Inconsistent {
                    track,
                    what: "a run's data offset before its base",
                    found: offset.unsigned_abs(),
                    expected: base,
                })?;
        }
        let first_flags = if flags & 0x04 != 0 {
            Some(fields.u32()?)
        } else {
            None
        };
        let widths = [0x100, 0x200, 0x400, 0x800].map(|flag| flags & flag != 0);
        let width = widths.iter().filter(|&&there| there).count() * 4;
        // Without any field per sample, a run is bounded by the bytes that its samples have.
        if width == 0 && defaults.size == 0 && count > 0 {
            return Err(ReadError::Inconsistent {
                track,
                what: "the number of samples without a size in a run ('trun')",
                found: u64::from(count),
                expected: 0,
            });
        }
        let rows = fields.table(count, width)?;
        let entry = defaults
            .entry
            .checked_sub(1)
            .and_then(|entry| u16::try_from(entry).ok())
            .and_then(|entry| entry.checked_add(self.first_entry));
        self.chunks.push(Chunk {
            offset: at,
            first: u32::try_from(self.sizes.len()).unwrap_or(u32::MAX),
            entry: entry.unwrap_or(u16::MAX),
        });
        for index in 0..count {
            let row = rows.get(index as usize * width..).unwrap_or_default();
            let mut row = Fields::new(FourCc(*b"trun"), row);
            let mut field = |there: bool, default: u32| if there { row.u32() } else { Ok(default) };
            let duration = field(widths[0], defaults.duration)?;
            let size = field(widths[1], defaults.size)?;
            let default_flags = first_flags.filter(|_| index == 0).unwrap_or(defaults.flags);
            let sample_flags = field(widths[2], default_flags)?;
            let offset = field(widths[3], 0)?;
            self.push(duration, size, sample_flags, offset as i32);
            at = at.saturating_add(u64::from(size));
        }
        Ok(at)
    }

    fn push(&mut self, duration: u32, size: u32, flags: u32, composition: i32) {
        if flags & NON_SYNC == 0 {
            self.sync
                .push(u32::try_from(self.sizes.len()).unwrap_or(u32::MAX));
        }
        if let Some(last) = self.last_duration.replace(duration) {
            self.durations.push(1, last);
        }
        self.sizes.push(size);
        self.any_composition |= composition != 0;
        if self.any_composition {
            self.composition.resize(self.sizes.len() - 1, 0);
            self.composition.push(composition);
        }
        self.next = self.next.saturating_add(u64::from(duration));
    }

    /// Adds the groupings of a fragment whose samples begin with `first`. Its own descriptions
    /// come behind those before, where they are not among them.
    fn groups(&mut self, first: u32, found: Vec<SampleGroup>) {
        for group in found {
            let same = |known: &SampleGroup| {
                known.kind == group.kind && known.parameter == group.parameter
            };
            let shared = self.shared.iter().find(|known| known.kind == group.kind);
            let shared = shared.map_or(&[][..], |known| &known.descriptions);
            let at = self.groups.iter().position(same).unwrap_or_else(|| {
                self.groups.push(SampleGroup {
                    kind: group.kind,
                    parameter: group.parameter,
                    descriptions: shared.to_vec(),
                    assignment: RunLength::new(),
                });
                self.groups.len() - 1
            });
            let known = &mut self.groups[at];
            let number = |at: usize| u32::try_from(at + 1).unwrap_or(0);
            let mut local = Vec::with_capacity(group.descriptions.len());
            for description in group.descriptions {
                let at = known
                    .descriptions
                    .iter()
                    .position(|one| *one == description);
                local.push(number(at.unwrap_or(known.descriptions.len())));
                if at.is_none() {
                    known.descriptions.push(description);
                }
            }
            let unassigned = u64::from(first).saturating_sub(known.assignment.len());
            known
                .assignment
                .push(u32::try_from(unassigned).unwrap_or(0), 0);
            let mut room = u32::try_from(self.sizes.len()).unwrap_or(u32::MAX) - first;
            for &(count, index) in group.assignment.runs() {
                let count = count.min(room);
                room -= count;
                let index = match index.checked_sub(FIRST_LOCAL_DESCRIPTION) {
                    Some(at) => local.get(at as usize).copied().unwrap_or(0),
                    None if index as usize <= shared.len() => index,
                    None => 0,
                };
                known.assignment.push(count, index);
            }
        }
    }

    /// Starts behind the samples that `moov` has of its own.
    pub(super) fn starting_behind(mut self, table: &SampleTable) -> Self {
        self.shared.clone_from(&table.groups);
        if table.is_empty() {
            return self;
        }
        self.sizes = (0..table.len()).map(|index| table.size(index)).collect();
        self.durations = table.durations.clone();
        self.last_duration = self.durations.pop();
        self.any_composition = table.composition.is_some();
        self.composition = table.composition.clone().unwrap_or_default();
        self.sync = match &table.sync {
            Some(sync) => sync.clone(),
            None => (0..table.len()).collect(),
        };
        self.chunks = table.chunks.clone();
        self.groups = table.groups.clone();
        self.next = table.duration();
        self
    }

    /// All samples of the track as one table; `moov`'s own, where no fragment has any.
    pub(super) fn into_table(mut self, own: SampleTable) -> SampleTable {
        if self.sizes.len() == own.len() as usize {
            return own;
        }
        if let Some(last) = self.last_duration {
            self.durations.push(1, last);
        }
        self.composition.resize(self.sizes.len(), 0);
        self.chunks
            .retain(|chunk| (chunk.first as usize) < self.sizes.len());
        self.chunks.dedup_by(|next, chunk| {
            // A run without samples begins where the next one does.
            let empty = next.first == chunk.first;
            if empty {
                *chunk = *next;
            }
            empty
        });
        SampleTable {
            composition: self.any_composition.then_some(self.composition),
            sync: (self.sync.len() < self.sizes.len()).then_some(self.sync),
            durations: self.durations,
            chunks: self.chunks,
            dependencies: None,
            groups: self.groups,
            first_decode_time: self.first_decode_time,
            sizes: SampleSizes::Each(self.sizes),
        }
    }
}
