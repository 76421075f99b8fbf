//! The containers that are read and written.

use std::{ffi::CStr, fmt, path::Path};

use super::Codec;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
pub enum Container {
    /// MPEG-4 Part 14 and its kin (MP4, 3GP, CMAF).
    Mp4,
    /// The same with sound only.
    M4a,
    /// QuickTime.
    Mov,
    /// Matroska.
    Matroska,
    /// Matroska with sound only.
    Mka,
    /// `WebM`.
    WebM,
    /// An MPEG-2 transport stream.
    MpegTs,
    /// MPEG audio frames.
    Mp3,
    /// AAC frames with ADTS headers.
    Adts,
    /// AAC frames in LATM, behind the sync words of LOAS.
    Latm,
    /// AC-3 or E-AC-3 frames.
    Ac3,
    /// Native FLAC.
    Flac,
    /// Ogg.
    Ogg,
    /// Ogg with Opus only.
    Opus,
    /// RIFF/WAVE, RF64 included.
    Wav,
    /// AIFF and AIFF-C.
    Aiff,
    /// AMR, narrow and wide band.
    Amr,
    /// Flash video.
    Flv,
    /// AVI.
    Avi,
}

/// File name extensions, the usual one of each container first.
const EXTENSIONS: [(&str, Container); 38] = [
    ("mp4", Container::Mp4),
    ("m4v", Container::Mp4),
    ("3gp", Container::Mp4),
    ("3g2", Container::Mp4),
    ("m4a", Container::M4a),
    ("m4b", Container::M4a),
    ("mov", Container::Mov),
    ("qt", Container::Mov),
    ("mkv", Container::Matroska),
    ("mks", Container::Matroska),
    ("mk3d", Container::Matroska),
    ("mka", Container::Mka),
    ("webm", Container::WebM),
    ("weba", Container::WebM),
    ("ts", Container::MpegTs),
    ("m2ts", Container::MpegTs),
    ("mts", Container::MpegTs),
    ("mp3", Container::Mp3),
    ("mp2", Container::Mp3),
    ("aac", Container::Adts),
    ("adts", Container::Adts),
    ("latm", Container::Latm),
    ("loas", Container::Latm),
    ("ac3", Container::Ac3),
    ("eac3", Container::Ac3),
    ("flac", Container::Flac),
    ("ogg", Container::Ogg),
    ("ogv", Container::Ogg),
    ("oga", Container::Ogg),
    ("opus", Container::Opus),
    ("wav", Container::Wav),
    ("wave", Container::Wav),
    ("rf64", Container::Wav),
    ("aiff", Container::Aiff),
    ("amr", Container::Amr),
    ("awb", Container::Amr),
    ("flv", Container::Flv),
    ("avi", Container::Avi),
];

impl Container {
    /// The container that a file name extension stands for, without its dot and in any case.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        let found = EXTENSIONS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(extension));
        found.map(|&(_, container)| container)
    }

    /// The container that a path's extension stands for.
    ///
    /// # Example
    /// ```
    /// use media_concat::media::Container;
    /// assert_eq!(Container::from_path("out/a.MKV".as_ref()), Some(Container::Matroska));
    /// assert_eq!(Container::from_path("out/mkv".as_ref()), None);
    /// ```
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Self> {
        Self::from_extension(path.extension()?.to_str()?)
    }

    /// The media type of such a file, by whether it shows anything (IANA's registry; RFC 4337, RFC 9559). WAV's
    /// is the one that browsers know, not the registered `audio/vnd.wave`.
    #[must_use]
    pub const fn media_type(self, has_pictures: bool) -> &'static str {
        match (self, has_pictures) {
            (Self::Mp4, true) => "video/mp4",
            (Self::Mp4, false) | (Self::M4a, _) => "audio/mp4",
            (Self::Mov, _) => "video/quicktime",
            (Self::Matroska, true) => "video/matroska",
            (Self::Matroska, false) | (Self::Mka, _) => "audio/matroska",
            (Self::WebM, true) => "video/webm",
            (Self::WebM, false) => "audio/webm",
            (Self::MpegTs, _) => "video/mp2t",
            (Self::Mp3, _) => "audio/mpeg",
            (Self::Adts | Self::Latm, _) => "audio/aac",
            (Self::Ac3, _) => "audio/ac3",
            (Self::Flac, _) => "audio/flac",
            (Self::Ogg, true) => "video/ogg",
            (Self::Ogg, false) | (Self::Opus, _) => "audio/ogg",
            (Self::Wav, _) => "audio/wav",
            (Self::Aiff, _) => "audio/aiff",
            (Self::Amr, _) => "audio/amr",
            (Self::Flv, _) => "video/x-flv",
            (Self::Avi, _) => "video/vnd.avi",
        }
    }

    /// Whether it is an ISO base media file.
    #[must_use]
    pub const fn is_iso(self) -> bool {
        matches!(self, Self::Mp4 | Self::M4a | Self::Mov)
    }

    /// Whether files of it that are written are one run of sound without an index.
    #[must_use]
    pub const fn is_audio_file(self) -> bool {
        matches!(self, Self::Wav | Self::Mp3 | Self::Adts | Self::Flac)
    }

    /// What libav calls the muxer that its outputs pass through; `None` where they are written without libav, or not
    /// at all.
    pub(crate) const fn muxer(self) -> Option<&'static CStr> {
        match self {
            Self::MpegTs => Some(c"mpegts"),
            Self::Ogg => Some(c"ogg"),
            Self::Opus => Some(c"opus"),
            Self::Mp4
            | Self::M4a
            | Self::Mov
            | Self::Matroska
            | Self::Mka
            | Self::WebM
            | Self::Mp3
            | Self::Adts
            | Self::Latm
            | Self::Ac3
            | Self::Flac
            | Self::Wav
            | Self::Aiff
            | Self::Amr
            | Self::Flv
            | Self::Avi => None,
        }
    }

    /// Whether outputs of it pass through a muxer of libav.
    pub(crate) const fn is_muxed(self) -> bool {
        self.muxer().is_some()
    }

    /// What libav calls its demuxer (E-AC-3 has one of its own).
    pub(crate) const fn demuxer(self) -> &'static CStr {
        match self {
            Self::Mp4 | Self::M4a | Self::Mov => c"mov",
            Self::Matroska | Self::Mka | Self::WebM => c"matroska",
            Self::MpegTs => c"mpegts",
            Self::Mp3 => c"mp3",
            Self::Adts => c"aac",
            Self::Latm => c"loas",
            Self::Ac3 => c"ac3",
            Self::Flac => c"flac",
            Self::Ogg | Self::Opus => c"ogg",
            Self::Wav => c"wav",
            Self::Aiff => c"aiff",
            Self::Amr => c"amr",
            Self::Flv => c"flv",
            Self::Avi => c"avi",
        }
    }

    /// The codec of files that are nothing but frames, each of which says how long it is.
    pub(crate) const fn codec_of_frames(self) -> Option<Codec> {
        match self {
            Self::Mp3 => Some(Codec::Mp3),
            Self::Adts => Some(Codec::Aac),
            Self::Ac3 => Some(Codec::Ac3),
            Self::Mp4
            | Self::M4a
            | Self::Mov
            | Self::Matroska
            | Self::Mka
            | Self::WebM
            | Self::MpegTs
            | Self::Latm
            | Self::Flac
            | Self::Ogg
            | Self::Opus
            | Self::Wav
            | Self::Aiff
            | Self::Amr
            | Self::Flv
            | Self::Avi => None,
        }
    }

    /// Whether it is nothing but coded frames, in which times can only be guessed.
    pub(crate) const fn is_untimed(self) -> bool {
        matches!(
            self,
            Self::Mp3 | Self::Adts | Self::Latm | Self::Ac3 | Self::Amr
        )
    }

    /// Whether outputs of it are written.
    #[must_use]
    pub const fn is_written(self) -> bool {
        self.is_iso() || self.is_matroska() || self.is_muxed() || self.is_audio_file()
    }

    /// Whether it is Matroska or its subset `WebM`.
    #[must_use]
    pub const fn is_matroska(self) -> bool {
        matches!(self, Self::Matroska | Self::Mka | Self::WebM)
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mp4 => "MP4",
            Self::M4a => "M4A",
            Self::Mov => "QuickTime",
            Self::Matroska => "Matroska",
            Self::Mka => "Matroska audio",
            Self::WebM => "WebM",
            Self::MpegTs => "MPEG-TS",
            Self::Mp3 => "MP3",
            Self::Adts => "ADTS",
            Self::Latm => "LATM",
            Self::Ac3 => "AC-3",
            Self::Flac => "FLAC",
            Self::Ogg => "Ogg",
            Self::Opus => "Ogg Opus",
            Self::Wav => "WAV",
            Self::Aiff => "AIFF",
            Self::Amr => "AMR",
            Self::Flv => "FLV",
            Self::Avi => "AVI",
        })
    }
}
