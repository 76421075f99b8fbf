//! Reports and plans as text.

use std::{fmt::Write, path::Path};

use media_concat::{
    Report,
    checksum::Digests,
    media::StreamKind,
    probe::{Fragment, Stream},
    time::Time,
};
use serde_json::{Value, json};

/// Columns of the drawn timeline.
const WIDTH: usize = 72;
/// Fragments that a report or a drawing names one by one; of more, the first and the last.
const LISTED: usize = 24;

/// A short report.
pub(super) fn report(report: &Report, output: Option<&Path>) -> String {
    let mut text = String::new();
    let name = output.map_or_else(
        || "the output".to_owned(),
        |path| path.display().to_string(),
    );
    let verb = if output.is_some() { "is" } else { "would be" };
    let (size, duration) = (bytes(report.size), report.duration);
    let count = report.fragments.len();
    let _ = writeln!(
        text,
        "{name} {verb} {size} and {duration} s long: {count} fragments"
    );
    for track in &report.tracks {
        let (kind, codec, entry, packets) = (track.kind, &track.codec, &track.entry, track.packets);
        let _ = write!(text, "  {kind} {codec} ({entry}), {packets} packets");
        if track.silent_packets > 0 {
            let _ = write!(text, ", {} of silence", track.silent_packets);
        }
        if track.hidden_packets > 0 {
            let _ = write!(text, ", {} hidden", track.hidden_packets);
        }
        text.push('\n');
    }
    let notable: Vec<_> = report
        .seams
        .iter()
        .filter(|seam| seam.seam.difference != Time::ZERO)
        .collect();
    for seam in notable.iter().take(LISTED) {
        let _ = writeln!(text, "  seam {}", seam.seam);
    }
    if notable.len() > LISTED {
        let _ = writeln!(text, "  … and {} more seams", notable.len() - LISTED);
    }
    for fragment in report
        .fragments
        .iter()
        .filter(|fragment| !fragment.missing.is_empty())
        .take(LISTED)
    {
        for missing in &fragment.missing {
            let (index, kind, duration) = (fragment.index, missing.kind, missing.duration);
            let _ = writeln!(text, "  {kind} missing in fragment {index}, {duration} s");
        }
    }
    if output.is_some() {
        let (shared, copied, made) = (
            bytes(report.bytes_shared),
            bytes(report.bytes_copied),
            bytes(report.bytes_generated),
        );
        let _ = writeln!(text, "  {copied} copied, {shared} shared, {made} generated");
    }
    for check in report.seam_checks.iter().take(LISTED) {
        let _ = writeln!(text, "  seam {check}");
    }
    if report.seam_checks.len() > LISTED {
        let more = report.seam_checks.len() - LISTED;
        let _ = writeln!(text, "  … and {more} more seams decode as planned");
    }
    for checksum in checksums(report.checksums()) {
        let _ = writeln!(text, "  {checksum}");
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "  warning: {warning}");
    }
    text.truncate(text.trim_end().len());
    text
}

/// The checksums that there are, each by its name.
pub(super) fn checksums(digests: &Digests) -> impl Iterator<Item = String> {
    let sha256 = digests.sha256.map(|sum| format!("sha256 {sum}"));
    let crc32c = digests.crc32c.map(|sum| format!("crc32c {sum}"));
    sha256.into_iter().chain(crc32c)
}

/// The timeline drawn, a line per fragment.
pub(super) fn timeline(report: &Report) -> String {
    let mut text = String::new();
    let total = report.duration.as_secs_f64().max(f64::MIN_POSITIVE);
    let column = |time: Time| {
        let part = (time.as_secs_f64() / total).clamp(0.0, 1.0);
        (part * WIDTH as f64).round() as usize
    };
    let count = report.fragments.len();
    for (position, fragment) in report.fragments.iter().enumerate() {
        if position >= LISTED - 1 && position + 1 < count {
            if position == LISTED - 1 {
                let _ = writeln!(text, "  … {} more …", count - LISTED);
            }
            continue;
        }
        let (from, to) = (column(fragment.start), column(fragment.end));
        let own =
            column(fragment.start.plus(fragment.length).unwrap_or(fragment.end)).clamp(from, to);
        let bar = "█".repeat(own.saturating_sub(from).max(1));
        let held = "░".repeat(to.saturating_sub(own.max(from + 1)));
        let _ = writeln!(
            text,
            "{:>4} {:>WIDTH$}|  {} – {} s  {}",
            fragment.index,
            format!(
                "{}{bar}{held}{}",
                " ".repeat(from),
                " ".repeat(WIDTH.saturating_sub(to.max(from + 1)))
            ),
            fragment.start,
            fragment.end,
            fragment.source,
        );
    }
    text.truncate(text.trim_end().len());
    text
}

/// What is in a fragment.
pub(super) fn fragment(fragment: &Fragment) -> String {
    let mut text = String::new();
    let (name, length) = (&fragment.name, fragment.length);
    let brand = fragment.brand();
    let _ = writeln!(
        text,
        "{name}: {brand}, {}, {length} s",
        bytes(fragment.state.len)
    );
    for (index, stream) in fragment.streams.iter().enumerate() {
        let _ = writeln!(text, "  stream {index}: {}", describe(stream));
    }
    for chapter in &fragment.chapters {
        let _ = writeln!(text, "  chapter at {} s: {}", chapter.start, chapter.title);
    }
    text.truncate(text.trim_end().len());
    text
}

fn describe(stream: &Stream) -> String {
    let parameters = &stream.parameters;
    let mut text = format!("{} {}", stream.kind, parameters.codec);
    if let Some(profile) = &parameters.profile {
        let _ = write!(text, " {profile}");
    }
    if let (StreamKind::Video, Some(video)) = (stream.kind, &parameters.video) {
        let _ = write!(text, ", {}x{}", video.width, video.height);
        if let Some(format) = &video.pixel_format {
            let _ = write!(text, " {format}");
        }
        if let Some(rate) = stream.frame_rate {
            let _ = write!(text, ", {rate} fps");
        }
    }
    if let (StreamKind::Audio, Some(audio)) = (stream.kind, &parameters.audio) {
        let _ = write!(text, ", {} Hz, {}", audio.sample_rate, audio.channel_layout);
    }
    let _ = write!(
        text,
        ", {} packets, {}",
        stream.packets(),
        stream.language()
    );
    text
}

/// What is in a fragment, for programs.
pub(super) fn fragment_json(fragment: &Fragment) -> Value {
    let streams = fragment.streams.iter().enumerate().map(|(index, stream)| {
        json!({
            "index": index,
            "kind": stream.kind,
            "entry": stream.format().map(|format| format.to_string()),
            "language": stream.language(),
            "packets": stream.packets(),
            "timescale": stream.timescale(),
            "frameRate": stream.frame_rate.map(|rate| rate.to_string()),
            "parameters": &*stream.parameters,
        })
    });
    json!({
        "source": fragment.name,
        "size": fragment.state.len,
        "brand": fragment.brand().to_string(),
        "duration": fragment.length,
        "streams": streams.collect::<Vec<_>>(),
        "chapters": fragment.chapters,
    })
}

/// A size for people.
fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}
