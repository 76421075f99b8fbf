//! Any bytes are read as the sample entry of a picture track: sets are no more than the bytes that they are
//! in, and an entry that is made anew is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| media_concat::fuzzing::sample_entry(bytes));
