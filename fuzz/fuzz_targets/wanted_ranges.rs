//! Any text is read as the `Range` of a request: the ranges lie in the file and do not meet.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|given: (u64, &[u8])| media_concat::fuzzing::wanted_ranges(given.1, given.0));
