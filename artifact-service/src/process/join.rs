//! A join, by the library.

use media_concat::{CancellationToken, Concat, Options, Report, media::StreamKind, time::Time};

use super::{Failure, Meter, Outcome, Processor, check_type};
use crate::{claimed::Claimed, model::FragmentInput, storage::sha256};

impl Processor {
    pub(super) async fn join(
        &self,
        job: &Claimed,
        fragments: &[FragmentInput],
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<Outcome, Failure> {
        let mut sources = Vec::with_capacity(fragments.len());
        for fragment in fragments {
            sources.push(self.origins.source(&job.key_id, &fragment.origin).await?);
        }
        let mut options = Options::default();
        options.limits.output_bytes = self.max_bytes;
        options.limits.fragment_bytes = self.max_bytes;
        let options = options.checksums(sha256());
        let mut concat = Concat::new().options(options).cancel(cancel.clone());
        let meter = meter.clone();
        concat = concat.on_progress(move |progress| meter.take(progress));
        for (index, (source, fragment)) in sources.into_iter().zip(fragments).enumerate() {
            let start = Time::from_secs_f64(fragment.start);
            let start = start.ok_or_else(|| {
                Failure::last(format!("fragment {index}: its start is not a time"))
            })?;
            concat = concat.shared_fragment(source, Some(start));
        }
        let planned = concat.plan().await?;
        let (video, audio) = kinds(planned.report());
        check_type(job.kind, video, audio)?;
        let report = self.store.join(&planned, job.to()).await?;
        let checksum = self.sum(&job.s3_path, *report.checksums(), cancel).await?;
        Ok(outcome(&report, checksum))
    }
}

/// Whether there are video and audio.
fn kinds(report: &Report) -> (bool, bool) {
    let has = |kind| report.tracks.iter().any(|track| track.kind == kind);
    (has(StreamKind::Video), has(StreamKind::Audio))
}

fn outcome(report: &Report, checksum: String) -> Outcome {
    Outcome {
        size: report.size,
        duration_micros: Some(report.duration.as_nanos() / 1_000),
        checksum,
        report: serde_json::to_string(report).ok(),
    }
}
