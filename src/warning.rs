//! What is worth knowing about a join that went well. Pure.

use std::fmt;

/// Something a caller may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Warning {
    /// What kind of thing it is.
    pub kind: WarningKind,
    /// What it is, in a sentence.
    pub message: String,
}

/// Kinds of warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum WarningKind {
    /// A file that comes with the fragments, such as a font, is not in the output.
    AttachmentLeftOut,
    /// The clock of a fragment jumps or starts again inside it: what follows goes on behind what
    /// came before.
    ClockJump,
    /// A fragment is shown for no time at all: the next begins where it does.
    FragmentHidden,
    /// An edit list hides pictures inside the output.
    HiddenPictures,
    /// Streams of two languages are joined.
    LanguageJoined,
    /// The sound's frames have no common length.
    MixedFrames,
    /// A hole in the sound could not be filled with silence.
    NoSilence,
    /// Pictures that no decoder can show are left out.
    PicturesLeftOut,
    /// Subtitles of fragments with other styles cannot all be drawn as they were.
    SubtitleStyles,
    /// The output's container has no place for what is said of the pictures.
    PictureFactLeftOut,
    /// Tables or boxes of a fragment's index disagree; they are read as players read them.
    OddIndex,
    /// A track of the fragments is not in the output.
    TrackLeftOut,
}

impl Warning {
    pub(crate) fn new(kind: WarningKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The same with the name of the fragment that it is about.
    pub(crate) fn of_fragment(&self, index: usize, name: &str) -> Self {
        Self::new(
            self.kind,
            format!("fragment {index} ({name}): {}", self.message),
        )
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
