//! Files for the tests, made here and now by the `ffmpeg` tool.

use std::process::Command;

use bytes::Bytes;

use super::codec_parameters;
use crate::media::{AudioParameters, CodecParameters};

/// A file made by `ffmpeg` from `arguments`: its bytes, and the payloads of its first stream.
pub(super) fn made(name: &str, arguments: &str) -> (Bytes, Vec<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments.split_whitespace())
        .arg(&path)
        .status()
        .expect("the tests need the ffmpeg tool");
    assert!(status.success(), "ffmpeg {arguments}");
    let mut packets = Vec::new();
    let mut input = ffmpeg_next::format::input(&path).unwrap();
    loop {
        // Read into a packet that holds something, this leaks what it holds.
        let mut packet = ffmpeg_next::Packet::empty();
        match packet.read(&mut input) {
            Ok(()) if packet.stream() == 0 => {
                packets.push(packet.data().unwrap_or_default().to_vec());
            }
            Ok(()) => {}
            Err(ffmpeg_next::Error::Eof) => break,
            Err(error) => panic!("{error}"),
        }
    }
    (Bytes::from(std::fs::read(&path).unwrap()), packets)
}

pub(super) const TONE: &str = "-f lavfi -i sine=f=440:d=4";

pub(super) fn tone(name: &str, arguments: &str) -> (CodecParameters, Vec<Vec<u8>>) {
    let (media, packets) = made(name, &format!("{TONE} -af volume=6 {arguments}"));
    (codec_parameters(media).unwrap().remove(0), packets)
}

pub(super) fn audio(parameters: &CodecParameters) -> &AudioParameters {
    parameters.audio.as_ref().unwrap()
}

/// `media` with every `from` made `to`, of the same length; there must be one.
pub(super) fn replaced(media: &[u8], from: &[u8], to: &[u8]) -> Bytes {
    assert_eq!(from.len(), to.len());
    let mut media = media.to_vec();
    let places: Vec<usize> = (0..media.len().saturating_sub(from.len()))
        .filter(|&at| media[at..].starts_with(from))
        .collect();
    assert!(!places.is_empty(), "{from:?} is not in the file");
    for at in places {
        media[at..at + to.len()].copy_from_slice(to);
    }
    media.into()
}
