//! Any bytes are read as the headers of Vorbis and as its packets.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| media_concat::fuzzing::vorbis(bytes));
