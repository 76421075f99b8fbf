//! Doors for the fuzz targets, which exist under `--cfg fuzzing` only. No part of the API.
//!
//! A door takes any bytes, gives them to one reader, and asserts what the stages behind that reader
//! rely on. What stays inside of a stage has its door there.

mod index;
mod plan;

use std::ops::Range;

use crate::{
    codecs::{
        mpeg2,
        nal::{InForce, NalCodec, Sets, units},
    },
    formats::{
        audio_file::{self, AudioFileError, AudioFileLimits, Found, Kind, Reader},
        isobmff::{
            parameter_sets::{ParameterSets, entry_with_sets},
            picture,
            sei::CodedLight,
        },
        latm::{Latm, loas_length},
        mpegts::{self, EsInfo, MapReader, PACKET, Pid},
    },
    source::{AddressPolicy, guard::UrlPolicy},
};

pub use index::index;
pub use plan::plan;

pub use crate::{
    ingest::fuzzing::{endings, matroska, vorbis},
    packets::fuzzing::subtitles,
    serve::fuzzing::wanted_ranges,
    source::object::fuzzing::{object_url, store_answer},
    source::ranged::fuzzing::{Given, judged_answer},
};

/// Small, so that memory out of proportion is noticed.
const LIMITS: AudioFileLimits = AudioFileLimits {
    samples: 1 << 20,
    index_bytes: 1 << 24,
};
/// Bits of a configuration of AAC that are kept, in bytes.
const MAX_CONFIG: usize = 64;
/// Bytes of a section of a program map, its first three included.
const MAX_SECTION: usize = 1_024;

/// Reads `bytes` as parameter sets and as a picture of every codec that has them: the first byte says how long the lengths
/// of units are, and the units of the rest are taken as sets, too.
pub fn slice_heads(bytes: &[u8]) {
    let Some((&first, sample)) = bytes.split_first() else {
        return;
    };
    let length_size = usize::from(first % 4) + 1;
    for codec in [NalCodec::Avc, NalCodec::Hevc, NalCodec::Vvc] {
        let mut sets = Sets::new(codec, units(sample, length_size));
        if let Some(head) = sets.picture(sample, length_size) {
            assert!(
                head.poc
                    .is_none_or(|poc| u64::from(poc) < 1 << head.poc_bits)
            );
            assert!(head.references.len() <= 64, "{head:?}");
        }
        let mut force = InForce::new(codec, &[]);
        force.take_sample(sample, length_size);
        let all: usize = force.sets().iter().map(bytes::Bytes::len).sum();
        assert!(all <= sample.len());
    }
    if let Some(head) = mpeg2::picture_head(sample) {
        assert!(head.temporal_reference < 1_024);
    }
}

/// Reads `file` as WAV.
pub fn wav(file: &[u8]) {
    sound(Kind::Wav, file);
}

/// Reads `file` as AIFF.
pub fn aiff(file: &[u8]) {
    sound(Kind::Aiff, file);
}

/// Reads `file` as MP3.
pub fn mp3(file: &[u8]) {
    sound(Kind::Mp3, file);
}

/// Reads `file` as ADTS.
pub fn adts(file: &[u8]) {
    sound(Kind::Adts, file);
}

/// Reads `file` as FLAC.
pub fn flac(file: &[u8]) {
    sound(Kind::Flac, file);
}

/// Reads `file` as one run of sound: every look goes forward and inside of the file, and samples,
/// tags and chunks lie in it.
fn sound(kind: Kind, file: &[u8]) {
    let _ = (audio_file::sniff(file), audio_file::tag_end(file));
    let Ok(Found { movie, carried }) = read_sound(kind, file) else {
        return;
    };
    let len = file.len() as u64;
    assert_eq!(movie.tracks.len(), 1);
    let samples = &movie.tracks[0].samples;
    let count = samples.len();
    assert!(u64::from(count) <= len.min(LIMITS.samples));
    assert_eq!(samples.durations.len(), u64::from(count));
    let mut total = 0;
    for (index, chunk) in samples.chunks.iter().enumerate().filter(|_| count > 0) {
        let next = samples.chunks.get(index + 1);
        let end = next.map_or(count, |next| next.first);
        assert!(chunk.first < end, "a chunk without samples");
        let range = samples.range_of(chunk.first, end);
        assert!(range.end <= len, "samples at {range:?} of {len} bytes");
        assert!(
            next.is_none_or(|next| range.end <= next.offset),
            "chunks overlap"
        );
        total += range.end - range.start;
    }
    assert!(total <= len, "samples of {total} bytes in {len}");
    for edit in &movie.tracks[0].edits {
        assert!(edit.media_time.is_none_or(|media| media >= 0), "{edit:?}");
    }
    let mut before = 0;
    for range in carried.before.iter().chain(&carried.after) {
        assert!(before <= range.start && range.start < range.end && range.end <= len);
        before = range.end;
    }
    assert!(carried.format.len() as u64 <= len);
}

/// Feeds a reader what it asks for.
fn read_sound(kind: Kind, file: &[u8]) -> Result<Found, AudioFileError> {
    let len = file.len() as u64;
    let mut reader = Reader::new(kind, len, LIMITS);
    for _ in 0..=file.len() {
        let Some(Range { start, end }) = reader.wants() else {
            break;
        };
        assert!(start < end && end <= len, "{start}..{end} of {len} bytes");
        reader.feed(&file[start as usize..end as usize])?;
    }
    assert_eq!(reader.wants(), None, "it asks without end");
    reader.finish()
}

/// Reads `bytes` as a LOAS stream: coded frames are no longer than what they came in, and the
/// configuration fits its descriptor.
pub fn latm(bytes: &[u8]) {
    let mut latm = Latm::default();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = loas_length(rest).unwrap_or(rest.len());
        let packet = &rest[..length.min(rest.len())];
        let (mut count, mut total) = (0, 0);
        let read = latm.frames(packet, at as u64, |frame| {
            assert!(!frame.is_empty());
            count += 1;
            total += frame.len();
            Ok::<_, AudioFileError>(())
        });
        assert!(count <= 64 && total <= packet.len());
        assert!(read.is_err() || count == 0 || latm.config().is_some());
        at += packet.len();
    }
    if let Some(config) = latm.config() {
        assert!(config.bytes.len() <= MAX_CONFIG);
        let (core, rate) = (config.core_rate.get(), config.rate.get());
        assert!(rate == core || u64::from(rate) == 2 * u64::from(core));
        let entry = &config.description().entries[0];
        let size = u32::from_be_bytes([
            entry.bytes[0],
            entry.bytes[1],
            entry.bytes[2],
            entry.bytes[3],
        ]);
        assert_eq!(size as usize, entry.bytes.len());
    }
}

/// Reads `bytes` as packets of a transport stream, and as one section: what the maps say of a stream is
/// read again as it is written, and what is written has its checksum.
pub fn program_maps(bytes: &[u8]) {
    let mut reader = MapReader::default();
    for packet in bytes.chunks_exact(PACKET) {
        if packet.try_into().is_ok_and(|packet| reader.look(packet)) {
            break;
        }
    }
    check_streams(&reader, bytes.len());
    for step in mpegts::STEPS {
        let first = mpegts::first(bytes, step);
        assert!(first.is_none_or(|first| first < step && bytes[first] == mpegts::SYNC));
    }
    check_section(bytes);
    check_splice(bytes);
}

fn check_streams(reader: &MapReader, len: usize) {
    let (mut count, mut own) = (0, 0);
    for (pid, kind) in reader.kinds() {
        let stream = reader.stream(pid).expect("a stream that there is");
        assert!(pid < 0x2000 && stream.kind == kind);
        assert_eq!(EsInfo::of_bytes(&stream.to_bytes()).as_ref(), Some(stream));
        count += 1;
        own += stream.own.len();
    }
    assert!(count * 5 + own <= len, "{count} streams out of {len} bytes");
}

/// A map with a stream more has all those that it had, and the one.
fn check_section(bytes: &[u8]) {
    let mut section = bytes[..bytes.len().min(MAX_SECTION)].to_vec();
    let Some(length) = section.len().checked_sub(3) else {
        return;
    };
    section[1..3].copy_from_slice(&(length as u16).to_be_bytes());
    let section = &section[..];
    let data = EsInfo {
        own: vec![0x26, 1, 7],
        ..EsInfo::graphics()
    };
    let pid = Pid::new(0x1FF0);
    let Some(made) = mpegts::with_streams(section, &[(&pid, &data)]) else {
        return;
    };
    assert_eq!(mpegts::crc(&made), [0; 4]);
    assert!(made.len() <= MAX_SECTION);
    let (before, after) = (map_of(section), map_of(&made));
    for (pid, kind) in before.kinds() {
        assert_eq!(after.stream(pid).map(|stream| stream.kind), Some(kind));
    }
    if before.stream(0x1FF0).is_none() {
        let found = after.stream(0x1FF0).expect("the stream that was added");
        assert_eq!((found.kind, &found.own), (data.kind, &data.own));
    }
}

/// What a reader finds in a map of one program.
fn map_of(section: &[u8]) -> MapReader {
    let mut packets = Vec::new();
    Pid::new(0).section(
        b"\0\xB0\x0D\0\x01\xC1\0\0\0\x01\xF0\0\0\0\0\0",
        &mut packets,
    );
    Pid::new(0x1000).section(section, &mut packets);
    let mut reader = MapReader::default();
    for packet in packets.chunks_exact(PACKET) {
        if packet.try_into().is_ok_and(|packet| reader.look(packet)) {
            break;
        }
    }
    reader
}

/// A splice that is moved there and back is where it was.
fn check_splice(section: &[u8]) {
    let by = section.len() as i64 * 90_001;
    if let Some(moved) = mpegts::moved_splice(section, by) {
        assert_eq!(mpegts::crc(&moved), [0; 4]);
        let back = mpegts::moved_splice(&moved, -by).expect("it was moved before");
        let end = back.len() - 4;
        assert_eq!(back[..end], section[..end]);
    }
}

/// Reads `bytes` as the sample entry of a picture track and as its first sample: sets are no more than
/// the bytes that they are in, and an entry that is made anew has those that it was given.
pub fn sample_entry(bytes: &[u8]) {
    let facts = picture::facts(bytes);
    let layers = facts.layers.iter().map(|layer| layer.record.len());
    let projection = facts.projection.iter().map(|found| found.data.len());
    let all: usize = layers.chain(projection).sum();
    assert!(all <= bytes.len() + 20);
    let Some(sets) = ParameterSets::of(bytes) else {
        return;
    };
    assert!((1..=4).contains(&sets.length_size));
    let all: usize = sets.sets.iter().map(bytes::Bytes::len).sum();
    assert!(all <= bytes.len());
    let band = sets.in_band();
    assert!(band.is_none_or(|band| {
        band.len() == all + sets.sets.len() * usize::from(sets.length_size)
    }));
    for hevc in [false, true] {
        let _ = CodedLight::of(hevc, &sets, bytes);
    }
    if let Some(made) = entry_with_sets(bytes, &sets.sets) {
        let read = ParameterSets::of(&made).expect("the entry that was made");
        assert_eq!(read.length_size, sets.length_size);
        assert!(read.sets.iter().all(|set| sets.sets.contains(set)));
    }
}

/// Judges `text` as a URL, as an address and as a network: none that is passed leads to this machine or to
/// its own networks, and the URL's plain spelling is judged as the one it came in.
pub fn url(text: &str) {
    let policy = UrlPolicy::default();
    if let Ok(url) = url::Url::parse(text) {
        let verdict = policy.check(&url);
        let again = url::Url::parse(url.as_str()).map(|url| policy.check(&url));
        assert_eq!(again, Ok(verdict.clone()), "{url}");
        if verdict.is_ok() {
            assert!(matches!(url.scheme(), "http" | "https"));
            assert!(url.username().is_empty() && url.password().is_none());
            let address = url.host_str().map(|host| host.trim_matches(['[', ']']));
            let address = address.and_then(|host| host.parse().ok());
            assert!(!address.is_some_and(is_inside), "{url}");
        }
    }
    if let Ok(address) = text.parse()
        && policy.addresses.check(address).is_ok()
    {
        assert!(!is_inside(address), "{address}");
    }
    if let Ok(open) = AddressPolicy::default().allow(text) {
        let first = text.split('/').next().unwrap_or_default();
        let first = first.parse().expect("the address of a network");
        assert_eq!(open.check(first), Ok(()));
    }
    object_url(text);
}

/// Whether an address is of no public network, by the word of the standard library.
fn is_inside(address: std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_documentation()
        }
        std::net::IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.to_ipv4_mapped().is_some_and(|v4| is_inside(v4.into()))
        }
    }
}
