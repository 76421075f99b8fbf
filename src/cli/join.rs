//! The commands.

use std::{io::Write, path::Path, sync::Arc};

use futures::StreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use media_concat::{
    CancellationToken, Concat, Error, Overwrite, Planned, Report,
    checksum::Digests,
    options::Options,
    progress::{Progress, Stage},
    source::{FileSource, SharedSource},
};
use serde_json::json;

use super::{
    args::{Check, Join, Plan, Sources},
    fragments, human,
    output::{Failure, complain, print_json, say},
    remote::{Places, Remote},
};

pub(super) async fn join(
    join: Join,
    json: bool,
    quiet: bool,
    cancel: CancellationToken,
) -> Result<(), Failure> {
    let to_stdout = join.output == Path::new("-");
    let bar = Arc::new(bar(quiet || json));
    let places = Places::new(&join.list.remote);
    let concat = fragments::add(Concat::new(), &join.list, &places).await?;
    let shown = Arc::clone(&bar);
    let concat = concat
        .options(limited(join.to_options(), &join.list.remote))
        .cancel(cancel.clone())
        .on_progress(move |progress| show(&shown, &progress));
    let overwrite = if join.force {
        Overwrite::Replace
    } else {
        Overwrite::Never
    };
    let object = places.target(&join.output, overwrite)?;
    if object.is_some() && join.has_checksums() {
        return Err(Failure::usage(
            "--checksum: what a store copies itself does not pass through here".to_owned(),
        ));
    }
    if object.is_none() && !to_stdout && !join.force {
        refuse_existing(&join.output)?;
    }
    let planned = concat.plan().await?;
    let report = if to_stdout {
        let checksums = stream_out(&planned, &cancel, &bar).await?;
        planned.report().clone().with_checksums(checksums)
    } else {
        let (mut report, written): (_, SharedSource) = match object {
            Some((target, written)) => (planned.write_object(&target).await?, written),
            None => {
                let report = planned.write_file(&join.output, overwrite).await?;
                (report, Arc::new(FileSource::new(&join.output)))
            }
        };
        if let Some(how) = join.verify() {
            report.seam_checks = planned.verify_as(&written, how).await?;
        }
        report
    };
    bar.finish_and_clear();
    if to_stdout {
        // Standard output is the file: the report goes to standard error, where it is wanted.
        if json {
            let _ = serde_json::to_writer_pretty(std::io::stderr().lock(), &report);
        } else if !quiet {
            human::checksums(report.checksums()).for_each(|line| complain(&line));
        }
    } else if json {
        print_json(&report);
    } else if !quiet {
        say(&human::report(&report, Some(&join.output)));
    }
    Ok(())
}

/// An existing regular file is not replaced without `--force`; pipes and devices are written to.
fn refuse_existing(output: &Path) -> Result<(), Failure> {
    match std::fs::symlink_metadata(output) {
        Ok(_) if std::fs::metadata(output).is_ok_and(|found| found.is_file()) => Err(Failure::io(
            format!("{} exists: --force replaces it", output.display()),
        )),
        _ => Ok(()),
    }
}

async fn stream_out(
    planned: &Planned,
    cancel: &CancellationToken,
    bar: &ProgressBar,
) -> Result<Digests, Failure> {
    let total = planned.layout().size();
    bar.set_length(total);
    let (pieces, summed) = planned.stream_with_checksums();
    let mut pieces = Box::pin(pieces);
    loop {
        let piece = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(Error::Cancelled.into()),
            piece = pieces.next() => piece,
        };
        let Some(piece) = piece else {
            return Ok(summed.digests().unwrap_or_default());
        };
        let piece = piece.map_err(Error::from)?;
        let length = piece.len() as u64;
        let write = tokio::task::spawn_blocking(move || {
            let mut out = std::io::stdout().lock();
            out.write_all(&piece).and_then(|()| out.flush())
        });
        let written = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(Error::Cancelled.into()),
            written = write => written,
        };
        match written {
            Ok(Ok(())) => bar.inc(length),
            Ok(Err(error)) => {
                return Err(Failure::io(format!(
                    "standard output cannot be written: {error}"
                )));
            }
            Err(_) => return Err(Failure::io("standard output cannot be written".to_owned())),
        }
    }
}

pub(super) async fn plan(plan: Plan, json: bool, cancel: CancellationToken) -> Result<(), Failure> {
    let places = Places::new(&plan.list.remote);
    let concat = fragments::add(Concat::new(), &plan.list, &places).await?;
    let planned = concat
        .options(limited(plan.options.to_options(), &plan.list.remote))
        .cancel(cancel)
        .plan()
        .await?;
    let report: &Report = planned.report();
    if json {
        print_json(&report);
    } else {
        say(&human::timeline(report));
        say(&human::report(report, None));
    }
    Ok(())
}

pub(super) async fn probe(
    sources: Sources,
    json: bool,
    cancel: CancellationToken,
) -> Result<(), Failure> {
    let concat = list(&sources)?.options(limited(Options::default(), &sources.remote));
    let inspected = concat.cancel(cancel).inspect().await?;
    if json {
        let all: Vec<_> = inspected
            .fragments()
            .iter()
            .map(human::fragment_json)
            .collect();
        print_json(&json!(all));
    } else {
        inspected
            .fragments()
            .iter()
            .for_each(|fragment| say(&human::fragment(fragment)));
    }
    Ok(())
}

pub(super) async fn check(
    check: Check,
    json: bool,
    cancel: CancellationToken,
) -> Result<(), Failure> {
    let concat = list(&check.sources)?
        .options(limited(check.options.to_options(), &check.sources.remote))
        .cancel(cancel);
    let inspected = concat.inspect().await?;
    let checked = inspected.check();
    match (&checked, json) {
        (Ok(warnings), true) => print_json(&json!({
            "compatible": true,
            "mismatches": [],
            "warnings": warnings,
        })),
        (Ok(warnings), false) => {
            warnings
                .iter()
                .for_each(|warning| say(&format!("note: {warning}")));
            say(&format!(
                "{} fragments fit together",
                inspected.fragments().len()
            ));
        }
        (Err(mismatches), true) => {
            print_json(&json!({ "compatible": false, "mismatches": mismatches }));
        }
        (Err(mismatches), false) => mismatches.iter().for_each(|one| say(&one.to_string())),
    }
    checked.map(|_| ()).map_err(|_| Failure::Unfit)
}

fn list(sources: &Sources) -> Result<Concat, Failure> {
    let places = Places::new(&sources.remote);
    let mut all = sources.sources.iter().enumerate();
    all.try_fold(Concat::new(), |concat, (index, name)| {
        Ok(concat.shared_fragment(places.source(index, name)?, None))
    })
}

/// Options with the limit on fragments.
fn limited(mut options: Options, remote: &Remote) -> Options {
    let limits = &mut options.limits;
    limits.fragment_bytes = remote.max_fragment_size.unwrap_or(limits.fragment_bytes);
    options
}

/// A bar on a terminal, nothing elsewhere.
fn bar(hidden: bool) -> ProgressBar {
    if hidden {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let template = "{msg:9} [{bar:40}] {percent:>3} % {bytes}/{total_bytes} {bytes_per_sec}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

/// Bytes, and only at the very end all of them: the output in place is part of the work.
fn show(bar: &ProgressBar, progress: &Progress) {
    if progress.stage == Stage::Probing {
        bar.set_message("probing");
        return;
    }
    bar.set_message(match progress.stage {
        Stage::Summing => "summing",
        _ => "joining",
    });
    bar.set_length(progress.bytes_total);
    bar.set_position(progress.bytes_done);
}
