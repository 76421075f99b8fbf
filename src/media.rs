//! What a fragment holds, in words shared by every container.

mod codec;
mod container;
mod extras;
mod foreign;
mod fourcc;
pub mod picture;
mod sample_table;

use bytes::Bytes;

use crate::time::Time;

pub use codec::Codec;
pub(crate) use codec::{
    CodecPrivate, Coding, Configured, FrameHeader, FrameLength, NalCodec, PacketForm, PictureOrder,
    SilenceSource, wave_format,
};
pub use container::Container;
pub use extras::{Addition, Extras, Head};
pub use foreign::Foreign;
pub(crate) use foreign::foreign;
pub use fourcc::FourCc;
pub(crate) use sample_table::usual_duration;
pub use sample_table::{Chunk, Edit, RunLength, SampleGroup, SampleSizes, SampleTable, TrackEdit};

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum StreamKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Timed text or pictures over the video.
    Subtitle,
    /// Anything else that is timed: telemetry, time codes, metadata.
    Data,
}

impl std::fmt::Display for StreamKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Subtitle => "subtitle",
            Self::Data => "data",
        })
    }
}

/// A named point of a fragment or of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Chapter {
    /// When it starts, from the beginning of its file.
    pub start: Time,
    /// Its title.
    pub title: String,
}

/// A file that comes with a fragment, such as a font that its subtitles are drawn with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Attachment {
    /// Name of the file.
    pub name: String,
    /// What it is, such as `font/ttf`; empty where unknown.
    pub media_type: String,
    /// What is in it.
    pub data: Bytes,
}

/// Codec parameters as libav reports them after looking at the sample entry and a first sample.
///
/// Text values are libav's names (`h264`, `High`, `yuv420p`, `bt709`, `fltp`); `None` is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct CodecParameters {
    /// The codec; [`Codec::Unknown`] where libav knows none.
    pub codec: Codec,
    /// Profile name, such as `High` or `LC`.
    pub profile: Option<String>,
    /// Level in the codec's own numbering.
    pub level: Option<i32>,
    /// What a video stream adds.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub video: Option<VideoParameters>,
    /// What an audio stream adds.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub audio: Option<AudioParameters>,
    /// libav's `extradata`: the decoder's configuration record.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub extradata: Vec<u8>,
}

/// Codec parameters of a video stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct VideoParameters {
    /// Coded width in pixels.
    pub width: u32,
    /// Coded height in pixels.
    pub height: u32,
    /// Pixel format, such as `yuv420p`: subsampling and bit depth.
    pub pixel_format: Option<String>,
    /// Width and height of a pixel; 1:1 where the file says nothing.
    pub sample_aspect: (u32, u32),
    /// Field order: `progressive`, `tt`, `bb`, `tb`, `bt`.
    pub field_order: Option<String>,
    /// Colour range: `tv` or `pc`.
    pub color_range: Option<String>,
    /// Colour primaries.
    pub color_primaries: Option<String>,
    /// Transfer characteristics.
    pub color_transfer: Option<String>,
    /// Matrix coefficients.
    pub color_space: Option<String>,
    /// Chroma sample location.
    pub chroma_location: Option<String>,
    /// What of this the coded pictures say themselves.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub coded: CodedFacts,
}

/// What coded pictures say of themselves: all that is left where a container says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct CodedFacts {
    /// Width and height of a pixel.
    pub sample_aspect: Option<(u32, u32)>,
    /// Colour range, primaries, transfer and space, where they are others than with the container.
    pub colors: Option<[Option<String>; 4]>,
    /// Whether they name the display that they were mastered on.
    pub mastering: bool,
    /// Whether they say how bright they get.
    pub light: bool,
}

impl VideoParameters {
    /// Colour range, primaries, transfer characteristics and matrix coefficients.
    pub(crate) fn colors(&self) -> [Option<String>; 4] {
        [
            self.color_range.clone(),
            self.color_primaries.clone(),
            self.color_transfer.clone(),
            self.color_space.clone(),
        ]
    }
}

/// Codec parameters of an audio stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct AudioParameters {
    /// Effective samples per second and channel (after spectral band replication).
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: u16,
    /// Channel layout, such as `stereo` or `5.1`.
    pub channel_layout: String,
    /// Sample format of the decoded sound, such as `fltp` or `s16`.
    pub sample_format: Option<String>,
    /// PCM samples per channel in a coded frame; 0 where it varies or is one (PCM).
    pub frame_size: u32,
    /// Bits per sample of raw PCM and lossless codecs; 0 otherwise.
    pub bits_per_sample: u32,
}
