//! What Matroska keeps of how codecs are configured (RFC 9559 § 26 and the codec mappings it refers to).

use std::borrow::Cow;

use crate::{media::CodecPrivate, packets::flac, probe::Stream};

/// `CodecPrivate`, in the form that Matroska wants.
pub(crate) fn private(stream: &Stream) -> Cow<'_, [u8]> {
    let record = stream.parameters.extradata.as_slice();
    match stream.parameters.codec.facts().private {
        // The one metadata block that must be there, behind the stream's name.
        CodecPrivate::Flac if !record.starts_with(b"fLaC") => {
            let length = u32::try_from(record.len()).unwrap_or(0).to_be_bytes();
            let mut block = [b"fLaC", &[0x80][..], &length[1..], record].concat();
            flac::joined(&mut block);
            Cow::Owned(block)
        }
        // The box around the configuration has a size, a name and a version.
        CodecPrivate::Alac if record.len() == 36 => Cow::Borrowed(&record[12..]),
        CodecPrivate::Format => stream.format().map_or(Cow::Borrowed(&[][..]), |format| {
            Cow::Owned(format.0.to_vec())
        }),
        CodecPrivate::Nothing => Cow::Borrowed(&[]),
        CodecPrivate::Record | CodecPrivate::Flac | CodecPrivate::Alac => Cow::Borrowed(record),
    }
}

/// Samples of audio that the decoder makes before the first that counts (`pre_skip` of RFC 7845).
pub(crate) fn opus_pre_skip(stream: &Stream) -> u16 {
    match stream.parameters.extradata.get(10..12) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]),
        _ => 0,
    }
}
