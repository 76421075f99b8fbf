//! Payloads in the form that ISO base media files have them.

use super::configurations::Configurations;
use crate::{
    av::PacketView,
    codecs::aac::AdtsHeader,
    media::{Codec, PacketForm},
};

/// What has to be done to packets of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Nothing.
    AsIs,
    /// H.264 behind start codes (ISO/IEC 14496-10 Annex B).
    AvcStartCodes,
    /// HEVC behind start codes (ISO/IEC 23008-2 Annex B).
    HevcStartCodes,
    /// AAC behind an ADTS header (ISO/IEC 14496-3 § 1.A.2).
    Adts,
    /// Presentation graphics of discs, a segment in a packet or a display set.
    Graphics,
    /// MPEG-4 Part 2, which may say that pictures are packed.
    Mpeg4,
    /// AAC in a frame of LOAS (ISO/IEC 14496-3 § 1.7).
    Latm,
}

impl Framing {
    /// What the codec's first packet and its decoder configuration tell.
    pub(super) fn of(codec: &Codec, extradata: &[u8], packet: &[u8]) -> Self {
        // A configuration record begins with its version, 1; Annex B begins with a zero byte.
        let start_codes = extradata.first() != Some(&1) && starts_with_code(packet);
        let adts = extradata.is_empty() && AdtsHeader::parse(packet).is_some();
        match codec.facts().packets {
            PacketForm::StartCodes if !start_codes => Self::AsIs,
            PacketForm::StartCodes if *codec == Codec::Hevc => Self::HevcStartCodes,
            PacketForm::StartCodes => Self::AvcStartCodes,
            PacketForm::Adts if adts => Self::Adts,
            PacketForm::Latm => Self::Latm,
            PacketForm::Mpeg4 => Self::Mpeg4,
            PacketForm::Graphics => Self::Graphics,
            PacketForm::Sample | PacketForm::Adts => Self::AsIs,
        }
    }
}

fn starts_with_code(packet: &[u8]) -> bool {
    packet.starts_with(&[0, 0, 1]) || packet.starts_with(&[0, 0, 0, 1])
}

/// The payload behind an ADTS header, where there is one.
pub(super) fn behind_adts(packet: &[u8]) -> &[u8] {
    let header = AdtsHeader::parse(packet).map_or(0, AdtsHeader::len);
    packet.get(header..).unwrap_or_default()
}

/// Writes the units of `packet` to `out`, each behind a length of four bytes; parameter sets that are in force already, as
/// those before a key frame are (its sample entry has them), are left out.
pub(super) fn lengths_for_codes(
    packet: &PacketView<'_>,
    framing: Framing,
    configurations: &mut Option<Configurations>,
    out: &mut Vec<u8>,
) {
    if let Some(configurations) = configurations.as_mut().filter(|_| packet.key) {
        configurations.take(packet, units(packet.data));
    }
    for unit in units(packet.data) {
        let is_set = match (framing, unit.first()) {
            (Framing::AvcStartCodes, Some(first)) => matches!(first & 31, 7 | 8 | 13),
            (Framing::HevcStartCodes, Some(first)) => matches!(first >> 1 & 63, 32..=34),
            _ => false,
        };
        let sets = configurations
            .as_ref()
            .map_or(&[][..], Configurations::sets);
        if is_set && sets.iter().any(|set| set == unit) {
            continue;
        }
        let Ok(length) = u32::try_from(unit.len()) else {
            continue;
        };
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(unit);
    }
    if let Some(configurations) = configurations.as_mut().filter(|_| !packet.key) {
        configurations.take(packet, units(packet.data));
    }
}

/// The units between start codes, without the zero bytes that may trail them.
fn units(packet: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = packet;
    let mut begun = false;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let (unit, behind) = match memchr::memmem::find(rest, &[0, 0, 1]) {
                Some(at) => (&rest[..at], &rest[at + 3..]),
                None => (rest, &rest[rest.len()..]),
            };
            rest = behind;
            let wanted = std::mem::replace(&mut begun, true);
            let end = unit
                .iter()
                .rposition(|&byte| byte != 0)
                .map_or(0, |at| at + 1);
            if wanted && end > 0 {
                return Some(&unit[..end]);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_become_lengths() {
        let data = [
            &[0, 0, 0, 1, 9, 16][..],
            &[0, 0, 1, 0x68, 3, 0, 0],
            &[0, 0, 1, 0x65, 4, 0, 5, 0],
        ]
        .concat();
        let packet = PacketView {
            stream: 0,
            pts: None,
            dts: None,
            duration: 0,
            key: true,
            position: None,
            skip: (0, 0),
            stream_id: None,
            new_extradata: None,
            addition: None,
            data: &data,
        };
        let mut out = Vec::new();
        lengths_for_codes(&packet, Framing::AvcStartCodes, &mut None, &mut out);
        let expected = [
            &[0, 0, 0, 2, 9, 16][..],
            &[0, 0, 0, 2, 0x68, 3],
            &[0, 0, 0, 4, 0x65, 4, 0, 5],
        ]
        .concat();
        assert_eq!(out, expected);
    }
}
