//! Any bytes are read as an MP3 file, range by range as the reader asks for them: samples and tags lie in the file,
//! and are no more than it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| media_concat::fuzzing::mp3(bytes));
