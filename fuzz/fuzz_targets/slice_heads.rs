//! Any bytes are read as parameter sets and pictures of H.264, HEVC, VVC and MPEG-2: reading ends, takes no more memory than
//! there are bytes, and numbers keep to their bits.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| media_concat::fuzzing::slice_heads(bytes));
