//! Parameter sets that change while a stream is read: each key frame gets the sample entry of those in force there.

use bytes::Bytes;

use crate::{
    av::PacketView,
    codecs::nal::{InForce, NalCodec},
    error::{Change, MediaError},
    formats::isobmff::{
        SampleEntry, TrackDescription,
        parameter_sets::{ParameterSets, entry_with_sets},
    },
    media::Codec,
};

/// Configurations of one stream that are told apart; real streams have a few.
const MAX_CONFIGURATIONS: usize = 1 << 10;

/// The configurations of a stream while its packets are read.
pub(super) struct Configurations {
    codec: NalCodec,
    length_size: usize,
    /// Those of the stream's first description.
    described: Vec<Bytes>,
    force: InForce,
    /// Sets of each sample entry that is used, and when it is used first, in ticks.
    known: Vec<(Vec<Bytes>, Option<i64>)>,
    current: usize,
}

impl Configurations {
    /// Of a stream of `codec` that is described by `entry`; `None` for codecs without parameter sets.
    pub(super) fn new(codec: &Codec, entry: Option<&SampleEntry>) -> Option<Self> {
        let codec = NalCodec::of(codec)?;
        let sets = ParameterSets::of(&entry?.bytes)?;
        Some(Self {
            codec,
            length_size: usize::from(sets.length_size),
            force: InForce::new(codec, &sets.sets),
            described: sets.sets,
            known: Vec::new(),
            current: 0,
        })
    }

    /// The sets in force.
    pub(super) fn sets(&self) -> &[Bytes] {
        self.force.sets()
    }

    /// Takes the sets that stand before the picture in `units`, and what the container says of new ones.
    pub(super) fn take<'u>(
        &mut self,
        packet: &PacketView<'_>,
        units: impl Iterator<Item = &'u [u8]>,
    ) {
        if let Some(sets) = packet
            .new_extradata
            .and_then(|record| ParameterSets::of_record(self.codec, record))
        {
            self.force = InForce::new(self.codec, &sets.sets);
        }
        for unit in units {
            self.force.take(unit);
        }
    }

    /// The same of a packet whose units stand behind lengths.
    pub(super) fn take_lengths(&mut self, packet: &PacketView<'_>) {
        self.take(
            packet,
            crate::codecs::nal::units(packet.data, self.length_size),
        );
    }

    /// Index of the sample entry of a packet, which is a key frame or follows one.
    pub(super) fn entry(&mut self, packet: &PacketView<'_>) -> u16 {
        if packet.key || self.known.is_empty() {
            let sets = self.force.sets();
            let known = self.known.iter().position(|(known, _)| known == sets);
            self.current = known.unwrap_or(self.known.len());
            if known.is_none() {
                // Beyond the most that are kept apart, the last one stands for all.
                if self.known.len() == MAX_CONFIGURATIONS {
                    self.known.pop();
                    self.current -= 1;
                }
                self.known.push((sets.to_vec(), packet.pts.or(packet.dts)));
            }
        }
        u16::try_from(self.current).unwrap_or(0)
    }

    /// Puts the sample entries that are used into `description`; times are `tick` seconds.
    pub(super) fn describe(
        &self,
        stream: usize,
        description: &mut TrackDescription,
        tick: (u32, u32),
    ) -> Result<(), MediaError> {
        let Some(base) = description.entries.first().cloned() else {
            return Ok(());
        };
        let mut entries = Vec::with_capacity(self.known.len());
        let first = self
            .known
            .first()
            .map(|(sets, _)| InForce::new(self.codec, sets));
        let first = first.and_then(|force| force.sequence());
        for (sets, since) in &self.known {
            if *sets == self.described {
                entries.push(base.clone());
                continue;
            }
            let found = InForce::new(self.codec, sets).sequence();
            if let (Some(first), Some(found)) = (&first, &found)
                && let Some((what, before, after)) = first.differs(found)
            {
                return Err(MediaError::Changes(Box::new(Change {
                    stream,
                    what,
                    before,
                    after,
                    at: super::times::time_of(since.unwrap_or(0), tick)?,
                })));
            }
            // What can't be written anew stays in the packets alone.
            let bytes = entry_with_sets(&base.bytes, sets).unwrap_or_else(|| base.bytes.clone());
            entries.push(SampleEntry {
                format: base.format,
                bytes,
            });
        }
        if !entries.is_empty() {
            description.entries = entries;
        }
        Ok(())
    }
}
