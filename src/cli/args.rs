//! What can be said on the command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use media_concat::{
    Verify,
    media::Container,
    options::{
        AudioSeams, Checksums, Durability, Leading, Limits, OnDiscontinuity, OnGap, OnMissing,
        OnOverlap, Options, ParameterSets, Transfer,
    },
    time::Time,
};

use super::remote::Remote;

/// Joins media fragments into one file without re-encoding, each at the start time you give.
#[derive(Debug, Parser)]
#[command(name = "media-concat", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print the report, or the error, as JSON on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print nothing but errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Log to standard error what matches FILTER, such as `info` or `media_concat=debug`.
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 input or output failed, 2 wrong usage, \
3 the fragments do not fit together, 4 a fragment is unreadable or refused, \
5 a limit or a policy (gap, overlap), 130 interrupted.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Join fragments into one file.
    Join(Join),
    /// Show where every fragment would go, without writing anything.
    Plan(Plan),
    /// Show what is in each fragment.
    Probe(Sources),
    /// Tell whether fragments fit together, and every way in which they do not.
    Check(Check),
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Print the man page.
    Man,
}

#[derive(Debug, Parser)]
pub(crate) struct Join {
    /// Where the output goes: a path, s3://BUCKET/KEY, or `-` for standard output.
    #[arg(long, short, value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// What kind of file is written, by its usual extension; otherwise what OUT's extension says, and
    /// where it says nothing what the fragments are if they are WAV, MP3, FLAC or ADTS, or else MP4.
    #[arg(long, value_name = "EXTENSION", value_parser = container)]
    format: Option<Container>,
    /// Replace OUT if it exists, once the join is finished.
    #[arg(long)]
    pub(crate) force: bool,
    /// Read the written file again and compare it with the plan, or decode both sides of every seam and
    /// compare them with the fragments.
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true,
          default_missing_value = "plan")]
    verify: Option<How>,
    /// Compute checksums of the output, for the report: of a file before it gets its name, of
    /// standard output as it passes.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAMES")]
    checksum: Vec<Checksum>,
    #[command(flatten)]
    pub(crate) list: List,
    #[command(flatten)]
    pub(crate) options: JoinOptions,
}

#[derive(Debug, Parser)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) list: List,
    #[command(flatten)]
    pub(crate) options: JoinOptions,
}

#[derive(Debug, Parser)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) sources: Sources,
    #[command(flatten)]
    pub(crate) options: JoinOptions,
}

#[derive(Debug, Parser)]
pub(crate) struct Sources {
    /// Media: paths, http(s):// or s3:// URLs.
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<OsString>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Parser)]
pub(crate) struct List {
    /// A path, an http(s):// or an s3:// URL, optionally with a start: SECONDS or [HH:]MM:SS[.fff].
    /// Without one, the fragment starts where the one before it ends. A path that itself ends in
    /// `@…` of an existing file is taken as it is.
    #[arg(value_name = "SOURCE[@START]", required_unless_present = "fragments")]
    pub(crate) sources: Vec<OsString>,
    /// A JSON array of {"path"|"url"|"s3Path": …, "startTime": …} objects; `-` reads it from standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "sources")]
    pub(crate) fragments: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Parser)]
pub(crate) struct JoinOptions {
    /// Where a fragment starts later than the one before it ends.
    #[arg(long, value_enum, default_value_t, value_name = "POLICY")]
    on_gap: Gap,
    /// Where a fragment starts before the one before it ends.
    #[arg(long, value_enum, default_value_t, value_name = "POLICY")]
    on_overlap: Overlap,
    /// Pictures at the beginning of a fragment that refer to the fragment before (open group of pictures): shown where
    /// the fragment continues that one, always, or never.
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    leading: LeadingMode,
    /// Where the clock of a fragment starts again or jumps inside it.
    #[arg(long, value_enum, default_value_t, value_name = "POLICY")]
    on_discontinuity: Discontinuity,
    /// Gaps and overlaps up to this are plain seams.
    #[arg(long, value_name = "SECONDS", default_value = "0.2", value_parser = tolerance)]
    tolerance: Time,
    /// Where a fragment lacks an audio stream that others have.
    #[arg(long, value_enum, default_value_t, value_name = "POLICY")]
    missing: Missing,
    /// Which clock of the sound is exact at seams.
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    audio_seams: Seams,
    /// Where differing H.264, HEVC and VVC parameter sets go.
    #[arg(long, value_enum, default_value_t, value_name = "PLACE")]
    parameter_sets: Sets,
    /// Do not wait for the disk before OUT gets its name: faster, and a power cut soon after may
    /// leave it empty.
    #[arg(long)]
    no_sync: bool,
    /// Refuse outputs larger than this.
    #[arg(long, value_name = "BYTES")]
    max_size: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Gap {
    /// Hold the last picture, with silence.
    #[default]
    Fill,
    /// Move the rest up.
    Close,
    /// Refuse.
    Error,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum LeadingMode {
    #[default]
    Auto,
    Show,
    Drop,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Discontinuity {
    #[default]
    Follow,
    Error,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Overlap {
    /// Refuse.
    #[default]
    Error,
    /// The later fragment wins.
    Trim,
    /// Move the rest back.
    Shift,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Missing {
    /// Refuse.
    #[default]
    Error,
    /// Silence.
    Fill,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Seams {
    /// Every frame lasts its nominal duration; both clocks within half a frame.
    #[default]
    Continuous,
    /// Timestamps exact to the tick; the sample count within half a frame.
    Exact,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Sets {
    /// Before every sync sample, in one sample entry.
    #[default]
    InBand,
    /// One sample entry per configuration.
    Entries,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    /// With the plan.
    Plan,
    /// Decoded pictures and sound at the seams with those of the fragments.
    Decode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Checksum {
    /// SHA-256.
    Sha256,
    /// CRC-32C.
    Crc32c,
}

impl Join {
    pub(crate) fn to_options(&self) -> Options {
        self.options
            .to_options()
            .container(self.format.or_else(|| Container::from_path(&self.output)))
            .checksums(
                Checksums::new()
                    .sha256(self.checksum.contains(&Checksum::Sha256))
                    .crc32c(self.checksum.contains(&Checksum::Crc32c)),
            )
    }

    /// How the output is looked at again, if it is.
    pub(crate) fn verify(&self) -> Option<Verify> {
        self.verify.map(|how| match how {
            How::Plan => Verify::Plan,
            How::Decode => Verify::Decoded,
        })
    }

    pub(crate) fn has_checksums(&self) -> bool {
        !self.checksum.is_empty()
    }
}

impl JoinOptions {
    pub(crate) fn to_options(&self) -> Options {
        let defaults = Limits::default();
        Options::new()
            .tolerance(self.tolerance)
            .on_gap(match self.on_gap {
                Gap::Fill => OnGap::Fill,
                Gap::Close => OnGap::Close,
                Gap::Error => OnGap::Error,
            })
            .on_overlap(match self.on_overlap {
                Overlap::Error => OnOverlap::Error,
                Overlap::Trim => OnOverlap::Trim,
                Overlap::Shift => OnOverlap::Shift,
            })
            .leading(match self.leading {
                LeadingMode::Auto => Leading::Auto,
                LeadingMode::Show => Leading::Show,
                LeadingMode::Drop => Leading::Drop,
            })
            .on_discontinuity(match self.on_discontinuity {
                Discontinuity::Follow => OnDiscontinuity::Follow,
                Discontinuity::Error => OnDiscontinuity::Error,
            })
            .on_missing(match self.missing {
                Missing::Error => OnMissing::Error,
                Missing::Fill => OnMissing::Fill,
            })
            .audio_seams(match self.audio_seams {
                Seams::Continuous => AudioSeams::Continuous,
                Seams::Exact => AudioSeams::Exact,
            })
            .parameter_sets(match self.parameter_sets {
                Sets::InBand => ParameterSets::InBand,
                Sets::Entries => ParameterSets::Entries,
            })
            .durability(if self.no_sync {
                Durability::Cached
            } else {
                Durability::Synced
            })
            .transfer(Transfer::default())
            .limits(defaults.output_bytes(self.max_size.unwrap_or(defaults.output_bytes)))
    }
}

fn container(text: &str) -> Result<Container, String> {
    Container::from_extension(text).ok_or_else(|| format!("{text} is no container"))
}

fn tolerance(text: &str) -> Result<Time, String> {
    let time: Time = text.parse().map_err(|error| format!("{error}"))?;
    if time.is_negative() {
        return Err(format!("{text} is below 0"));
    }
    Ok(time)
}
