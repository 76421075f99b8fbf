//! What a caller can choose, with the defaults.

use std::time::Duration;

#[cfg(feature = "checksum")]
pub use crate::checksum::Checksums;
pub use crate::timeline::audio::AudioSeams;
use crate::{media::Container, setters::setters, time::Time};

/// Whether the output is on the disk when it gets its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// It and its name are: a power cut leaves all of it or nothing. The default.
    #[default]
    Synced,
    /// It is in the system's cache, as most tools leave it: faster, and a power cut soon after may
    /// leave an empty file.
    Cached,
}

/// What to do where a fragment starts later than the one before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnGap {
    /// The last picture is held, sound is silent. The default.
    #[default]
    Fill,
    /// Later fragments start earlier by the difference.
    Close,
    /// The join is refused.
    Error,
}

/// What to do where a fragment starts before the one before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnOverlap {
    /// The join is refused, so that nothing is lost silently. The default.
    #[default]
    Error,
    /// The later fragment wins.
    Trim,
    /// Later fragments start later by the difference.
    Shift,
}

/// What to do where a fragment lacks a stream that others have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnMissing {
    /// The join is refused. The default.
    #[default]
    Error,
    /// A missing audio stream is silent there; a missing video stream is still refused.
    Fill,
}

/// What to do with pictures at the beginning of a fragment that refer to what came before it (the leading pictures of an
/// open group of pictures).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Leading {
    /// They are shown where the bit stream's numbering and the clocks say that the fragment continues the one before
    /// it, and left out elsewhere. The default. An encoder that repeats its structure exactly makes pieces of two
    /// recordings look like one: then `Drop` is right.
    #[default]
    Auto,
    /// They are shown, whatever comes before.
    Show,
    /// They are left out.
    Drop,
}

/// What to do where the clock of a fragment starts again or jumps inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnDiscontinuity {
    /// What comes behind follows what came before, with a warning. The default.
    #[default]
    Follow,
    /// The join is refused.
    Error,
}

/// How differing H.264, HEVC and VVC parameter sets are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ParameterSets {
    /// One `avc3`, `hev1` or `vvi1` sample entry, each fragment's own sets before each of its sync
    /// samples. Plays in browsers. The default.
    #[default]
    InBand,
    /// One `avc1` or `hvc1` sample entry per configuration, QuickTime's way; Chromium stops at
    /// the change.
    Entries,
}

/// Bounds on what a join may take; what exceeds one is refused by name.
///
/// # Example
/// For a service whose users bring the fragments:
/// ```
/// use media_concat::{Options, options::Limits, time::Time};
///
/// let limits = Limits::new()
///     .fragments(500)
///     .fragment_bytes(2 << 30)
///     .duration(Time::from_secs(6 * 3_600));
/// let options = Options::new().limits(limits);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Fragments in a join: 100,000.
    pub fragments: usize,
    /// Bytes of a fragment: 1 TiB.
    pub fragment_bytes: u64,
    /// Streams in a fragment: 64.
    pub streams: usize,
    /// Samples in a fragment: 2^31 (12 hours of 48 kHz PCM, where every PCM sample counts).
    pub samples: u64,
    /// Bytes of a fragment's index: 1 GiB.
    pub index_bytes: u64,
    /// Bytes of the output: 1 TiB.
    pub output_bytes: u64,
    /// Bytes that may be kept in a temporary file, where a fragment or the output needs one: 1 TiB. Those
    /// of the output are in the report.
    pub spool_bytes: u64,
    /// Length of the output: 31 days.
    pub duration: Time,
    /// Time limit for demultiplexing one fragment of a container without an index. Downloading is not counted where there is
    /// a join. Default: 1 h.
    pub reading: Duration,
    /// Fragments probed at the same time: 16.
    pub parallel_probes: usize,
}

impl Limits {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

setters! {
    Limits {
        fragments: usize,
        fragment_bytes: u64,
        streams: usize,
        samples: u64,
        index_bytes: u64,
        output_bytes: u64,
        spool_bytes: u64,
        duration: Time,
        reading: Duration,
        parallel_probes: usize,
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fragments: 100_000,
            fragment_bytes: 1 << 40,
            streams: 64,
            samples: 1 << 31,
            index_bytes: 1 << 30,
            output_bytes: 1 << 40,
            spool_bytes: 1 << 40,
            duration: Time::from_secs(31 * 86_400),
            reading: Duration::from_secs(3_600),
            parallel_probes: 16,
        }
    }
}

/// What reading remote fragments may take while an output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transfer {
    /// Bytes that were received and could not be passed on yet: 64 MiB. Below 1 MiB, fragments
    /// are read one after the other.
    pub memory: u64,
    /// Requests that are answered at the same time: 16.
    pub parallel: usize,
}

impl Transfer {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

setters! {
    Transfer {
        memory: u64,
        parallel: usize,
    }
}

impl Default for Transfer {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            parallel: 16,
        }
    }
}

/// How to join.
///
/// # Example
/// ```
/// use media_concat::{Options, media::Container, options::{OnGap, OnOverlap}};
///
/// let options = Options::new()
///     .container(Container::Matroska)
///     .on_gap(OnGap::Close)
///     .on_overlap(OnOverlap::Trim);
/// assert_eq!(options.on_gap, OnGap::Close);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// What kind of file is written; `None`: that of the fragments.
    pub container: Option<Container>,
    /// How far a fragment may start from the end of the one before it and still be a plain seam:
    /// 0.2 s.
    pub tolerance: Time,
    /// Beyond the tolerance, later.
    pub on_gap: OnGap,
    /// Beyond the tolerance, earlier.
    pub on_overlap: OnOverlap,
    /// Streams that some fragments lack.
    pub on_missing: OnMissing,
    /// Pictures that refer to what came before their fragment.
    pub leading: Leading,
    /// Clocks that start again or jump inside a fragment.
    pub on_discontinuity: OnDiscontinuity,
    /// Which clock of the sound is exact.
    pub audio_seams: AudioSeams,
    /// Where differing parameter sets go.
    pub parameter_sets: ParameterSets,
    /// Whether a file is on the disk when it gets its name.
    pub durability: Durability,
    /// What reading remote fragments may take.
    pub transfer: Transfer,
    /// Which checksums of the output are computed.
    #[cfg(feature = "checksum")]
    pub(crate) checksums: Checksums,
    /// Bounds.
    pub limits: Limits,
}

impl Options {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

setters! {
    Options {
        tolerance: Time,
        on_gap: OnGap,
        on_overlap: OnOverlap,
        on_missing: OnMissing,
        leading: Leading,
        on_discontinuity: OnDiscontinuity,
        audio_seams: AudioSeams,
        parameter_sets: ParameterSets,
        durability: Durability,
        transfer: Transfer,
        #[cfg(feature = "checksum")]
        checksums: Checksums,
        limits: Limits,
    }
    into {
        container: Option<Container>,
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            container: None,
            tolerance: Time::from_ticks(1, std::num::NonZeroU32::MIN.saturating_add(4)),
            on_gap: OnGap::default(),
            on_overlap: OnOverlap::default(),
            on_missing: OnMissing::default(),
            leading: Leading::default(),
            on_discontinuity: OnDiscontinuity::default(),
            audio_seams: AudioSeams::default(),
            parameter_sets: ParameterSets::default(),
            durability: Durability::default(),
            transfer: Transfer::default(),
            #[cfg(feature = "checksum")]
            checksums: Checksums::default(),
            limits: Limits::default(),
        }
    }
}
