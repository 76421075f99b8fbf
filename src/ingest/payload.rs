//! Payloads in the form that ISO base media files have them.

use super::configurations::Configurations;
use crate::{
    av::PacketView,
    media::{Codec, FrameLength, PacketForm},
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
        let adts = extradata.is_empty() && super::sniff::adts_length(packet).is_some();
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
    // `protection_absent`: no checksum of two bytes follows.
    let header = match packet {
        [0xFF, flags, ..] if flags & 0xF6 == 0xF0 => {
            if flags & 1 == 1 {
                7
            } else {
                9
            }
        }
        _ => 0,
    };
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

/// PCM samples at 48 kHz in a packet of Opus: RFC 6716 § 3.1.
pub(super) fn opus_samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let config = toc >> 3;
    let frame = match config {
        0..=11 => [480, 960, 1_920, 2_880][usize::from(config & 3)],
        12..=15 => [480, 960][usize::from(config & 1)],
        _ => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 63),
    };
    Some(frame * frames).filter(|&all| all > 0 && all <= 5_760)
}

/// PCM samples in a frame of a lossless codec, where the frame tells: the last one mostly holds less than the others.
pub(crate) fn lossless_samples(codec: &Codec, frame: &[u8]) -> Option<u32> {
    match codec.facts().frame {
        FrameLength::AlacConfig => alac_samples(frame),
        FrameLength::FlacStreamInfo => flac_samples(frame),
        FrameLength::Open
        | FrameLength::OpusToc
        | FrameLength::VorbisBlocks
        | FrameLength::Fixed(_)
        | FrameLength::MpegLayer3 => None,
    }
}

/// PCM samples in a frame of ALAC, where it says so because they are fewer than in others. Its header is that of its
/// first element: 3 bits of type, 4 of instance, 12 unused, and one that says that a count of 32 bits follows
/// the next three.
fn alac_samples(frame: &[u8]) -> Option<u32> {
    let header: &[u8; 7] = frame.first_chunk()?;
    let bits = header
        .iter()
        .fold(0_u64, |all, &byte| all << 8 | u64::from(byte));
    let is_told = bits >> (56 - 20) & 1 == 1;
    let count = bits >> (56 - 55) & u64::from(u32::MAX);
    u32::try_from(count)
        .ok()
        .filter(|&count| is_told && count > 0)
}

/// PCM samples in a frame of FLAC: RFC 9639 § 9.1.1 and § 9.1.6.
pub(super) fn flac_samples(frame: &[u8]) -> Option<u32> {
    let header: &[u8; 5] = frame.first_chunk()?;
    if header[0] != 0xFF || header[1] & 0xFC != 0xF8 {
        return None;
    }
    let code = header[2] >> 4;
    // The number of the frame or of its first sample is coded as UTF-8 codes characters.
    let number = match header[4].leading_ones() {
        0 => 1,
        ones @ 2..=7 => ones as usize,
        _ => return None,
    };
    let behind = frame.get(4 + number..)?;
    Some(match code {
        1 => 192,
        2..=5 => 576 << (code - 2),
        6 => u32::from(*behind.first()?) + 1,
        7 => u32::from(u16::from_be_bytes(*behind.first_chunk()?)) + 1,
        8..=15 => 256 << (code - 8),
        _ => return None,
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

    #[test]
    fn lengths_of_opus_packets_and_flac_frames() {
        // 20 ms of CELT, one frame; two of 10 ms; three of 2.5 ms.
        assert_eq!(opus_samples(&[31 << 3]), Some(960));
        assert_eq!(opus_samples(&[(30 << 3) | 1]), Some(960));
        assert_eq!(opus_samples(&[(28 << 3) | 3, 3]), Some(360));
        assert_eq!(opus_samples(&[]), None);
        // A frame of two channels with 1,792 samples, and one with as many as all.
        let short = [0x20, 0x00, 0x10, 0x00, 0x00, 0x0E, 0x00, 0x00];
        assert_eq!(lossless_samples(&Codec::Alac, &short), Some(1_792));
        assert_eq!(
            lossless_samples(&Codec::Alac, &[0x20, 0, 0, 0, 0, 0x0E, 0, 0]),
            None
        );
        assert_eq!(
            flac_samples(&[0xFF, 0xF8, 0xC9, 0x18, 0x00, 0xC2]),
            Some(4_096)
        );
        assert_eq!(
            flac_samples(&[0xFF, 0xF8, 0x79, 0x18, 0x05, 0x03, 0xE7]),
            Some(1_000)
        );
    }
}
