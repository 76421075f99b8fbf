//! Plans a join and prints every reason why it cannot be done: for each difference the fragment, its stream,
//! the rule, and both values. Only indexes are read, and nothing is written.
//!
//! ```text
//! cargo run --example explain_mismatches -- FILE...
//! cargo run --example explain_mismatches -- a.mp4 other_resolution.mp4 other_rate.mp4
//! ```
//!
//! The first file is what the others are compared with. The exit code is 0 where all fit together, 3 where
//! some do not, and 1 where one cannot be read.

use std::{env, process::ExitCode};

use media_concat::{Concat, Error, Mismatch, source::FileSource};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut concat = Concat::new();
    for path in env::args().skip(1) {
        concat = concat.fragment(FileSource::new(path), None);
    }
    match concat.plan().await {
        Ok(planned) => {
            let report = planned.report();
            let (count, duration) = (report.fragments.len(), report.duration);
            println!("{count} fragments fit together: {duration} s");
            Ok(ExitCode::SUCCESS)
        }
        Err(Error::Incompatible { mismatches }) => {
            print(&mismatches);
            Ok(ExitCode::from(3))
        }
        // More than one file cannot be read: each has its own reason.
        Err(Error::Fragments(errors)) => {
            for error in errors {
                eprintln!("{:#}", anyhow::Error::new(error));
            }
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}

/// Differences come in the order of the fragments.
fn print(mismatches: &[Mismatch]) {
    for group in mismatches.chunk_by(|a, b| a.fragment == b.fragment) {
        let Some(first) = group.first() else { continue };
        println!("fragment {} ({}):", first.fragment, first.source);
        for mismatch in group {
            let Mismatch {
                kind,
                rule,
                expected,
                found,
                ..
            } = mismatch;
            let stream = match mismatch.stream {
                Some(stream) => format!("stream {stream}, {kind}"),
                None => kind.to_string(),
            };
            println!("  {stream}: {rule} is {found}, the first fragment has {expected}");
        }
    }
    println!("{} differences", mismatches.len());
}
