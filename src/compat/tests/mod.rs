//! Matching and comparing invented fragments.

mod entries;
mod rules;
mod streams;

use std::sync::Arc;

use super::{Matching, Mismatch, check};
use crate::{
    formats::isobmff::{TrackDescription, picture},
    media::{AudioParameters, CodecParameters, StreamKind, VideoParameters},
    options::Options,
    probe::{
        Fragment, Stream,
        invented::{entry, fragment, two_seconds_of_pictures, two_seconds_of_sound},
    },
};

/// Pictures and sound.
fn clip(index: usize) -> Fragment {
    fragment(
        index,
        vec![two_seconds_of_pictures(), two_seconds_of_sound()],
    )
}

fn checked(fragments: &[Fragment], options: &Options) -> Result<Matching, Vec<Mismatch>> {
    let order: Vec<usize> = (0..fragments.len()).collect();
    check(fragments, &order, options)
}

fn matching(fragments: &[Fragment]) -> Matching {
    checked(fragments, &Options::default()).expect("compatible")
}

fn mismatches(fragments: &[Fragment]) -> Vec<Mismatch> {
    checked(fragments, &Options::default()).expect_err("incompatible")
}

fn described(stream: &mut Stream) -> &mut TrackDescription {
    Arc::make_mut(&mut stream.description)
}

fn parameters(stream: &mut Stream) -> &mut CodecParameters {
    Arc::make_mut(&mut stream.parameters)
}

fn video(stream: &mut Stream) -> &mut VideoParameters {
    parameters(stream).video.as_mut().expect("pictures")
}

fn audio(stream: &mut Stream) -> &mut AudioParameters {
    parameters(stream).audio.as_mut().expect("sound")
}

/// Gives a stream another sample entry.
fn enter(stream: &mut Stream, format: &[u8; 4], children: &[Vec<u8>]) {
    let kind = stream.kind;
    let entry = entry(kind, format, children);
    let description = described(stream);
    if kind == StreamKind::Video {
        description.picture = picture::facts(&entry.bytes);
    }
    description.entries = vec![entry];
}
