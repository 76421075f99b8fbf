//! Any bytes are read as a file: an index that keeps its promises, or an error; the same from near
//! and from far away.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| media_concat::fuzzing::index(file));
