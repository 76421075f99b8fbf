//! What coded bitstreams say of themselves: pure readers of the few fields that a join needs. What each codec is, as
//! far as that is a matter of a table, [`media::codec`](crate::media::Codec) says.

pub(crate) mod aac;
pub(crate) mod ac3;
pub(crate) mod alac;
pub(crate) mod bits;
pub(crate) mod flac;
pub(crate) mod mpeg2;
pub(crate) mod mpeg_audio;
pub(crate) mod nal;
pub(crate) mod opus;
pub(crate) mod pgs;
pub(crate) mod vorbis;

use crate::media::{Codec, FrameHeader, FrameLength};

/// How long the frame is that `frame` begins with, header included, where its header says so.
pub(crate) fn stated_len(codec: &Codec, frame: &[u8]) -> Option<usize> {
    match codec.facts().header {
        FrameHeader::Adts => {
            aac::AdtsHeader::parse(frame).map(|header| header.frame_len() as usize)
        }
        FrameHeader::Ac3 => ac3::frame_len(frame),
        FrameHeader::MpegAudio => mpeg_audio::MpegAudioHeader::parse(frame)?
            .frame_len()
            .map(|len| len as usize),
        FrameHeader::None => None,
    }
}

/// PCM samples in a frame of a lossless codec, where the frame tells: the last one mostly holds less than the others.
pub(crate) fn lossless_samples(codec: &Codec, frame: &[u8]) -> Option<u32> {
    match codec.facts().frame {
        FrameLength::AlacConfig => alac::frame_samples(frame),
        FrameLength::FlacStreamInfo => flac::frame_samples(frame),
        FrameLength::Open
        | FrameLength::OpusToc
        | FrameLength::VorbisBlocks
        | FrameLength::Fixed(_)
        | FrameLength::MpegLayer3 => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_frame_of_a_lossless_codec_says_so() {
        // A frame of two channels with 1,792 samples, and one with as many as all.
        let short = [0x20, 0x00, 0x10, 0x00, 0x00, 0x0E, 0x00, 0x00];
        assert_eq!(lossless_samples(&Codec::Alac, &short), Some(1_792));
        let whole = [0x20, 0, 0, 0, 0, 0x0E, 0, 0];
        assert_eq!(lossless_samples(&Codec::Alac, &whole), None);
        let flac = [0xFF, 0xF8, 0xC9, 0x18, 0x00, 0xC2];
        assert_eq!(lossless_samples(&Codec::Flac, &flac), Some(4_096));
        let flac = [0xFF, 0xF8, 0x79, 0x18, 0x05, 0x03, 0xE7];
        assert_eq!(lossless_samples(&Codec::Flac, &flac), Some(1_000));
        assert_eq!(lossless_samples(&Codec::Aac, &flac), None);
    }
}
