//! A join from beginning to end: the stages on one screen.

mod anew;
mod content;
mod continued;
mod inspect;
mod media_type;
#[cfg(feature = "s3")]
mod object;
mod spooled;

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use content::{common_container, lay_out, output, silence};
use spooled::part_of;

pub use inspect::Inspected;

use crate::{
    carry,
    compat::{self, Mismatch},
    error::{Error, MediaError},
    formats::audio_file::write::SeamData,
    layout::{Layout, Sharing},
    media::Container,
    options::{Leading, OnDiscontinuity, Options, ParameterSets},
    plan::{self, Plan, Silence},
    probe::Fragment,
    progress::{Progress, ProgressSink},
    report::Report,
    sink::{self, MakeFilter, Overwrite, Publication, SinkError},
    source::{OpenSource, SharedSource, Source},
    time::Time,
    verify::{self, Join, SeamCheck, Verify},
    warning::{Warning, WarningKind},
};

/// A list of fragments to be joined, and how.
///
/// # Example
/// ```no_run
/// # async fn example() -> Result<(), media_concat::Error> {
/// use media_concat::{Concat, Overwrite, source::FileSource};
///
/// let report = Concat::new()
///     .fragment(FileSource::new("intro.mp4"), "0".parse().ok())
///     .fragment(FileSource::new("main.mp4"), "10".parse().ok())
///     .write_file("joined.mp4".as_ref(), Overwrite::Never)
///     .await?;
/// println!("{} bytes, {} s", report.size, report.duration);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Concat {
    sources: Vec<SharedSource>,
    starts: Vec<Option<Time>>,
    options: Options,
    progress: ProgressSink,
    cancel: CancellationToken,
}

impl Concat {
    /// No fragments, default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fragment. Without a start it begins where the one before it in the list ends.
    #[must_use]
    pub fn fragment(self, source: impl Source, start: Option<Time>) -> Self {
        self.shared_fragment(Arc::new(source), start)
    }

    /// Adds a fragment whose source is shared already.
    #[must_use]
    pub fn shared_fragment(mut self, source: SharedSource, start: Option<Time>) -> Self {
        self.sources.push(source);
        self.starts.push(start);
        self
    }

    /// Sets the options.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Calls `on_progress` as the join goes on, from whichever thread does the work.
    #[must_use]
    pub fn on_progress(mut self, on_progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = ProgressSink::new(on_progress);
        self
    }

    /// Stops the join when `token` is cancelled; nothing is left behind.
    #[must_use]
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    /// Probes and plans.
    ///
    /// # Errors
    /// As [`Concat::probe`] and [`Probed::plan`].
    pub async fn plan(&self) -> Result<Planned, Error> {
        self.probe().await?.plan().await
    }

    /// Joins into a file, which appears whole under its name or not at all.
    ///
    /// # Errors
    /// As [`Concat::plan`] and [`Planned::write_file`].
    pub async fn write_file(&self, path: &Path, overwrite: Overwrite) -> Result<Report, Error> {
        self.plan().await?.write_file(path, overwrite).await
    }
}

/// Probed fragments, ready to be joined.
#[derive(Debug, Clone)]
pub struct Probed {
    inspected: Inspected,
    /// Those of the caller, with what was read of them already.
    sources: Vec<SharedSource>,
}

impl Probed {
    /// The fragments, in the caller's order.
    #[must_use]
    pub fn fragments(&self) -> &[Fragment] {
        self.inspected.fragments()
    }

    /// Whether all fragments share one format; what of them would be left out.
    ///
    /// # Errors
    /// Every difference of every fragment.
    pub fn check(&self) -> Result<Vec<Warning>, Vec<Mismatch>> {
        self.inspected.check()
    }

    /// Plans the join: from here on size, duration and every seam are known.
    ///
    /// # Errors
    /// [`Error::Incompatible`], [`Error::Seams`], [`Error::Limit`], [`Error::Timeline`],
    /// [`Error::Header`].
    #[tracing::instrument(name = "plan", skip_all)]
    pub async fn plan(self) -> Result<Planned, Error> {
        let Self { inspected, sources } = self;
        let Inspected { concat, fragments } = inspected;
        let container = concat.options.container;
        let container = container.unwrap_or_else(|| common_container(&fragments));
        let mut concat = concat;
        concat.options.container = Some(container);
        if !container.is_iso() {
            // Tracks have one configuration there.
            concat.options.parameter_sets = ParameterSets::InBand;
        }
        if concat.options.on_discontinuity == OnDiscontinuity::Error {
            refuse_jumps(&fragments)?;
        }
        let order = plan::order(&fragments, &concat.starts, &concat.options)?;
        let checked = compat::check(&fragments, &order, &concat.options);
        let matching = checked.map_err(|mismatches| Error::Incompatible { mismatches })?;
        let mut matching = matching;
        carry::refine(container, &mut matching);
        let sources = fragments.iter().zip(sources);
        let sources = sources.map(|(fragment, source)| OpenSource {
            source,
            state: fragment.state.clone(),
        });
        let sources: Arc<[OpenSource]> = sources.collect();
        let mut fragments = fragments;
        continued::mark(
            &mut fragments,
            &sources,
            &order,
            &matching,
            concat.options.leading,
        )
        .await?;
        if concat.options.leading == Leading::Auto {
            plan::settle_leading(&mut fragments, &concat.starts, &matching, &concat.options)?;
        }
        anew::tell(
            &mut fragments,
            &sources,
            &order,
            &mut matching,
            &concat.options,
        )
        .await?;
        let fragments = fragments;
        let mut silences = vec![Silence::Unknown; matching.tracks.len()];
        let make = |silences: &[Silence]| {
            plan::plan(
                &fragments,
                &concat.starts,
                &matching,
                silences,
                &concat.options,
            )
        };
        let mut plan = make(&silences)?;
        // Only a plan tells whether silence is needed; where it cannot be had, another plan is.
        if silence(&fragments, &matching, &plan, &mut silences).await {
            plan = make(&silences)?;
        }
        carry::fit(container, &fragments, &mut plan)?;
        let (fragments, plan): (Arc<[Fragment]>, _) = (fragments.into(), Arc::new(plan));
        let content = output(container, &fragments, &plan, &sources).await?;
        let (layout, filter) = (content.layout, content.filter);
        let limit = concat.options.limits.output_bytes;
        if layout.size() > limit {
            return Err(Error::Limit {
                what: "the output's size in bytes",
                found: layout.size(),
                limit,
            });
        }
        let mut report = Report::new(&fragments, &plan, &matching.missing, &layout)?;
        if let Some(packets) = content.packets {
            report.of_packets(&packets, filter.is_some());
        }
        report.duration = content.duration.unwrap_or(report.duration);
        Ok(Planned {
            container,
            sources,
            layout: Arc::new(layout),
            filter,
            concat,
            fragments,
            plan,
            report,
        })
    }
}

/// Refuses fragments whose clocks jump.
fn refuse_jumps(fragments: &[Fragment]) -> Result<(), Error> {
    let jump = |fragment: &Fragment| {
        let mut warnings = fragment.warnings.iter();
        let jump = warnings.find(|warning| warning.kind == WarningKind::ClockJump)?;
        Some(Error::Media {
            fragment: fragment.index,
            name: fragment.name.clone(),
            source: MediaError::Discontinuity {
                jump: jump.message.clone(),
            },
        })
    };
    let mut all: Vec<Error> = fragments.iter().filter_map(jump).collect();
    match all.len() {
        0 => Ok(()),
        1 => Err(all.swap_remove(0)),
        _ => Err(Error::Fragments(all)),
    }
}

/// A planned join, ready to be written any number of times.
///
/// # Example
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use futures::TryStreamExt;
/// use media_concat::{Concat, source::FileSource};
///
/// let planned = Concat::new()
///     .fragment(FileSource::new("intro.mp4"), None)
///     .fragment(FileSource::new("main.mp4"), None)
///     .plan()
///     .await?;
/// let (size, duration) = (planned.report().size, planned.report().duration);
/// println!("{size} bytes, {duration} s, {}", planned.media_type());
/// // The last kilobyte, as for a request of that range; nothing else is read.
/// let tail: Vec<_> = planned.read(size - 1_000..size).try_collect().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Planned {
    concat: Concat,
    container: Container,
    fragments: Arc<[Fragment]>,
    plan: Arc<Plan>,
    /// The output's bytes, or what `filter` makes them of.
    layout: Arc<Layout>,
    filter: Option<MakeFilter>,
    sources: Arc<[OpenSource]>,
    report: Report,
}

impl Planned {
    /// What the output will be: its size, its duration, every seam.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The output as literal bytes and source ranges. Of MPEG-TS and Ogg, which are made while they
    /// are written, it is the packets' payloads in order.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The output in order. Nothing is read that is not asked for.
    pub fn stream(&self) -> impl Stream<Item = Result<Bytes, SinkError>> + Send + 'static + use<> {
        match &self.filter {
            None => self.read(0..u64::MAX).boxed(),
            Some(filter) => {
                let (layout, sources) = (Arc::clone(&self.layout), Arc::clone(&self.sources));
                let transfer = self.concat.options.transfer;
                sink::stream_through(layout, sources, filter, transfer).boxed()
            }
        }
    }

    /// The output in order, and the checksums that the options ask for, which are there once the
    /// stream has ended.
    #[cfg(feature = "checksum")]
    pub fn stream_with_checksums(
        &self,
    ) -> (
        impl Stream<Item = Result<Bytes, SinkError>> + Send + 'static + use<>,
        sink::Summed,
    ) {
        sink::stream_summed(self.stream(), self.concat.options.checksums)
    }

    /// Any byte range of the output, without making the rest of it. Of MPEG-TS and Ogg, all before
    /// the range is made and thrown away: [`Self::spooled`] makes them once.
    pub fn read(
        &self,
        range: std::ops::Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, SinkError>> + Send + 'static + use<> {
        if self.filter.is_some() {
            return part_of(self.stream(), range).boxed();
        }
        let (layout, sources) = (Arc::clone(&self.layout), Arc::clone(&self.sources));
        sink::stream(layout, sources, range, self.concat.options.transfer).boxed()
    }

    /// What the output is made of.
    #[cfg(feature = "serve")]
    pub(crate) fn shared(&self) -> (Arc<Layout>, Arc<[OpenSource]>) {
        (Arc::clone(&self.layout), Arc::clone(&self.sources))
    }

    /// How remote fragments are read.
    #[cfg(feature = "serve")]
    pub(crate) fn transfer(&self) -> crate::options::Transfer {
        self.concat.options.transfer
    }

    /// Writes a file, which appears whole under its name or not at all. Where the filesystem can
    /// share bytes between files, large ranges are placed so that it does, which adds padding of
    /// less than a block for each of them to the planned size.
    ///
    /// # Errors
    /// [`Error::Sink`], [`Error::Header`].
    #[tracing::instrument(name = "write", skip_all, fields(path = %path.display()))]
    pub async fn write_file(&self, path: &Path, overwrite: Overwrite) -> Result<Report, Error> {
        // Packets are too small to be shared: only an index can point at large ranges, and PCM is one.
        let shares = self.container.is_iso() || self.container == Container::Wav;
        let block = if shares {
            sink::sharing_block_size(path, &self.sources).await
        } else {
            None
        };
        let layout = match block {
            Some(block) => Arc::new(lay_out(
                self.container,
                &self.fragments,
                &self.plan,
                &SeamData::default(),
                Some(Sharing { block }),
            )?),
            None => Arc::clone(&self.layout),
        };
        let written = sink::write_file_through(
            (layout, Arc::clone(&self.sources), self.filter.clone()),
            path,
            Publication {
                overwrite,
                durability: self.concat.options.durability,
                #[cfg(feature = "checksum")]
                checksums: self.concat.options.checksums,
            },
            self.concat.options.transfer,
            self.concat.progress.clone(),
            self.concat.cancel.clone(),
        )
        .await?;
        Ok(self.report.written(written))
    }

    /// Reads an output that was written by this plan and compares it with the plan: of an MP4 or WAV its
    /// tracks, how many samples each has, and how long they last; of any other every byte.
    ///
    /// # Errors
    /// [`Error::Verify`] with the first difference, or what probing the output gives.
    pub async fn verify(&self, output: &SharedSource) -> Result<(), Error> {
        // A WAV may be placed so that its filesystem can share it: its bytes are not the plain layout's.
        if self.container.is_iso() || self.container == Container::Wav {
            return verify::verify(&self.plan, output).await;
        }
        verify::same_bytes(self.stream(), output).await
    }

    /// Decodes both sides of every seam, in an output that was written by this plan and in its fragments
    /// alone, and compares them: each picture that a fragment shows alone, and that no cut takes away, is
    /// shown once and at its time, and no others; sound is in its place, as loud as in its fragment, and
    /// silent where no fragment has any; decoders report no errors that the fragments do not have. Of a
    /// side, one group of pictures and one second of sound are decoded.
    ///
    /// # Errors
    /// [`Error::Decoded`] with the differences, or what reading the output or a fragment gives.
    #[tracing::instrument(name = "verify", skip_all)]
    pub async fn verify_decoded(&self, output: &SharedSource) -> Result<Vec<SeamCheck>, Error> {
        let join = Join {
            container: self.container,
            fragments: Arc::clone(&self.fragments),
            plan: Arc::clone(&self.plan),
            sources: Arc::clone(&self.sources),
        };
        let compared = verify::decoded(join, output);
        let cancelled = self.concat.cancel.run_until_cancelled(compared).await;
        cancelled.unwrap_or(Err(Error::Cancelled))
    }

    /// Looks at an output again as `how` says: [`Planned::verify`] or [`Planned::verify_decoded`].
    ///
    /// # Errors
    /// As those.
    pub async fn verify_as(
        &self,
        output: &SharedSource,
        how: Verify,
    ) -> Result<Vec<SeamCheck>, Error> {
        match how {
            Verify::Plan => self.verify(output).await.map(|()| Vec::new()),
            Verify::Decoded => self.verify_decoded(output).await,
        }
    }
}
