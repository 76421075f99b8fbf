//! Joins files, each at the start that is given for it, and prints the report.
//!
//! ```text
//! cargo run --example join_files -- OUTPUT FILE@START...
//! cargo run --example join_files -- joined.mp4 intro.mp4@0 main.mp4@00:10 end.mp4
//! ```
//!
//! A start is in seconds or `[HH:]MM:SS[.fff]`. A file without one begins where the file before it
//! ends. What comes between two files is held as a still picture and silence.

use std::{env, path::Path, process::ExitCode};

use anyhow::Context;
use media_concat::{Concat, Error, Overwrite, Report, source::FileSource, time::Time};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = env::args().skip(1);
    let output = arguments.next().context("the output's path is missing")?;
    let mut concat = Concat::new();
    for argument in arguments {
        let (path, start) = path_and_start(&argument)?;
        concat = concat.fragment(FileSource::new(path), start);
    }
    match concat
        .write_file(Path::new(&output), Overwrite::Never)
        .await
    {
        Ok(report) => {
            print(&output, &report);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            explain(error)?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn path_and_start(argument: &str) -> anyhow::Result<(&str, Option<Time>)> {
    let Some((path, start)) = argument.rsplit_once('@') else {
        return Ok((argument, None));
    };
    let start = start.parse().with_context(|| format!("in {argument:?}"))?;
    Ok((path, Some(start)))
}

fn print(output: &str, report: &Report) {
    let (size, duration) = (report.size, report.duration);
    println!("{output}: {size} bytes, {duration} s");
    for fragment in &report.fragments {
        let (start, end, source) = (fragment.start, fragment.end, &fragment.source);
        println!("  {start} to {end} s: {source}");
    }
    for track in &report.tracks {
        let (kind, codec, packets) = (track.kind, &track.codec, track.packets);
        let silent = track.silent_packets;
        println!("  {kind}, {codec}: {packets} packets, {silent} of silence");
    }
    for warning in &report.warnings {
        println!("  warning: {warning}");
    }
}

/// Errors that stand for several are printed one by one; the rest go to the caller with their causes.
fn explain(error: Error) -> anyhow::Result<()> {
    eprintln!("{error}");
    match error {
        Error::Fragments(errors) => {
            for error in errors {
                eprintln!("  {:#}", anyhow::Error::new(error));
            }
        }
        Error::Incompatible { mismatches } => {
            for mismatch in mismatches {
                eprintln!("  {mismatch}");
            }
        }
        Error::Seams(seams) => {
            for seam in seams {
                eprintln!("  {seam}");
            }
        }
        other => return Err(other.into()),
    }
    Ok(())
}
