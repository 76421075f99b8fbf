//! What comparing decoded pictures and sound at a seam found. Pure.

use std::fmt;

use crate::{media::StreamKind, time::Time};

/// A seam whose two sides were decoded, in the output and in the fragments alone, and agree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[non_exhaustive]
pub struct SeamCheck {
    /// Indexes of the earlier and the later fragment in the caller's list.
    pub fragments: (usize, usize),
    /// Where the later one starts in the output.
    pub at: Time,
    /// The video and audio tracks.
    pub streams: Vec<StreamCheck>,
    /// Those of the fragments whose clock jumps inside and whose packets are not their samples: nothing tells where
    /// something is in them, so that of such a stream nothing is compared, nor sound that is beside its.
    pub not_compared: Vec<usize>,
}

/// What was compared of one track at a seam.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[non_exhaustive]
pub struct StreamCheck {
    /// Position of the track in the output.
    pub track: usize,
    /// What it carries.
    pub kind: StreamKind,
    /// Pictures that are shown as the fragments show them alone.
    pub pictures: u64,
    /// Pictures that only the join shows: their references are in the fragment before.
    pub continued: u64,
    /// How much sound was compared.
    pub sound: Time,
    /// How much later than its place the earlier fragment's sound is heard; below 0 is earlier. `None`
    /// where its sound does not tell (silence, noise that decoders make up), and for pictures.
    pub earlier_late: Option<Time>,
    /// The same of the later fragment's sound.
    pub later_late: Option<Time>,
}

impl fmt::Display for SeamCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (earlier, later) = self.fragments;
        write!(f, "{earlier} | {later} at {} s decodes as planned", self.at)?;
        for (index, stream) in self.streams.iter().enumerate() {
            f.write_str(if index == 0 { ": " } else { ", " })?;
            stream.fmt(f)?;
        }
        for fragment in &self.not_compared {
            write!(f, "; fragment {fragment} is not compared: its clock jumps")?;
        }
        Ok(())
    }
}

impl fmt::Display for StreamCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, track) = (self.kind, self.track);
        if self.kind == StreamKind::Video {
            write!(f, "{} pictures of {kind} track {track}", self.pictures)?;
            if self.continued > 0 {
                write!(f, " and {} that only the join shows", self.continued)?;
            }
            return Ok(());
        }
        write!(f, "{} s of {kind} track {track}", self.sound)
    }
}

/// A difference whose seam and track its caller knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) what: String,
    pub(super) expected: String,
    pub(super) found: String,
}

impl Difference {
    pub(super) fn new(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// Errors that a decoder reports in the output and not as often in the fragments alone, each once.
pub(super) fn new_errors(output: &[String], fragments: &[String]) -> Vec<Difference> {
    let count = |all: &[String], text: &String| all.iter().filter(|one| *one == text).count();
    let mut told: Vec<&String> = Vec::new();
    for text in output {
        if !told.contains(&text) && count(output, text) > count(fragments, text) {
            told.push(text);
        }
    }
    let difference = |text: &&String| {
        let times = |all: &[String]| match count(all, text) {
            0 => "none".to_owned(),
            1 => "one".to_owned(),
            count => count.to_string(),
        };
        let what = format!("decoder errors ({text})");
        Difference::new(what, times(fragments), times(output))
    };
    told.iter().map(difference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_count_where_there_are_more_than_in_the_fragments() {
        let all = |texts: &[&str]| -> Vec<String> { texts.iter().map(|t| (*t).into()).collect() };
        let known = all(&["a", "b", "b"]);
        assert_eq!(new_errors(&all(&["b", "a"]), &known), []);
        let new = new_errors(&all(&["b", "c", "b", "b", "c"]), &known);
        let texts: Vec<_> = new.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(texts, ["decoder errors (b)", "decoder errors (c)"]);
        assert_eq!(
            (new[1].expected.as_str(), new[1].found.as_str()),
            ("none", "2")
        );
    }
}
