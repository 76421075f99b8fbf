//! Puts speech clips that are held in memory on a timeline, with a pause between any two, and writes
//! one file. The paths stand in for whatever makes speech: the library sees bytes, not files.
//!
//! ```text
//! cargo run --example speech_from_memory -- OUTPUT PAUSE CLIP...
//! cargo run --example speech_from_memory -- dialogue.m4a 0.75 line01.m4a line02.m4a line03.m4a
//! ```
//!
//! Pauses become silence of the clips' own codec, and no clip is encoded again. Clips may be in any container
//! that is read, as long as their codec, sample rate and channels are the same. The output is of the clips'
//! own kind (M4A for AAC in MP4, WAV for WAV), so give it that extension.

use std::{env, fs, path::Path, sync::Arc};

use anyhow::Context;
use media_concat::{
    Concat, Overwrite,
    source::{MemorySource, SharedSource},
    time::Time,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let output = arguments.next().context("the output's path is missing")?;
    let pause = arguments.next().context("the pause is missing")?;
    let pause: Time = pause.parse()?;
    let clips = arguments.map(clip).collect::<anyhow::Result<Vec<_>>>()?;

    let starts = starts(&clips, pause).await?;
    let mut concat = Concat::new();
    for (clip, start) in clips.iter().zip(&starts) {
        // Shared, not copied: the bytes are in memory once.
        concat = concat.shared_fragment(Arc::clone(clip), Some(*start));
    }
    let report = concat
        .write_file(Path::new(&output), Overwrite::Never)
        .await
        .context("the clips cannot be joined")?;

    for fragment in &report.fragments {
        println!("{} s: {}", fragment.start, fragment.source);
    }
    let silent: u64 = report.tracks.iter().map(|track| track.silent_packets).sum();
    let (size, duration) = (report.size, report.duration);
    println!("{output}: {size} bytes, {duration} s, {silent} packets of silence");
    Ok(())
}

fn clip(path: String) -> anyhow::Result<SharedSource> {
    let bytes = fs::read(&path).with_context(|| format!("cannot read {path}"))?;
    // The name is what errors and the report call the clip.
    Ok(Arc::new(MemorySource::new(path, bytes)))
}

/// Each clip begins `pause` behind the end of the one before. Times are fractions: nothing adds up to an error.
async fn starts(clips: &[SharedSource], pause: Time) -> anyhow::Result<Vec<Time>> {
    let mut concat = Concat::new();
    for clip in clips {
        concat = concat.shared_fragment(Arc::clone(clip), None);
    }
    let probed = concat.probe().await.context("a clip cannot be read")?;
    let mut next = Time::ZERO;
    let mut starts = Vec::with_capacity(clips.len());
    for fragment in probed.fragments() {
        starts.push(next);
        next = next.plus(fragment.length)?.plus(pause)?;
    }
    Ok(starts)
}
