//! Downloads remote fragments into a staged file, several at a time, each byte to its place.

use std::{fs::File, os::unix::fs::FileExt};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    SinkError,
    file::Job,
    output::{SEND, send},
    requests::{Request, Sorter},
};
use crate::source::PIECE;

/// Downloads everything that `requests` ask for; says how many bytes that were, needed or not. The
/// calling thread writes one piece before it looks at the next, so that hardly more is in memory than
/// the sources hold. The first failure stops the rest.
pub(super) fn fetch(job: &Job, requests: Vec<Request>, file: &File) -> Result<u64, SinkError> {
    // Every source that is read holds a piece.
    let pieces = usize::try_from(job.transfer.memory / PIECE).unwrap_or(usize::MAX);
    let parallel = job.transfer.parallel.min(pieces).max(1);
    let all = stream::iter(requests)
        .map(|request| fetch_one(job, request, file))
        .buffer_unordered(parallel)
        .try_fold(0, |sum, bytes| async move { Ok(sum + bytes) });
    let done = job.runtime.block_on(job.stop.run_until_cancelled(all));
    done.unwrap_or(Err(SinkError::Cancelled))
}

async fn fetch_one(job: &Job, request: Request, file: &File) -> Result<u64, SinkError> {
    let fragment = request.fragment;
    let open = &job.sources[fragment];
    let mut pieces = open.source.read(request.range(), &open.state);
    let mut sorter = Sorter::new(request);
    let (mut downloaded, mut unsent) = (0, None);
    loop {
        job.go_on()?;
        let next = pieces.next().await.transpose();
        let next = next.and_then(|next| sorter.check(next));
        let Some(mut piece) = next.map_err(|error| job.unread(fragment, error))? else {
            return Ok(downloaded);
        };
        downloaded += piece.len() as u64;
        while let Some((at, part)) = sorter.sort(&mut piece) {
            let written = file.write_all_at(&part, at);
            written.map_err(|error| job.failed("writing", error))?;
            let end = at + part.len() as u64;
            job.moved(part.len() as u64);
            let from = *unsent.get_or_insert(at);
            if job.durable() && end - from >= SEND {
                send(file, from, end - from);
                unsent = Some(end);
            }
        }
    }
}
