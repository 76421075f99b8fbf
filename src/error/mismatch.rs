//! How a fragment differs from the first. Pure.

use std::fmt;

use crate::media::StreamKind;

/// A property in which all fragments must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Rule {
    /// The number of video or audio streams.
    StreamCount,
    /// The codec.
    Codec,
    /// The codec's profile.
    Profile,
    /// Width and height in pixels.
    Resolution,
    /// Pixel aspect ratio.
    SampleAspect,
    /// Pixel format: subsampling and bit depth.
    PixelFormat,
    /// Frames per second.
    FrameRate,
    /// Progressive or which field first.
    FieldOrder,
    /// Limited or full range.
    ColorRange,
    /// Colour primaries.
    ColorPrimaries,
    /// Transfer characteristics.
    ColorTransfer,
    /// Matrix coefficients.
    ColorSpace,
    /// Mastering display or content light level.
    Hdr,
    /// Dolby Vision configuration.
    DolbyVision,
    /// Stereoscopic or spherical projection.
    Spatial,
    /// Rotation and mirroring.
    DisplayMatrix,
    /// What of the coded pictures is shown.
    Crop,
    /// Whether there is an alpha channel beside the pictures.
    Alpha,
    /// Audio samples per second.
    SampleRate,
    /// Number of channels.
    Channels,
    /// Which channels.
    ChannelLayout,
    /// Bits per sample of PCM and lossless audio.
    BitsPerSample,
    /// PCM samples in a coded frame.
    FrameSize,
    /// Parameter sets that cannot be kept apart.
    ParameterSets,
    /// The decoder's configuration record.
    DecoderConfiguration,
    /// A timescale in which all fragments' ticks are whole.
    Timescale,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StreamCount => "number of streams",
            Self::Codec => "codec",
            Self::Profile => "profile",
            Self::Resolution => "resolution",
            Self::SampleAspect => "sample aspect ratio",
            Self::PixelFormat => "pixel format",
            Self::FrameRate => "frame rate",
            Self::FieldOrder => "field order",
            Self::ColorRange => "colour range",
            Self::ColorPrimaries => "colour primaries",
            Self::ColorTransfer => "colour transfer",
            Self::ColorSpace => "colour space",
            Self::Hdr => "HDR metadata",
            Self::DolbyVision => "Dolby Vision configuration",
            Self::Spatial => "spatial metadata",
            Self::DisplayMatrix => "display matrix",
            Self::Crop => "crop",
            Self::Alpha => "alpha channel",
            Self::SampleRate => "sample rate",
            Self::Channels => "channels",
            Self::ChannelLayout => "channel layout",
            Self::BitsPerSample => "bits per sample",
            Self::FrameSize => "frame size",
            Self::ParameterSets => "parameter sets",
            Self::DecoderConfiguration => "decoder configuration",
            Self::Timescale => "timescale",
        })
    }
}

/// One difference between a fragment and the first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Mismatch {
    /// Index of the fragment that differs.
    pub fragment: usize,
    /// Its source.
    pub source: String,
    /// Index of its stream; `None` where it has none to name.
    pub stream: Option<usize>,
    /// What the stream carries.
    pub kind: StreamKind,
    /// In what it differs.
    pub rule: Rule,
    /// What the first fragment has.
    pub expected: String,
    /// What this one has.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fragment {} ({})", self.fragment, self.source)?;
        if let Some(stream) = self.stream {
            write!(f, ", stream {stream}")?;
        }
        let Self {
            kind,
            rule,
            expected,
            found,
            ..
        } = self;
        write!(
            f,
            " ({kind}): {rule} is {found}, the first fragment has {expected}"
        )
    }
}
